"""The floor: what Python, kernels and C share, and the C itself."""
