"""Figures beside the latencies: batches, memory, cold starts, forks, applying masks.

Each is measured in fresh processes, gramask and its peers in turns: `python -m benchmarks.maskbench.figures NAME`.
"""
