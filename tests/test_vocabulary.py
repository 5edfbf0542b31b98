"""Token bytes are exact, for real tokenizers and small ones built here; what cannot be exact is refused."""

from __future__ import annotations

import copy
import functools
import gc
import pickle
import threading
import weakref
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_data import shared_dir

from gramask.errors import TokenizerUnsupported
from gramask.masks import disk_cache
from gramask.masks.token_bytes import TokenBytes, check_token_bytes
from gramask.masks.trie import FORMAT, TokenTrie
from gramask.masks.vocabulary import Vocabulary

# name, number of ids, EOS, number of special ids, whether encoding puts a space first
REAL = [
    ("gpt2", 50_257, 50_256, 1, False),
    ("llama2", 32_000, 2, 3, True),
    ("llama3", 128_256, 128_009, 256, False),
    ("llama4", 202_048, 200_008, 2048, False),
]
BYTE_LEVEL = ["gpt2", "llama3", "llama4"]

TEXTS = [
    "",
    " ",
    "  two  spaces  ",
    "Hello, world!",
    '{"a": [1, -2.50e+3, true, null], "b": "\\u00e9\\n\\\\"}',
    "line\r\nline\n\n\n\ttab\t\t end \r",
    "naïve café, Ångström, e\u0301",
    "Привет 你好 こんにちは 한국어 العربية ไทย",
    "👩‍👩‍👧 🇫🇷 🏴󠁧󠁢󠁳󠁣󠁴󠁿 𐍈 𝔘𝔫𝔦",
    "\x00\x01\x7f\x80\xa0\xad\u200b\ufeff\ufffd",
    "<0x0A> </ s> Ġ Ċ ##ing",
    "x" * 300 + " " * 300,
]


@pytest.fixture(autouse=True)
def cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAMASK_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@functools.cache
def loaded(path):
    return pytest.importorskip("transformers").AutoTokenizer.from_pretrained(path)


def real_tokenizer(name):
    return loaded(shared_dir("tokenizers", name))


def spelled(vocabulary, text):
    ids = vocabulary.encode(text)
    assert vocabulary.special_ids.isdisjoint(ids)
    return b"".join(vocabulary.tokens[token] for token in ids)


# --- real tokenizers


@pytest.mark.parametrize(("name", "size", "eos", "n_special", "space_first"), REAL)
def test_real_tokenizer(name, size, eos, n_special, space_first):
    vocabulary = Vocabulary.from_tokenizer(real_tokenizer(name))
    assert (len(vocabulary), vocabulary.eos_ids) == (size, (eos,))
    assert len(vocabulary.special_ids) == n_special
    assert vocabulary.trie.single_bytes.all()
    for text in TEXTS:
        prefix = b" " if space_first and text else b""
        assert spelled(vocabulary, text) == prefix + text.encode()


@pytest.mark.parametrize("name", [row[0] for row in REAL])
@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=40))
def test_any_text_is_spelled_exactly(name, text):
    vocabulary = Vocabulary.from_tokenizer(real_tokenizer(name))
    if name == "llama2":
        text = text.replace("\u2581", "")  # SentencePiece reads it as a space
    assert spelled(vocabulary, text).removeprefix(b" " if name == "llama2" else b"") == text.encode()


@pytest.mark.parametrize("name", [row[0] for row in REAL])
def test_every_token_agrees_with_the_decoder(name):
    tokenizer = real_tokenizer(name)
    vocabulary = Vocabulary.from_tokenizer(tokenizer)
    letter = vocabulary.tokens.index(b"x")
    ids = [token for token in range(len(vocabulary)) if token not in vocabulary.special_ids]
    decoded = tokenizer.backend_tokenizer.decode_batch(
        [[letter, token, letter] for token in ids], skip_special_tokens=False
    )
    compared = 0
    for token, text in zip(ids, decoded, strict=True):
        try:
            middle = vocabulary.tokens[token].decode()
        except UnicodeDecodeError:
            continue
        assert text == f"x{middle}x", token
        compared += 1
    assert compared > 0.97 * len(ids)


