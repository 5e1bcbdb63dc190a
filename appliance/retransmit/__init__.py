"""Ranges of a feed store as they go out over TCP: an index of its entries, and framed packets. Kernels only, no I/O."""
