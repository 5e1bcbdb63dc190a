"""The building: stages as kernels, the pipeline that calls them, the loop that drives it, and Python for people."""
