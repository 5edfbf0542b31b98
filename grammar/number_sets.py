"""Sets of numbers as conjunctions: bounds, multiples, listed values. Their texts, and how many they are.

All functions take the same keywords, exact and each optional:
integer          : only integral values.
low, low_open    : at least `low`, or above it; None is no bound. `high` alike.
multiples        : an integer times each of these, which are above zero and have finite decimal expansions.
non_multiples    : an integer times none of these ("no integer" is no multiple of 1).
values           : one of these, which must have finite decimal expansions; None is any.
excluded         : none of these.
plain            : True: an integer spelled without fraction and exponent. False: spelled with one of them.

Which exponent spellings are accepted: those that every part accepts (`numbers.py`, `multiples.py`); where
multiples or exclusions leave at most MAX_LISTED values, those of a list of values. Emptiness and counts speak of
values, not of spellings: they are exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from functools import lru_cache
from itertools import count, islice
from math import gcd, lcm
from typing import TypedDict

from typing_extensions import Unpack

from .dfa import EMPTY, ByteDfa, difference, intersect, table_bytes
from .multiples import multiple_dfa, non_multiple_dfa
from .numbers import not_equal_dfa, number_dfa, number_equal_dfa
from .recent import Recent
from .regex import compile_regex

MAX_LISTED = 64

_CACHE: Recent[ByteDfa] = Recent(32 << 20, table_bytes)
