"""Snapshots of books as market data packets: the same bytes in the snapshot loop and on demand over TCP. No I/O."""
