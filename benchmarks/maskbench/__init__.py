"""MaskBench: real JSON Schemas with valid and invalid instances, run token by token through mask engines.

Every engine gets the same token sequences, in its own process, one process at a time.
See `measure` for what is timed.
"""
