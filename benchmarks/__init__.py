"""Benchmarks of gramask and its peers; run from the root of the repository, not part of the wheel."""
