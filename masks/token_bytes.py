"""The exact bytes that each token of a tokenizer adds to a text.

What a token adds is defined by the tokenizer's *decoder*, in the middle of a text: that a decoder drops the
first space of a whole sequence is a property of the sequence's start, not of the token. A tokenizer is
recognised by its methods, so that none of the libraries has to be installed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from ..errors import TokenizerUnsupported

_HINT = "pass gramask.Vocabulary(tokens, eos_ids=...) with the bytes of each token"

_SAMPLE_SIZE = 1000

_SAMPLE_TEXTS = (
    "Hello world",
    "a",
    '{"name": "a b", "sizes": [1, -2.5e3, true, null], "path": "C:\\\\x\\n"}',
    "def f(x):\r\n\treturn  x[0]\n\n    # 100% <b>bold</b>\n",
    "na\u00efve caf\u00e9 \u041f\u0440\u0438\u0432\u0435\u0442 \u4f60\u597d \ud55c\uad6d \u3053\u3093",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f1eb\U0001f1f7 \U00010348",
)


@dataclass(frozen=True, slots=True)
class TokenBytes:
    """What a tokenizer says about its vocabulary.

    tokens : the bytes of each id; b"" for an id without text.
    special_ids : ids that never match text; the tokenizer's unknown token is one of them.
    encode : text to ids, adding no special token and reading none in the text.
    decode : ids to text, the tokenizer's own, special tokens kept, nothing cleaned up.
    """

    tokens: list[bytes]
    special_ids: frozenset[int]
    encode: Callable[[str], list[int]]
    decode: Callable[[Sequence[int]], str]


def load_tokenizer(path: str | os.PathLike[str]) -> Any:
    """The transformers tokenizer in a folder. Nothing is downloaded and no code of the folder is run."""
    if not os.path.isdir(path):
        raise TokenizerUnsupported(f"{os.fspath(path)!r} is not a folder", hint="pass a tokenizer's folder")
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise TokenizerUnsupported(
            "reading a tokenizer's folder needs transformers", hint="pip install 'gramask[hf]'"
        ) from error
    return AutoTokenizer.from_pretrained(path, local_files_only=True)


def eos_ids_of(tokenizer: Any) -> tuple[int, ...]:
    """The end-of-sequence ids that the tokenizer itself names; often one, maybe none."""
    # tiktoken raises KeyError where an encoding has no end-of-text token.
    try:
        named = getattr(tokenizer, "eot_token" if _is_tiktoken(tokenizer) else "eos_token_id", None)
    except KeyError:
        named = None
    if named is None:
        return ()
    return (named,) if isinstance(named, int) else tuple(named)


def signature(tokenizer: Any) -> tuple[Any, ...]:
    """A cheap value that changes when tokens are added to the tokenizer or marked as special."""
    backend = _backend(tokenizer)
    if backend is not None:
        return (backend.get_vocab_size(), *getattr(tokenizer, "all_special_ids", ()))
    if _is_tiktoken(tokenizer):
        return (tokenizer.n_vocab,)
    size = len(tokenizer) if hasattr(tokenizer, "__len__") else 0
    return (size, *getattr(tokenizer, "all_special_ids", ()))


def read_token_bytes(tokenizer: Any) -> TokenBytes:
    """Read every token's bytes and test them against the tokenizer's own decoding.

    Raises TokenizerUnsupported if the bytes of a token depend on more than the token, or the test fails.
    """
    backend = _backend(tokenizer)
    if backend is not None:
        found = _from_backend(backend, frozenset(getattr(tokenizer, "all_special_ids", ())))
    elif _is_tiktoken(tokenizer):
        found = _from_tiktoken(tokenizer)
    elif hasattr(tokenizer, "convert_ids_to_tokens"):
        found = _from_slow(tokenizer)
    else:
        raise TokenizerUnsupported(f"{type(tokenizer).__name__} is not a tokenizer gramask knows", hint=_HINT)
    check_token_bytes(found)
    return found


def check_token_bytes(found: TokenBytes) -> None:
    """Compare with the tokenizer's decoding: a sample of tokens between two letters, and a few whole texts.

    Raises TokenizerUnsupported naming the token or the text that differs.
    """
    text_ids = [token for token, text in enumerate(found.tokens) if text and token not in found.special_ids]
    letter = next((token for token in text_ids if found.tokens[token].isalnum()), None)
    if letter is not None:
        for token in text_ids[:: max(1, len(text_ids) // _SAMPLE_SIZE)]:
            _check_decoding(found, [letter, token, letter], f"token {token}")
    known = set(text_ids)
    for text in _SAMPLE_TEXTS:
        ids = found.encode(text)
        if known.issuperset(ids):
            _check_decoding(found, ids, f"the text {text!r}")


def _check_decoding(found: TokenBytes, ids: Sequence[int], subject: str) -> None:
    """Bytes that are no UTF-8 are skipped: decoders replace them, each in its own way."""
    try:
        spelled = b"".join([found.tokens[token] for token in ids]).decode()
    except UnicodeDecodeError:
        return
    decoded = found.decode(ids)
    # SentencePiece decoders drop the space that starts a text.
    if spelled not in (decoded, " " + decoded):
        raise TokenizerUnsupported(
            f"the tokenizer decodes {subject} to {decoded!r} where its tokens spell {spelled!r}", hint=_HINT
        )


def _is_tiktoken(tokenizer: Any) -> bool:
    return hasattr(tokenizer, "decode_single_token_bytes")


def _backend(tokenizer: Any) -> Any:
    """The `tokenizers.Tokenizer` in or behind an object, or None."""
    for candidate in (tokenizer, getattr(tokenizer, "backend_tokenizer", None)):
        if hasattr(candidate, "get_added_tokens_decoder"):
            return candidate
    return None


def _from_backend(backend: Any, special_ids: frozenset[int]) -> TokenBytes:
    bytes_of = _piece_reader(backend)
    vocabulary = backend.get_vocab(with_added_tokens=False)
    added = backend.get_added_tokens_decoder()
    tokens = [b""] * (max([*vocabulary.values(), *added], default=-1) + 1)
    pieces = list(vocabulary)
    texts = _all_byte_level_bytes(pieces) if bytes_of is _byte_level_bytes else map(bytes_of, pieces)
    for token, text in zip(vocabulary.values(), texts):
        tokens[token] = text
    for token, entry in added.items():
        tokens[token] = bytes_of(entry.content)
        # The byte-level decoder reads some literal texts ("\u00e9\u00e9") as its alphabet, though encoding
        # takes them literally. With two readings a token never matches; other tokens spell its text.
        twofold = entry.content not in vocabulary and tokens[token] != entry.content.encode()
        if bytes_of is _byte_level_bytes and twofold:
            tokens[token] = b""
    unknown = getattr(backend.model, "unk_token", None)
    special_ids |= {token for token, entry in added.items() if entry.special}
    special_ids |= {vocabulary[unknown]} if unknown in vocabulary else set()
    return TokenBytes(
        tokens,
        special_ids,
        _backend_encoder(backend, special_ids),
        lambda ids: str(backend.decode(list(ids), skip_special_tokens=False)),
    )


def _backend_encoder(backend: Any, special_ids: frozenset[int]) -> Callable[[str], list[int]]:
    plain: list[Any] = []

    def encode(text: str) -> list[int]:
        if backend.truncation is None and backend.padding is None:
            ids: list[int] = backend.encode(text, add_special_tokens=False).ids
            if special_ids.isdisjoint(ids):
                return ids
        # Truncation, padding and special tokens written in the text are settings of the caller's object,
        # so they are switched off in a copy. Copying takes a second; hence only where it matters.
        if not plain:
            copy = type(backend).from_str(backend.to_str())
            copy.no_truncation()
            copy.no_padding()
            copy.encode_special_tokens = True
            plain.append(copy)
        return list(plain[0].encode(text, add_special_tokens=False).ids)

    return encode


def _piece_reader(backend: Any) -> Callable[[str], bytes]:
    """How the decoder turns one piece into bytes, if that does not depend on its neighbours."""
    model = backend.model
    kind = type(model).__name__
    affixes = (getattr(model, name, None) for name in ("continuing_subword_prefix", "end_of_word_suffix"))
    if kind == "WordPiece" or any(affixes):
        raise TokenizerUnsupported(
            f"a {kind} token with a word prefix or suffix spells different text in different places",
            hint=_HINT,
        )
    steps = _steps(backend.decoder, "decoders")
    kinds = [step["type"] for step in steps]
    if not steps and any(
        step["type"] == "ByteLevel" for step in _steps(backend.pre_tokenizer, "pretokenizers")
    ):
        kinds = ["ByteLevel"]
    if kinds == ["ByteLevel"]:
        return _byte_level_bytes
    if not steps:
        raise TokenizerUnsupported("the tokenizer has no decoder, so it joins tokens with spaces", hint=_HINT)
    return _text_piece_reader(steps)


def _steps(component: Any, members: str) -> list[dict[str, Any]]:
    """A decoder or pre-tokenizer as the flat list of its JSON descriptions."""
    if component is None:
        return []
    try:
        description = json.loads(component.__getstate__())
    except Exception as error:  # a component written in Python has no description and raises its own kind
        raise TokenizerUnsupported("the tokenizer decodes with custom code", hint=_HINT) from error
    pending, flat = [description], []
    while pending:
        step = pending.pop(0)
        if step["type"] == "Sequence":
            pending = [*step[members], *pending]
        else:
            flat.append(step)
    return flat


def _text_piece_reader(steps: list[dict[str, Any]]) -> Callable[[str], bytes]:
    """Pieces are text, with a character for the space and maybe `<0x0A>` for a byte, as in SentencePiece."""
    replacements: list[tuple[str, str]] = []
    byte_fallback = joined = False
    for step in steps:
        match step:
            # After Fuse the text is whole: only a single character cannot straddle two tokens.
            case {"type": "Replace", "pattern": {"String": old}, "content": new} if (
                len(old) == 1 or not joined
            ):
                replacements.append((old, new))
            case {"type": "Metaspace", "replacement": old} if not joined:
                replacements.append((old, " "))
            case {"type": "ByteFallback"} if not joined:
                byte_fallback = True
            case {"type": "Fuse"}:
                joined = True
            case {"type": "Strip", "content": " ", "stop": 0} if joined:
                pass  # the start of the sequence
            case _:
                raise TokenizerUnsupported(
                    f"the decoder step {json.dumps(step)} is not understood", hint=_HINT
                )

    def bytes_of(piece: str) -> bytes:
        if byte_fallback and len(piece) == 6 and piece.startswith("<0x") and piece.endswith(">"):
            return _fallback_byte(piece)
        for old, new in replacements:
            piece = piece.replace(old, new)
        return piece.encode()

    return bytes_of


def _fallback_byte(piece: str) -> bytes:
    try:
        return bytes.fromhex(piece[3:5])
    except ValueError:
        return piece.encode()


def _byte_alphabet() -> dict[int, int]:
    """GPT-2's alphabet: from the code point of a character to the byte that it stands for."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    # Characters below 256 that stand for no byte must fail to encode as Latin-1, like those above.
    return (
        dict.fromkeys(range(256), 0xFFFF)
        | {b: b for b in printable}
        | {256 + n: b for n, b in enumerate(others)}
    )