@pytest.mark.parametrize("name", BYTE_LEVEL)
def test_every_byte_level_token_by_the_alphabet(name):
    """Also the tokens that are no UTF-8, which a decoder cannot show."""
    tokenizer = real_tokenizer(name)
    convert = pytest.importorskip("transformers.convert_slow_tokenizer")
    byte_of = {character: byte for byte, character in convert.bytes_to_unicode().items()}
    vocabulary = Vocabulary.from_tokenizer(tokenizer)
    for token in set(range(len(vocabulary))) - vocabulary.special_ids:
        piece = tokenizer.backend_tokenizer.id_to_token(token)
        assert vocabulary.tokens[token] == bytes(byte_of[character] for character in piece)


def test_an_emoji_is_split_over_tokens_that_are_no_text():
    vocabulary = Vocabulary.from_tokenizer(real_tokenizer("gpt2"))
    pieces = [vocabulary.tokens[token] for token in vocabulary.encode("🦆")]
    assert len(pieces) > 1 and b"".join(pieces) == "🦆".encode()


def test_byte_fallback_repeats_ascii():
    vocabulary = Vocabulary.from_tokenizer(real_tokenizer("llama2"))
    assert vocabulary.tokens[13] == b"\n"
    assert [token for token, text in enumerate(vocabulary.tokens) if text == b"a"] == [100, 29874]


@pytest.mark.parametrize("name", ["llama2", "llama3"])
def test_the_backend_alone_needs_the_eos(name):
    tokenizer = real_tokenizer(name)
    with pytest.raises(TokenizerUnsupported, match="pass eos_ids"):
        Vocabulary.from_tokenizer(tokenizer.backend_tokenizer)
    alone = Vocabulary.from_tokenizer(tokenizer.backend_tokenizer, eos_ids=tokenizer.eos_token_id)
    assert alone == Vocabulary.from_tokenizer(tokenizer)


def test_folder():
    path = shared_dir("tokenizers", "llama2")
    assert Vocabulary.from_tokenizer(str(path)) == Vocabulary.from_tokenizer(real_tokenizer("llama2"))
    with pytest.raises(TokenizerUnsupported, match="is not a folder"):
        Vocabulary.from_tokenizer(path / "absent")


# --- EOS, special tokens, identity


def test_several_eos():
    tokens = [b"a", b"<end>", b"<stop>", b"b"]
    vocabulary = Vocabulary(tokens, eos_ids=[2, 1, 2])
    assert vocabulary.eos_ids == (1, 2)
    assert vocabulary.special_ids == {1, 2}
    assert vocabulary.trie.nodes[:, 2].tolist() == [-1, 0, 3]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"eos_ids": []}, "pass eos_ids"),
        ({"eos_ids": [3]}, "end-of-sequence id 3 is not one of the 3 tokens"),
        ({"eos_ids": [-1]}, "end-of-sequence id -1"),
        ({"eos_ids": [0], "special_ids": [9]}, "special id 9"),
    ],
)
def test_ids_outside_the_vocabulary(arguments, message):
    with pytest.raises(TokenizerUnsupported, match=message):
        Vocabulary([b"a", b"b", b"c"], **arguments)


@pytest.mark.parametrize("token", ["a", bytearray(b"a"), None])
def test_tokens_are_bytes(token):
    with pytest.raises(TypeError, match="tokens must be bytes"):
        Vocabulary([token, b"</s>"], eos_ids=[1])


def test_digest_covers_everything():
    variants = [
        Vocabulary([b"ab", b"c", b"", b""], eos_ids=[3]),
        Vocabulary([b"a", b"bc", b"", b""], eos_ids=[3]),
        Vocabulary([b"ab", b"c", b""], eos_ids=[2]),
        Vocabulary([b"ab", b"c", b"", b""], eos_ids=[2]),
        Vocabulary([b"ab", b"c", b"", b""], eos_ids=[2, 3]),
        Vocabulary([b"ab", b"c", b"", b""], eos_ids=[2], special_ids=[3]),
    ]
    assert len({vocabulary.digest for vocabulary in variants}) == len(set(variants)) == len(variants)
    again = Vocabulary(list(variants[0].tokens), eos_ids=(3,), encode=lambda text: [])
    assert again == variants[0] and hash(again) == hash(variants[0])
    assert again != "something else"


