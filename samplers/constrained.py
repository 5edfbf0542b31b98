"""A model and a schema, joined: call it with a prompt and get typed values back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, overload

from ..errors import GramaskError
from ..grammar.options import OPTION_NAMES, refuse_unknown
from ..masks.token_bytes import load_tokenizer
from .loading import find_tokenizer, load_model, n_logits_of, pad_id_of, vocabulary_of
from .loop import Decoding, DecodingLoop, decode
from .own_law import METHODS, draw_answers, law_options
from .partial import partial_value
from .prompts import Prompts, encode_prompts
from .result import Partial, Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from .engine import ConstraintLike

T = TypeVar("T")
Chat = list[dict[str, Any]]

DECODING_NAMES = ("max_new_tokens", "on_budget", "temperature", "top_k", "top_p", "seed", "jump", "attempts")
# Named so that they are refused with a reason; a value outside these is not available.
_ONLY_VALUES: dict[str, tuple[Any, ...]] = {
    "sampler": (None, "local", "greedy", *METHODS),
    "speculate": (None, False),
    "think": (None,),
}


class Constrained(Generic[T]):
    """A model that answers in the language of a schema. Immutable; calls share nothing but the model.

    Made by `gramask.constrain`. Options of a call, whose defaults `constrain` may set:

    max_new_tokens : 512, or what the model's context has room for; the end token counts.
    on_budget   : "close" (default): the text is always complete within max_new_tokens; when the room for the
                  shortest ending known would be gone, that ending is written and `finish` is "closed".
                  "cut": stop anywhere, `finish` is "length" and `value` None. "raise": GramaskError instead.
    temperature : 0 (default) takes the most probable legal token; above 0 it draws. The settings in the
                  model's generation_config are not used.
    top_k, top_p: cut the legal distribution; both need a temperature above 0.
    seed        : makes draws reproducible, whatever else is in the batch; None is fresh entropy.
    jump        : write forced tokens without asking the model; see `Decoding`.
    attempts    : 4 by default: how often a text is written that turns out to break what the mask could not enforce,
                  with `unsupported="validate"`; then ValidationFailed. A stream has one attempt.

    sampler     : "greedy" insists on temperature 0; "local" draws token by token from the masked, renormalised
                  distribution. "exact" draws from the model's own law, given that the text is one of the schema's;
                  "auto" does so where it is affordable, and gives weights where it is not; "weighted", "asap", "smc"
                  and "mcmc" are methods of `gramask.samplers.sample`, which says what else each can be told: `batch`
                  (8), `max_attempts` (100 for each answer, at least 10,000), `budget`, `unique`, `steps`, ... All of
                  these but "greedy" make 1 the default temperature. Results have a `log_weight`, and a `law` that says
                  how probable texts of the schema are to the model. Only `constrain` takes it.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        constraints: ConstraintLike | Sequence[ConstraintLike],
        **options: Any,
    ) -> None:
        """Most callers want `gramask.constrain`, which compiles the constraint.

        model : a causal model of transformers.  tokenizer : writes the prompts.
        constraints : one for every prompt, or a list with one per prompt of a batch.
        options : see the class. Raises GramaskError for one that is unknown, unavailable or out of range.
        """
        self.model = model
        self.tokenizer = tokenizer
        self.constraints = constraints
        self.sampler: str | None = options.get("sampler")
        self.defaults = _decoding_of(options)
        self.law_defaults = {name: options[name] for name in _law_names(self.sampler) if name in options}
        first = constraints[0] if isinstance(constraints, Sequence) else constraints
        self.pad_id = pad_id_of(model, tokenizer, first.vocabulary.eos_ids)

    @overload
    def __call__(self, prompt: str | Chat, *, n: Literal[1] = 1, **options: Any) -> Result[T]: ...
    @overload
    def __call__(self, prompt: Any, *, n: int = 1, **options: Any) -> Any: ...

    def __call__(self, prompt: Any, *, n: int = 1, **options: Any) -> Any:
        """Answer a prompt, or each of a list of prompts, under the constraint.

        prompt : str, chat messages, token ids, or a list of these; see `encode_prompts`.
        n : answers per prompt, drawn independently; above 1 it needs a temperature above 0.
        options : see the class.

        Returns a Result; for a list of prompts a list; for n > 1 a list of n in the place of each Result.
        Raises GramaskError for an option that is unknown or out of range, DeadEnd where the model's logits
        leave nothing to choose, ValidationFailed where no attempt gave a valid text.
        """
        decoding, law = self._settings(options)
        if n == 1:
            prompts = encode_prompts(self.tokenizer, prompt)
            results = [group[0] for group in self._answers(prompts, decoding, 1, law)]
            return results if prompts.is_batch else results[0]
        if decoding.temperature == 0:
            raise GramaskError(
                f"n={n} answers at temperature 0 would all be the same",
                hint="give temperature=1.0, or use .sample",
            )
        return self._sample(prompt, n, decoding, law)

    def sample(self, prompt: Any, n: int, *, temperature: float | None = None, **options: Any) -> Any:
        """`n` independent draws for a prompt, always as a list; for a list of prompts, a list of such lists.

        Draws from the model's distribution masked token by token and renormalised, unless `constrain` was told another
        sampler.  temperature : above 0; by default that of `constrain`, or 1.  options, errors : see `__call__`.
        """
        if temperature is None:
            temperature = self.defaults.temperature or 1.0
        decoding, law = self._settings({**options, "temperature": temperature})
        if temperature == 0:
            raise GramaskError(
                "temperature=0 does not draw", hint="call the object itself for the greedy answer"
            )
        return self._sample(prompt, n, decoding, law)

    def stream(self, prompt: Any, **options: Any) -> Iterator[Partial[T]]:
        """Answer one prompt, giving a Partial after every step; the last one has `done` and `result`.

        A step writes one token; more where tokens are forced (`jump`) or the text is closed. Text arrives in
        whole characters and is never taken back.  options, errors : see `__call__`.
        """
        if self.sampler in METHODS:
            raise GramaskError(
                f"sampler={self.sampler!r} cannot stream: which text it is, is known at its end only",
                hint="call the object itself",
            )
        decoding, _ = self._settings(options)
        prompts = encode_prompts(self.tokenizer, prompt)
        if prompts.is_batch:
            raise GramaskError("a stream has one prompt, not a list", hint="call .stream once per prompt")
        (constraint,) = self._constraints_for(prompts)
        # Checked above, before the first `next`: a generator would report errors late.
        return self._stream(prompts, constraint, decoding)

    def _stream(
        self, prompts: Prompts, constraint: ConstraintLike, decoding: Decoding
    ) -> Iterator[Partial[T]]:
        loop = DecodingLoop(self.model, prompts.token_ids, [constraint], decoding, self.pad_id)
        (row,) = loop.rows
        shown = ""
        for _ in loop:
            text = row.text
            if row.finish is None:
                yield Partial(text, text[len(shown) :], partial_value(constraint, text), False, None)
                shown = text
        result: Result[T] = loop.result(0)
        yield Partial(result.text, result.text[len(shown) :], result.value, True, result)

    def _sample(self, prompt: Any, n: int, decoding: Decoding, law: dict[str, Any]) -> Any:
        if n < 1:
            raise GramaskError(f"n={n} is not a positive number")
        prompts = encode_prompts(self.tokenizer, prompt)
        groups = self._answers(prompts, decoding, n, law)
        return groups if prompts.is_batch else groups[0]

    def _answers(
        self, prompts: Prompts, decoding: Decoding, n: int, law: dict[str, Any]
    ) -> list[list[Result[T]]]:
        """`n` results for each prompt."""
        constraints = self._constraints_for(prompts)
        if self.sampler in METHODS:
            return draw_answers(
                self.model, prompts.token_ids, constraints, decoding, n, sampler=self.sampler, options=law
            )
        repeated = [c for c in constraints for _ in range(n)]
        token_ids = [ids for ids in prompts.token_ids for _ in range(n)]
        results = decode(self.model, token_ids, repeated, decoding, pad_id=self.pad_id)
        return [results[i : i + n] for i in range(0, len(results), n)]

    def _constraints_for(self, prompts: Prompts) -> Sequence[ConstraintLike]:
        n_prompts = len(prompts.token_ids)
        if not isinstance(self.constraints, Sequence):
            return [self.constraints] * n_prompts
        if len(self.constraints) != n_prompts:
            raise GramaskError(
                f"{len(self.constraints)} schemas were given, one per prompt, but {n_prompts} prompts",
                hint="give a single schema to use it for every prompt",
            )
        return self.constraints

    def _settings(self, options: dict[str, Any]) -> tuple[Decoding, dict[str, Any]]:
        """How to decode, and what else the sampler is told."""
        names = _law_names(self.sampler)
        refuse_unknown(options, (*DECODING_NAMES, *names))
        law = {name: value for name, value in options.items() if name in names}
        own = {name: value for name, value in options.items() if name not in names}
        decoding = replace(self.defaults, **own)
        _check_sampler(self.sampler, decoding.temperature)
        return decoding, {**self.law_defaults, **law}


