"""A client of the appliance: sans-I/O cores (session, feed, book, recovery) and the sockets around them.

Numba-free, but for `appliance.client.replayer`.
"""