def test_immutable_and_copyable():
    vocabulary = Vocabulary([b"a", b"</s>"], eos_ids=[1], encode=lambda text: [0] * len(text))
    with pytest.raises(AttributeError):
        vocabulary.eos_ids = (0,)
    assert copy.deepcopy(vocabulary) is vocabulary
    restored = pickle.loads(pickle.dumps(vocabulary))
    assert restored == vocabulary and restored.encode is None
    assert "2 tokens" in repr(vocabulary)


def test_a_vocabulary_is_returned_as_it_is():
    vocabulary = Vocabulary([b"a", b"b", b"</s>"], eos_ids=[2])
    assert Vocabulary.from_tokenizer(vocabulary) is vocabulary
    assert Vocabulary.from_tokenizer(vocabulary, eos_ids=2) is vocabulary
    other = Vocabulary.from_tokenizer(vocabulary, eos_ids=[1])
    assert (other.eos_ids, other.special_ids) == ((1,), {1, 2})


# --- small tokenizers of each kind


def tokenizers_library():
    return pytest.importorskip("tokenizers")


def bpe(vocabulary, merges=(), **options):
    library = tokenizers_library()
    return library.Tokenizer(library.models.BPE(vocab=vocabulary, merges=list(merges), **options))


def byte_level_tokenizer():
    library = tokenizers_library()
    alphabet = sorted(library.pre_tokenizers.ByteLevel.alphabet())
    tokenizer = bpe({character: token for token, character in enumerate(alphabet)})
    tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = library.decoders.ByteLevel()
    tokenizer.add_special_tokens(["</s>"])
    return tokenizer


def test_byte_level():
    vocabulary = Vocabulary.from_tokenizer(byte_level_tokenizer(), eos_ids=256)
    assert sorted(vocabulary.tokens[:256]) == [bytes([byte]) for byte in range(256)]
    assert vocabulary.special_ids == {256}
    for text in TEXTS:
        assert spelled(vocabulary, text) == text.encode()


def test_byte_level_without_a_decoder_is_known_by_its_pre_tokenizer():
    library = tokenizers_library()
    found = {character: token for token, character in enumerate(library.pre_tokenizers.ByteLevel.alphabet())}
    tokenizer = bpe(found)
    tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    # Decoding such a tokenizer joins the alphabet's characters with spaces: it contradicts the bytes.
    with pytest.raises(TokenizerUnsupported, match="decodes token"):
        Vocabulary.from_tokenizer(tokenizer, eos_ids=0)


def test_added_tokens_match_as_their_text():
    tokenizer = byte_level_tokenizer()
    tokenizer.add_tokens(["<tool call>", "<｜think｜>", "éé", "plain", "é"])
    vocabulary = Vocabulary.from_tokenizer(tokenizer, eos_ids=256)
    assert vocabulary.tokens[257] == b"<tool call>"
    assert vocabulary.tokens[258] == "<｜think｜>".encode()
    assert vocabulary.tokens[260] == b"plain"
    assert vocabulary.special_ids == {256}
    # Encoded it is "éé", decoded it is the byte 0xE9 twice: it never matches.
    assert tokenizer.decode([259]) == "\ufffd\ufffd"
    assert vocabulary.tokens[259] == b""
    # Adding a piece that the model has makes no new token, and takes no byte away.
    assert len(vocabulary) == 261
    assert vocabulary.trie.single_bytes.all()


