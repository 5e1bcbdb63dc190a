"""The caretaker: prepares the host and its network interfaces."""
