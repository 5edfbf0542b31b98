"""Samplers on a trie of bounds: one kind of attempt, and policies of what it learns and what it does about drift.

An attempt draws token by token, each as probable as the model says times the bound behind it. Once it is there, the
bound may be lower than when the token was drawn: the mask was not known, or other attempts have learned something. By
the *drift*, the ratio of the bounds now and then, what was drawn is too probable. An attempt that goes on with this
probability has the model's law, given that the text is valid; one that is weighted by it has it in expectation; one
that ignores it, once nothing is left to learn. The product of the ratios telescopes, so this holds whatever other
attempts do at the same time, as long as samples are taken in the order in which attempts began.
Source: Park et al. (2024), "Grammar-Aligned Decoding" (ASAp); Parys et al. (2025), "Constrained Adaptive Rejection
Sampling" (ARS, RSFT, CARS).
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Literal

from .choices import Choices
from .engine import MatcherLike
from .language_model import Prefix
from .logs import log, log_mean, log_sum
from .predicates import Memo, is_wanted
from .prefixes import Prefixes
from .samples import Exactness, Samples
from .validity_trie import ROOT, Row, ValidityTrie

Learned = Literal["nothing", "first mask", "tokens", "masks"]
Drift = Literal["coin", "weight", "ignore"]


@dataclass(frozen=True, slots=True)
class Policy:
    """What attempts learn, what they do about drift, and what that makes of the samples.

    learned : "masks": all that may not follow a prefix, at each prefix.  "tokens": the token that turned out wrong.
    """

    learned: Learned
    drift: Drift
    exactness: Exactness


MAX_ATTEMPTS = 100_000
POLICIES = {
    "rs": Policy("nothing", "coin", "exact"),
    "rsft": Policy("first mask", "coin", "exact"),
    "ars": Policy("tokens", "coin", "exact"),
    "cars": Policy("masks", "coin", "exact"),
    "weighted": Policy("masks", "weight", "weighted"),
    "asap": Policy("masks", "ignore", "asymptotic"),
}


class TrieSampler:
    """Draws samples by attempts, several at once.

    batch  : attempts that run at the same time; they share `trie`, and the model is asked for all of them together.
    max_attempts : so many are begun.
    predicate : what is wanted beside the constraint; what it refuses is learned as far as the policy learns at all.
    """

    def __init__(
        self,
        prefixes: Prefixes,
        policy: Policy,
        choices: Choices,
        *,
        trie: ValidityTrie | None = None,
        batch: int = 1,
        max_attempts: int = MAX_ATTEMPTS,
        unique: bool = False,
        predicate: Memo | None = None,
    ) -> None:
        self.trie = ValidityTrie() if trie is None else trie
        self.stats = prefixes.stats
        self._prefixes = prefixes
        self._policy = policy
        self._choices = choices
        self._batch = batch
        self._unique = unique
        self._predicate = predicate
        self._left = max_attempts
        self._n_before = prefixes.stats.attempts
        self._taken: set[Prefix] = set()

    def draw(self, n: int) -> Samples:
        """Up to `n` samples."""
        self.stats.accepted, self.stats.stopped = 0, None
        running: deque[_Attempt] = deque()
        over: list[_Attempt] = []
        accepted: list[_Attempt] = []
        while len(accepted) < n and not self.stats.stopped:
            while len(running) < self._batch and self._left > 0 and self._prefixes.has_budget:
                self._left -= 1
                running.append(_Attempt(self._prefixes.constraint.matcher()))
            self._advance([attempt for attempt in running if not attempt.is_over])
            running = self._in_order(running)
            while running and running[0].is_over and len(accepted) < n:
                over.append(running.popleft())
                if over[-1].is_accepted and self._is_taken(over[-1]):
                    accepted.append(over[-1])
            self.stats.attempts, self.stats.accepted = self._n_before + len(over), len(accepted)
            if len(accepted) < n and not self.stats.stopped:
                self.stats.stopped = self._why_stopped(bool(running))
        is_weighted = self._policy.drift == "weight"
        return Samples(
            [tuple(attempt.tokens) for attempt in accepted],
            [attempt.log_estimate if is_weighted else 0.0 for attempt in accepted],
            self._log_z(over[:-1] if len(accepted) == n > 1 else over),
            self._policy.exactness,
            self.stats,
        )

    def _why_stopped(self, is_running: bool) -> str | None:
        if self.trie.theta(ROOT) <= 0.0:
            return "no text is left"
        if not is_running and self._left == 0:
            return "the attempts are used up"
        return None if is_running or self._prefixes.has_budget else "the budget is used up"

    def _is_taken(self, attempt: _Attempt) -> bool:
        """Whether an accepted text is a sample; if none may come twice, it is the last time for this one."""
        if not self._unique:
            return True
        tokens = tuple(attempt.tokens)
        if tokens in self._taken:
            return False
        self._taken.add(tokens)
        self._take_out(attempt)
        return True

    def _log_z(self, over: list[_Attempt]) -> float | None:
        """An estimate of the logarithm of the probability of the language.

        That of an attempt is the bound at its beginning, if it is accepted, and 0 if not; or its weight. These have the
        right mean, but by coins the more variance, the higher the bound: they count by its inverse. Whoever calls
        leaves out the last one if it is the reason to stop (Haldane).
        """
        if self._policy.drift == "ignore" or self._unique or not over:
            return None
        if self._policy.drift == "weight":
            return log_mean([attempt.log_estimate for attempt in over])
        n_accepted = sum(attempt.is_accepted for attempt in over)
        return log(n_accepted) - log_sum([-attempt.log_bound for attempt in over])

    def _in_order(self, running: deque[_Attempt]) -> deque[_Attempt]:
        """As they began: who is first at the end is more often short."""
        return running

    def _advance(self, running: list[_Attempt]) -> None:
        """One token more for each attempt; the model is asked once."""
        rows = self._rows(running)
        self.stats.steps += len(running)
        for attempt in running:
            self._step(attempt, rows[attempt.node])

    def _rows(self, running: list[_Attempt]) -> dict[int, Row]:
        """What may follow the prefixes of attempts."""
        rows = {attempt.node: self.trie.row(attempt.node) for attempt in running}
        known = {node: row for node, row in rows.items() if row is not None}
        asked = {attempt.node: attempt for attempt in running if attempt.node not in known}
        found = self._prefixes.rows([tuple(attempt.tokens) for attempt in asked.values()])
        for attempt, row in zip(asked.values(), found, strict=True):
            known[attempt.node] = self._learn(attempt, row)
        return known

    def _learn(self, attempt: _Attempt, row: Row) -> Row:
        """Keep a row, without what may not follow if that is learned."""
        learned = self._policy.learned
        is_first = learned == "first mask" and not attempt.tokens
        # Where another policy has learned the mask, the bound is that of the masked row.
        if learned == "masks" or is_first or self.trie.is_open(attempt.node):
            row = self._prefixes.allowed(row, attempt.matcher, len(attempt.tokens))
            self.trie.open(attempt.node, row)
        else:
            self.trie.keep(attempt.node, row)
        return row

    def _step(self, attempt: _Attempt, row: Row) -> None:
        """Account for the drift, and draw a token."""
        if not self._survives(attempt):
            attempt.fail()
            return
        weights = self.trie.weights(attempt.node, row)
        if not weights.any():
            self.trie.rule_out(attempt.node)  # what is left of its bound is rounding
            attempt.fail()
            return
        place = self._choices.categorical(weights)
        token, probability = int(row.tokens[place]), float(row.probabilities[place])
        is_allowed = self._prefixes.allows(token, attempt.matcher, len(attempt.tokens))
        if not is_allowed or not self._is_wanted(attempt, token):
            if self._policy.learned in ("tokens", "masks"):
                self.trie.rule_out(self.trie.add(attempt.node, token, probability))
            attempt.fail()
        elif token in self._prefixes.eos_ids:
            attempt.is_accepted = attempt.is_over = True
            attempt.last_row = row
        else:
            attempt.node = self.trie.add(attempt.node, token, probability)
            attempt.tokens.append(token)
            attempt.theta = self.trie.theta(attempt.node)

    def _is_wanted(self, attempt: _Attempt, token: int) -> bool:
        """Whether the predicate lets a token follow."""
        is_whole = token in self._prefixes.eos_ids
        tokens = tuple(attempt.tokens) if is_whole else (*attempt.tokens, token)
        return is_wanted(self._predicate, tokens, is_whole=is_whole)

    def _survives(self, attempt: _Attempt) -> bool:
        """Whether an attempt goes on at its prefix, of which the bound may have become lower."""
        theta = self.trie.theta(attempt.node)
        if attempt.theta is None:
            attempt.log_bound = attempt.log_estimate = log(theta)
            return theta > 0.0
        drift = theta / attempt.theta if attempt.theta > 0.0 else 0.0
        if self._policy.drift == "weight":
            attempt.log_estimate += log(drift)
        return theta > 0.0 and (self._policy.drift != "coin" or self._choices.bernoulli(drift))

    def _take_out(self, attempt: _Attempt) -> None:
        """Let a text not come again, whichever token ends it."""
        assert attempt.last_row is not None
        for token in self._prefixes.eos_ids:
            place = attempt.last_row.place(token)
            if place >= 0:
                probability = float(attempt.last_row.probabilities[place])
                self.trie.rule_out(self.trie.add(attempt.node, token, probability))


class _Attempt:
    """A text on its way.

    node  : its prefix in the trie.  theta : the bound there when the last token was drawn, None at the beginning.
    log_bound : on the probability of the language, when the attempt began.  log_estimate : of that probability, if the
        attempt is accepted.
    last_row : where the text ended.
    """

    def __init__(self, matcher: MatcherLike) -> None:
        self.matcher = matcher
        self.tokens: list[int] = []
        self.node = ROOT
        self.theta: float | None = None
        self.log_bound = -math.inf
        self.log_estimate = -math.inf
        self.last_row: Row | None = None
        self.is_over = False
        self.is_accepted = False

    def fail(self) -> None:
        """End without a sample."""
        self.is_over = True
        self.log_estimate = -math.inf
