"""The event log around the loop: segments in shared memory, on disk and in the archive. Nothing here needs numba."""