def sentencepiece_tokenizer():
    library = tokenizers_library()
    pieces = ["<unk>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "a", "b", "▁a", "ab"]
    tokenizer = bpe(
        {piece: token for token, piece in enumerate(pieces)},
        [("▁", "a"), ("a", "b")],
        byte_fallback=True,
        unk_token="<unk>",
        fuse_unk=True,
    )
    decoders = library.decoders
    tokenizer.normalizer = library.normalizers.Replace(" ", "▁")
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return tokenizer


def test_sentencepiece_with_byte_fallback():
    tokenizer = sentencepiece_tokenizer()
    tokenizer.add_tokens(["▁▁", "<tool>"])
    vocabulary = Vocabulary.from_tokenizer(tokenizer, eos_ids=1)
    assert vocabulary.tokens[2:258] == tuple(bytes([byte]) for byte in range(256))
    assert vocabulary.tokens[258:] == (b" ", b"a", b"b", b" a", b"ab", b"  ", b"<tool>")
    # `</s>` is EOS because the caller says so; `<unk>` because the model does not spell text with it.
    assert vocabulary.special_ids == {0, 1}
    for text in TEXTS:
        assert spelled(vocabulary, text) == text.encode()


def test_unigram_with_metaspace():
    library = tokenizers_library()
    pieces = [("<unk>", 0.0), ("</s>", 0.0), ("▁", -2.0), ("▁hello", -3.0), ("world", -3.0), ("▁a", -3.0)]
    tokenizer = library.Tokenizer(library.models.Unigram(pieces, 0, False))
    tokenizer.pre_tokenizer = library.pre_tokenizers.Metaspace()
    tokenizer.decoder = library.decoders.Metaspace()
    tokenizer.add_special_tokens(["<unk>", "</s>"])
    vocabulary = Vocabulary.from_tokenizer(tokenizer, eos_ids=1)
    assert vocabulary.tokens[2:] == (b" ", b" hello", b"world", b" a")
    assert vocabulary.special_ids == {0, 1}
    assert spelled(vocabulary, "hello world") == b" hello world"


def word_piece():
    library = tokenizers_library()
    tokenizer = library.Tokenizer(library.models.WordPiece({"[UNK]": 0, "a": 1, "##b": 2}, unk_token="[UNK]"))
    tokenizer.decoder = library.decoders.WordPiece()
    return tokenizer


def word_level():
    library = tokenizers_library()
    return library.Tokenizer(library.models.WordLevel({"[UNK]": 0, "hello": 1}, unk_token="[UNK]"))


def end_of_word():
    tokenizer = bpe({"a": 0, "a</w>": 1}, end_of_word_suffix="</w>")
    tokenizer.decoder = tokenizers_library().decoders.BPEDecoder()
    return tokenizer


def regex_decoder():
    tokenizer = bpe({"a": 0, "b": 1})
    tokenizer.decoder = tokenizers_library().decoders.Replace(tokenizers_library().Regex("ab"), "c")
    return tokenizer


def strip_of_each_token():
    tokenizer = bpe({"a": 0, "b": 1})
    tokenizer.decoder = tokenizers_library().decoders.Strip(" ", 1, 0)
    return tokenizer


class ReverseDecoder:
    def decode_chain(self, tokens):
        return tokens[::-1]


def custom_decoder():
    tokenizer = bpe({"a": 0, "b": 1})
    tokenizer.decoder = tokenizers_library().decoders.Decoder.custom(ReverseDecoder())
    return tokenizer


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (word_piece, "WordPiece"),
        (word_level, "no decoder"),
        (end_of_word, "prefix or suffix"),
        (regex_decoder, "not understood"),
        (strip_of_each_token, "not understood"),
        (custom_decoder, "custom code"),
        (lambda: SimpleNamespace(eos_token_id=0), "not a tokenizer"),
        (lambda: None, "not a tokenizer"),
        (
            lambda: SimpleNamespace(convert_ids_to_tokens=str, all_special_ids=[]),
            "no known list of its bytes",
        ),
    ],
)
def test_inexact_tokenizers_are_refused(make, message):
    with pytest.raises(TokenizerUnsupported, match=message) as caught:
        Vocabulary.from_tokenizer(make(), eos_ids=0)
    assert "Vocabulary" in caught.value.hint


