"""Types of command line arguments that all benchmarks have."""

from __future__ import annotations

import argparse


def names(text: str) -> list[str]:
    """What commas separate."""
    return [name.strip() for name in text.split(",") if name.strip()]


def positive(text: str) -> int:
    """An integer from 1 on."""
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def seconds(text: str) -> float:
    """A time above 0."""
    if (number := float(text)) <= 0:
        raise argparse.ArgumentTypeError("must be greater than 0")
    return number
