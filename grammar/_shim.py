from .dfa import *
from .numbers import number_dfa, number_equal_dfa
from .multiples import multiple_dfa, non_multiple_dfa
from .regex import compile_regex
from fractions import Fraction
def numbers_dfa(*, integer, low, low_open, high, high_open, values, plain, multiples, non_multiples, excluded):
    if values is not None:
        from .schema.scalar_shapes import Numbers
        n = Numbers(integer, low, low_open, high, high_open, values, None, multiples, non_multiples, excluded)
        d = number_equal_dfa([v for v in values if n.holds(v)])
        return intersect(d, compile_regex(r"-?(0|[1-9][0-9]*)")) if plain else d if plain is None else difference(d, compile_regex(r"-?(0|[1-9][0-9]*)"))
    else:
        d = number_dfa(integer=integer, lo=low, lo_exclusive=low_open, hi=high, hi_exclusive=high_open)
    for m in multiples: d = intersect(d, multiple_dfa(m))
    for m in non_multiples: d = intersect(d, non_multiple_dfa(m))
    for v in excluded: d = intersect(d, union(number_dfa(integer=False, hi=v, hi_exclusive=True), number_dfa(integer=False, lo=v, lo_exclusive=True)))
    p = compile_regex(r"-?(0|[1-9][0-9]*)")
    if plain is True: d = intersect(d, p)
    if plain is False: d = difference(d, p)
    return d
def numbers_are_empty(**k): return numbers_dfa(**k).is_empty
