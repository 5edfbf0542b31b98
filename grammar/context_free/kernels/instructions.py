"""The instructions of a `Program`: rows of int64, `[operation, a, b, c, region]`.

    READ a        read a character of the encoding node a, go on
    CALL a        read what rule a derives, go on
    ENTER a       the same where rule a is part of its callers: run its body, which RETURNs
    JUMP a        go on at a
    SPLIT a       go on, or at a
    LOOP a b c    run the body that follows, which RETURNs here, b to c times (c = -1: any number), go on at a
    RETURN        the end of a body
    FAIL          no way on

A *region* is a body: that of rule r has the number r, those of loops have the numbers behind.
EMPTY and PRODUCTIVE are flags: whether the end of its body may follow an instruction without a byte, or at all.
"""

from __future__ import annotations

READ, CALL, ENTER, JUMP, SPLIT, LOOP, RETURN, FAIL = range(8)
OP, A, B, C, REGION, EMPTY, PRODUCTIVE, WIDTH = range(8)
UNBOUNDED = -1