def constrain_model(
    model: Any,
    schema: Any,
    tokenizer: Any,
    options: dict[str, Any],
    compile_schema: Callable[..., ConstraintLike],
) -> Constrained[Any]:
    """Join model and schema, or a list of schemas with one per prompt.

    model : a transformers causal model, or a folder with one.
    tokenizer : or a folder with one; None takes the one in the model's folder.
    options : those of `gramask.compile` and of `Constrained`.
    compile_schema(schema, vocabulary, n_logits=..., **options) : `gramask.compile`.
    Raises GramaskError for an unknown option, as `load_model` and `find_tokenizer` do, or as compiling does.
    """
    decoding = {name: value for name, value in options.items() if name not in OPTION_NAMES}
    engine = {name: value for name, value in options.items() if name in OPTION_NAMES}
    refuse_unknown(decoding, (*OPTION_NAMES, *_names(decoding.get("sampler"))))
    _decoding_of(decoding)  # a bad value is refused before a model is loaded
    model = load_model(model)
    if tokenizer is None:
        tokenizer = find_tokenizer(model)
    elif isinstance(tokenizer, str | PathLike):
        tokenizer = load_tokenizer(tokenizer)
    vocabulary = vocabulary_of(model, tokenizer)

    def compiled(one: Any) -> ConstraintLike:
        return compile_schema(one, vocabulary, n_logits=n_logits_of(model), **engine)

    constraints = [compiled(one) for one in schema] if isinstance(schema, list) else compiled(schema)
    return Constrained(model, tokenizer, constraints, **decoding)


