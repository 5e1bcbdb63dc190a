"""The operator's way in: actions by name, over a socket of the appliance, into the loop's ring. No numba here."""