def test_self_test_names_the_token_that_lies():
    tokens = [b"a", b"b", b" c", b"\xff"]
    texts = ["a", "b", "c", "?"]

    def decode(ids):
        return "".join(texts[token] for token in ids)

    with pytest.raises(TokenizerUnsupported, match="decodes token 2 to 'aca' where its tokens spell 'a ca'"):
        check_token_bytes(TokenBytes(tokens, frozenset(), lambda text: [], decode))
    texts[2] = " c"
    check_token_bytes(TokenBytes(tokens, frozenset(), lambda text: [2, 0], decode))


def test_self_test_names_the_text_that_differs():
    def decode(ids):
        """Right for three tokens, as the probes of single tokens are, and wrong for two."""
        return "".join("ab"[token] for token in ids) if len(ids) == 3 else "aa"

    found = TokenBytes([b"a", b"b"], frozenset(), lambda text: [0, 1], decode)
    with pytest.raises(TokenizerUnsupported, match=r"the text 'Hello world' to 'aa' where .* spell 'ab'"):
        check_token_bytes(found)


def test_encode_reads_no_special_token_and_obeys_no_setting_of_the_caller():
    tokenizer = byte_level_tokenizer()
    vocabulary = Vocabulary.from_tokenizer(tokenizer, eos_ids=256)
    assert tokenizer.encode("a</s>").ids[-1] == 256
    assert spelled(vocabulary, "a</s>") == b"a</s>"
    tokenizer.enable_truncation(2)
    tokenizer.enable_padding(length=50, pad_id=256)
    assert spelled(vocabulary, "longer than two") == b"longer than two"
    assert (tokenizer.truncation["max_length"], tokenizer.padding["length"]) == (2, 50)
    assert tokenizer.encode_special_tokens is False


def test_tiktoken_with_holes():
    tiktoken = pytest.importorskip("tiktoken")
    ranks = {bytes([byte]): byte for byte in range(256)} | {b"he": 256, b"\xe4\xbd": 258}
    encoding = tiktoken.Encoding(
        "test", pat_str=r"\S+|\s+", mergeable_ranks=ranks, special_tokens={"<|endoftext|>": 262, "<|x|>": 261}
    )
    vocabulary = Vocabulary.from_tokenizer(encoding)
    assert vocabulary.tokens[256:261] == (b"he", b"", b"\xe4\xbd", b"", b"")
    assert (vocabulary.eos_ids, vocabulary.special_ids) == ((262,), {261, 262})
    for text in [*TEXTS, "he<|x|>"]:
        assert spelled(vocabulary, text) == text.encode()


def test_tiktoken_without_end_of_text():
    tiktoken = pytest.importorskip("tiktoken")
    ranks = {bytes([byte]): byte for byte in range(256)}
    encoding = tiktoken.Encoding("test", pat_str=r"\S+|\s+", mergeable_ranks=ranks, special_tokens={})
    with pytest.raises(TokenizerUnsupported, match="pass eos_ids"):
        Vocabulary.from_tokenizer(encoding)


def sentencepiece_model(folder):
    sentencepiece = pytest.importorskip("sentencepiece")
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["the quick brown fox", '{"a": [true, 1]}', "  two  spaces"] * 50),
        model_prefix=str(folder / "model"),
        vocab_size=320,
        byte_fallback=True,
        hard_vocab_limit=False,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        minloglevel=2,
        num_threads=1,
    )
    return str(folder / "model.model")


def test_slow_sentencepiece(tmp_path):
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.GPTSw3Tokenizer(vocab_file=sentencepiece_model(tmp_path))
    vocabulary = Vocabulary.from_tokenizer(tokenizer)
    assert {bytes([byte]) for byte in range(256)} <= set(vocabulary.tokens)
    assert vocabulary.eos_ids == (tokenizer.eos_token_id,)
    for text in ['{"a": [true]}', "fox 你好\n", "the </s> fox"]:
        assert spelled(vocabulary, text) == b" " + text.encode()


