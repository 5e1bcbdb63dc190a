"""The TCP retransmit server: any range of the day, from what was published. A process of its own, off the hot path."""
