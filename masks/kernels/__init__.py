"""The only modules that import numba."""
