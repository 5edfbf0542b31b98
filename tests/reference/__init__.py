"""Slow, obvious oracles. Nothing in the package imports them, and they import nothing of the package."""
