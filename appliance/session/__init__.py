"""Who sent it, which number it has, and what it says: bytes to COMMAND."""
