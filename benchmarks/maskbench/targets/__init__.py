"""All targets in one run: `python -m benchmarks.maskbench --targets` measures, and prints what is met."""