def _names(sampler: str | None) -> tuple[str, ...]:
    """Options that decide how the model is sampled; the others belong to `gramask.compile`."""
    return (*DECODING_NAMES, *_ONLY_VALUES, *_law_names(sampler))


def _law_names(sampler: str | None) -> tuple[str, ...]:
    """Options of a sampler that the loop does not know."""
    return law_options(sampler) if sampler in METHODS else ()


def _decoding_of(options: dict[str, Any]) -> Decoding:
    for name, available in _ONLY_VALUES.items():
        if options.get(name) not in available:
            raise GramaskError(
                f"{name}={options[name]!r} is not available",
                hint=f"available is {' or '.join(map(repr, available))}",
            )
    sampler = options.get("sampler")
    refuse_unknown(options, _names(sampler))
    given = {name: options[name] for name in DECODING_NAMES if name in options}
    if sampler not in (None, "greedy"):
        given.setdefault("temperature", 1.0)
    decoding = Decoding(**given)
    _check_sampler(sampler, decoding.temperature)
    return decoding


def _check_sampler(sampler: str | None, temperature: float) -> None:
    if sampler == "greedy" and temperature != 0:
        raise GramaskError("sampler='greedy' contradicts a temperature above 0", hint="leave one of them out")
    if sampler not in (None, "greedy") and temperature == 0:
        raise GramaskError(f"sampler={sampler!r} contradicts temperature 0", hint="leave one of them out")
