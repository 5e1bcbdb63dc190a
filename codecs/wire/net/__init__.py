"""Ethernet, IPv4 and UDP: kernels for the loop, plain Python for people and tests."""