_BYTE_ALPHABET = _byte_alphabet()


def _byte_level_bytes(piece: str) -> bytes:
    try:
        return piece.translate(_BYTE_ALPHABET).encode("latin-1")
    except UnicodeEncodeError:
        # A piece with any other character is literal text, as in the decoder of the tokenizers library.
        return piece.encode()


def _all_byte_level_bytes(pieces: Sequence[str]) -> list[bytes]:
    """The same of many pieces: at once, where all of them are spelled in the alphabet, a character for a byte."""
    try:
        text = "".join(pieces).translate(_BYTE_ALPHABET).encode("latin-1")
    except UnicodeEncodeError:
        return list(map(_byte_level_bytes, pieces))
    ends = list(accumulate(map(len, pieces), initial=0))
    return [text[begin:end] for begin, end in pairwise(ends)]


def _from_tiktoken(encoding: Any) -> TokenBytes:
    tokens = [b""] * encoding.n_vocab
    for token in range(encoding.n_vocab):
        try:
            tokens[token] = encoding.decode_single_token_bytes(token)
        except KeyError:  # the ids of an encoding may have holes
            continue
    special_ids = frozenset(encoding.encode_single_token(text) for text in encoding.special_tokens_set)
    return TokenBytes(
        tokens,
        special_ids,
        lambda text: list(encoding.encode_ordinary(text)),
        lambda ids: str(encoding.decode(list(ids))),
    )


