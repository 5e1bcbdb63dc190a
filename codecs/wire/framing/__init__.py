"""How messages are cut out of streams and datagrams. No numba."""
