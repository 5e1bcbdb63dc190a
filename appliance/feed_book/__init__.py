"""The public books, built from market data messages: what a subscriber knows. Kernels without I/O."""
