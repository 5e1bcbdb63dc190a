"""Captures, journals and feed stores as readable lines or JSON. No numba."""
