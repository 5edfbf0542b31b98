"""Rows behind prefixes, for samplers that keep no trie: none is asked of the model twice."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Literal

from ..errors import GramaskError
from .arguments import one_of
from .engine import MatcherLike
from .language_model import Prefix
from .prefixes import Prefixes
from .validity_trie import ROW_BYTES, Row
from .warping import Sampling, warp

Order = Literal["warp_then_mask", "mask_then_warp"]
ORDERS = ("warp_then_mask", "mask_then_warp")


class MaskedRows:
    """Mutable: what may follow each prefix, by the constraint.

    sampling   : temperature and cuts that the law of the model goes through; None for none.
    order      : whether what the constraint forbids is left out behind them or in front of them.
    kept_bytes : what the rows may take; those used last are kept.
    Raises GramaskError for temperature 0 and another order.
    """

    def __init__(
        self,
        prefixes: Prefixes,
        *,
        sampling: Sampling | None = None,
        order: Order = "warp_then_mask",
        kept_bytes: int = ROW_BYTES,
    ) -> None:
        one_of("order", order, ORDERS)
        if sampling is not None and sampling.temperature == 0:
            raise GramaskError("temperature 0 is no law to sample from", hint="give a temperature above 0")
        self._prefixes = prefixes
        self._sampling = sampling
        self._order = order
        self._kept: OrderedDict[Prefix, Row] = OrderedDict()
        self._room = kept_bytes

    def row(self, prefix: Prefix, matcher: MatcherLike) -> Row:
        """Of one prefix; `matcher` stands behind it."""
        return self.rows({prefix: matcher})[prefix]

    def rows(self, matchers: Mapping[Prefix, MatcherLike]) -> dict[Prefix, Row]:
        """Of some prefixes; the model is called at most once."""
        missing = [prefix for prefix in matchers if prefix not in self._kept]
        fresh = {
            prefix: self._masked(row, prefix, matchers[prefix])
            for prefix, row in zip(missing, self._prefixes.rows(missing), strict=True)
        }
        found = {prefix: fresh[prefix] if prefix in fresh else self._kept[prefix] for prefix in matchers}
        for prefix, row in found.items():
            self._keep(prefix, row)
        return found

    def _masked(self, row: Row, prefix: Prefix, matcher: MatcherLike) -> Row:
        if self._sampling is None:
            return self._prefixes.allowed(row, matcher, len(prefix))
        if self._order == "mask_then_warp":
            return warp(self._prefixes.allowed(row, matcher, len(prefix)), self._sampling)
        return self._prefixes.allowed(warp(row, self._sampling), matcher, len(prefix))

    def _keep(self, prefix: Prefix, row: Row) -> None:
        if prefix in self._kept:
            self._kept.move_to_end(prefix)
            return
        self._kept[prefix] = row
        self._room -= row.n_bytes
        while self._room < 0 and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._room += dropped.n_bytes
