"""Price-time books of many instruments in one set of arrays: state, kernels, checks and views."""