def _from_slow(tokenizer: Any) -> TokenBytes:
    """A transformers tokenizer written in Python: SentencePiece, or byte-level with a `byte_decoder`."""
    bytes_of = _slow_piece_reader(tokenizer)
    added = tokenizer.added_tokens_decoder
    special_ids = frozenset(tokenizer.all_special_ids) | {i for i, entry in added.items() if entry.special}
    tokens = [b""] * len(tokenizer)
    for token in range(len(tokens)):
        if token in special_ids:
            continue
        if token in added:
            tokens[token] = added[token].content.encode()
            continue
        piece = tokenizer.convert_ids_to_tokens(token)
        if piece is not None:
            tokens[token] = bytes_of(piece)
    return TokenBytes(tokens, special_ids, _slow_encoder(tokenizer), _slow_decoder(tokenizer))


def _slow_piece_reader(tokenizer: Any) -> Callable[[str], bytes]:
    model = getattr(tokenizer, "sp_model", None)
    if model is not None:
        return lambda piece: _sentencepiece_bytes(model, piece)
    alphabet = getattr(tokenizer, "byte_decoder", None)
    if isinstance(alphabet, dict):
        return lambda piece: bytes(alphabet[character] for character in piece)
    raise TokenizerUnsupported(
        f"{type(tokenizer).__name__} has no tokenizers backend and no known list of its bytes", hint=_HINT
    )


def _sentencepiece_bytes(model: Any, piece: str) -> bytes:
    token = model.piece_to_id(piece)
    if model.IsByte(token):
        return _fallback_byte(piece)
    if model.IsControl(token) or model.IsUnknown(token) or model.IsUnused(token):
        return b""
    return piece.replace("\u2581", " ").encode()


def _slow_encoder(tokenizer: Any) -> Callable[[str], list[int]]:
    return lambda text: list(tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True))


def _slow_decoder(tokenizer: Any) -> Callable[[Sequence[int]], str]:
    return lambda ids: str(
        tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
    )
