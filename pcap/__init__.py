"""Captures of this project's own making, and what makes them: order flow from a file or from a seed. No numba."""
