"""Whole grammars through mask engines: real texts token by token, and texts that are nearly right.

`python -m benchmarks.grammars --help` tells how.
"""
