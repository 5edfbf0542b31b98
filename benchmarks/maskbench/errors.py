"""What ends a run with one line instead of a traceback."""

from __future__ import annotations


class BenchmarkError(Exception):
    """A fault of the arguments or the installation; the message is one line for the user."""

    exit_code = 2


class SetUpFailed(BenchmarkError):
    """An engine could not be set up: its package is there, but tokenizer or warm-up failed."""

    exit_code = 1


class Interrupted(Exception):
    """The user asked the run to stop."""
