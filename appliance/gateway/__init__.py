"""The gateway: whoever wants in is verified here, and TCP ends here. A process of its own, off the hot path."""
