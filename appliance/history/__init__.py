"""What was: snapshots of the state, and everything that is made of the journal again."""