def test_slow_tokenizer_that_prints_fallback_bytes_is_refused(tmp_path):
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.BertGenerationTokenizer(vocab_file=sentencepiece_model(tmp_path))
    with pytest.raises(TokenizerUnsupported, match="decodes token"):
        Vocabulary.from_tokenizer(tokenizer)


# --- memory and disk


def test_memo_is_per_tokenizer_and_eos():
    tokenizer, other = byte_level_tokenizer(), byte_level_tokenizer()
    vocabulary = Vocabulary.from_tokenizer(tokenizer, eos_ids=256)
    assert Vocabulary.from_tokenizer(tokenizer, eos_ids=[256]) is vocabulary
    assert Vocabulary.from_tokenizer(tokenizer, eos_ids=[255]).eos_ids == (255,)
    assert Vocabulary.from_tokenizer(tokenizer, eos_ids=256) is vocabulary
    assert Vocabulary.from_tokenizer(other, eos_ids=256) is not vocabulary


def test_memo_notices_added_tokens():
    tokenizer = byte_level_tokenizer()
    before = Vocabulary.from_tokenizer(tokenizer, eos_ids=256)
    tokenizer.add_tokens(["<more>"])
    after = Vocabulary.from_tokenizer(tokenizer, eos_ids=256)
    assert (len(before), after.tokens[257:]) == (257, (b"<more>",))


def test_memo_does_not_keep_a_transformers_tokenizer_alive():
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=byte_level_tokenizer(), eos_token="</s>"
    )
    vocabulary = Vocabulary.from_tokenizer(tokenizer)
    assert vocabulary.eos_ids == (256,)
    watch = weakref.ref(tokenizer)
    del tokenizer
    gc.collect()
    assert watch() is None
    assert spelled(vocabulary, "still </s> works") == b"still </s> works"


def test_trie_is_built_once_by_many_threads(monkeypatch):
    vocabulary = Vocabulary([b"a", b"ab", b"</s>"], eos_ids=[2])
    builds = []
    build = TokenTrie.build
    monkeypatch.setattr(TokenTrie, "build", lambda *args: builds.append(args) or build(*args))
    barrier, found = threading.Barrier(8), []

    def work():
        barrier.wait()
        found.append(vocabulary.trie)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(builds) == 1 and len({id(trie) for trie in found}) == 1


def test_trie_comes_from_the_disk(monkeypatch, cache_folder):
    tokens = [b"a", b'"b', b"</s>"]
    built = Vocabulary(tokens, eos_ids=[2]).trie
    assert len(list(cache_folder.iterdir())) == 1
    with monkeypatch.context() as patch:
        patch.delattr(TokenTrie, "build")
        again = Vocabulary(tokens, eos_ids=[2]).trie
    assert again.nodes.tolist() == built.nodes.tolist()
    other = Vocabulary(tokens, eos_ids=[1]).trie
    assert other.nodes.tolist() != built.nodes.tolist()


@pytest.mark.parametrize("damage", [b"", b"garbage"])
def test_damaged_trie_on_disk_is_rebuilt(cache_folder, damage):
    tokens = [b"a", b'"b', b"</s>"]
    built = Vocabulary(tokens, eos_ids=[2]).trie
    (path,) = cache_folder.iterdir()
    path.write_bytes(damage)
    assert Vocabulary(tokens, eos_ids=[2]).trie.nodes.tolist() == built.nodes.tolist()
    assert path.read_bytes() != damage


def test_intact_file_with_other_arrays_is_rebuilt():
    vocabulary = Vocabulary([b"a", b'"b', b"</s>"], eos_ids=[2])
    expected = TokenTrie.build(vocabulary.tokens, vocabulary.special_ids)
    arrays = expected.to_arrays()
    del arrays["nodes"]
    disk_cache.store(vocabulary.digest, f"trie{FORMAT}", arrays)
    assert vocabulary.trie.nodes.tolist() == expected.nodes.tolist()
