"""Designs that the book could have: the one it has beside those that lost, on the same operations, equal before timed.

docs/decisions/book-structure.md says what follows from the figures.
"""
