"""May this order reach the book: instrument, account, limits."""
