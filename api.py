"""The three verbs: constrain a model, compile a constraint, check a schema."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from functools import cache as once
from typing import TYPE_CHECKING, Any

from .errors import GramaskError
from .grammar.makers import resolve
from .grammar.options import Options
from .grammar.recent import Recent
from .grammar.source import JsonSource, Source

if TYPE_CHECKING:
    from .grammar.schema.report import Report
    from .masks.constraint import Constraint
    from .masks.vocabulary import Vocabulary
    from .samplers.constrained import Constrained

CACHED_CONSTRAINTS = 64


def check(schema: Any, **options: Any) -> Report:
    """What becomes of each keyword of a JSON Schema: enforced by masks, an annotation, validated after, or refused.

    Needs no tokenizer and no torch. schema, options : see `compile`. What is wrong with the schema is in the report;
    raises GramaskError for an unknown option, and for what is no JSON Schema at all.
    """
    from .grammar.schema.report import check_schema

    chosen = Options.from_keywords(**options)
    source = resolve(schema)
    if not isinstance(source, JsonSource):
        raise GramaskError(
            "check reports on JSON Schemas and types",
            hint="a regex or a grammar is checked whole when it is compiled",
        )
    return check_schema(source.schema, chosen)


def compile(
    schema: Any,
    tokenizer: Any,
    *,
    n_logits: int | None = None,
    cache: bool = True,
    **options: Any,
) -> Constraint:
    """A constraint for a tokenizer: immutable, shared between threads, without model and without torch.

    schema    : dict, bool, JSON text, Path to .json or .lark, `response_format` dict, Python type or annotation,
                or what `regex`, `choice`, `lark`, `json` returned.
    tokenizer : of transformers, `tokenizers` or tiktoken, a folder with one, or a Vocabulary (which
                `Vocabulary.from_tokenizer(..., eos_ids=...)` makes where the model ends texts in its own way).
    n_logits  : width of the model's logits where it exceeds the vocabulary (padding).
    cache     : return the constraint made before for the same schema, options and vocabulary, if it is one of the
                last 64. The order of keys counts as part of the schema.
    options   : see `gramask.grammar.options.Options`.

    Raises UnsupportedSchema, UnsatisfiableSchema, InvalidSchema, GrammarSyntaxError, CompileBudgetExceeded,
    TokenizerUnsupported; GramaskError for an unknown option.
    """
    chosen = Options.from_keywords(**options)
    source = resolve(schema)
    Vocabulary, compile_source = _for_masks()
    vocabulary = Vocabulary.from_tokenizer(tokenizer)
    width = len(vocabulary) if n_logits is None else n_logits

    def build() -> Constraint:
        return compile_source(source, vocabulary, n_logits=width, options=chosen)

    identity = source.identity() if cache else None
    if identity is None:
        return build()
    return _for_source(_CACHE.get((identity, chosen, vocabulary.digest, width), build), source)


def constrain(model: Any, schema: Any, *, tokenizer: Any = None, **options: Any) -> Constrained[Any]:
    """A model that answers in the language of `schema`: `constrain(model, Person)(prompt).value`.

    model     : a causal language model of transformers, or a folder with one.
    schema    : see `compile`; a list has one schema for each prompt of a batch.
    tokenizer : by default the one in the folder that the model was loaded from.
    options   : those of `compile`, and those of `Constrained` as defaults of each call.
    Raises what `compile` raises; GramaskError where no model or tokenizer is found.
    """
    from .samplers.constrained import constrain_model

    return constrain_model(model, schema, tokenizer, options, compile)


@once
def _for_masks() -> tuple[type[Vocabulary], Callable[..., Constraint]]:
    """What needs numba, which takes a while to import: only who compiles waits for it."""
    from .masks.constraint import compile_source
    from .masks.vocabulary import Vocabulary

    return Vocabulary, compile_source


def _for_source(constraint: Constraint, source: Source) -> Constraint:
    """The same constraint, reading finished texts as `source` does; it shares everything that was compiled."""
    if constraint.source == source:
        return constraint
    twin = copy(constraint)
    twin.source = source
    return twin


_CACHE: Recent[Constraint] = Recent(CACHED_CONSTRAINTS)
