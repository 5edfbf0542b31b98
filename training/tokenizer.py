"""The embedded model's tokenizer: byte-level BPE trained on the synthetic records."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from .records import examples

BOS, EOS, PAD = "<|bos|>", "<|eos|>", "<|pad|>"
# Letters by the run, digits one by one, and all between them in one piece: `", "` and `": ` become single
# tokens that cross the borders of JSON, while a name is spelled the same in prose and inside quotes.
PIECES = r"\p{L}+|\p{N}|[^\p{L}\p{N}]+"


def training_texts(seed: int, n_examples: int) -> Iterator[str]:
    for example in islice(examples(seed), n_examples):
        yield example.prompt
        yield example.completion


def train_tokenizer(
    seed: int, *, vocab_size: int = 2048, n_examples: int = 30_000
) -> PreTrainedTokenizerFast:
    """Every byte is a token of it. BOS goes before a text where special tokens are asked for."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[PAD, BOS, EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(training_texts(seed, n_examples), trainer)
    bpe.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A $B", special_tokens=[(BOS, bpe.token_to_id(BOS))]
    )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=bpe,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        clean_up_tokenization_spaces=False,
        model_max_length=512,
    )
