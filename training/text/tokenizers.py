"""Small tokenizers of the published kinds, trained on generated text.

CLIP: byte-level BPE with "</w>" word ends (vocab.json, merges.txt); <|endoftext|> has the highest id,
because open_clip pools at the largest id. T5: Unigram with "▁" word starts (tokenizer.json); <pad> 0, </s>
1, <unk> 2. Pre-tokenisation is the one that `transformers` rebuilds from the vocabulary, so that every
version of it splits words alike.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from tokenizers.models import BPE, Unigram

CLIP_VOCABULARY = 1920
JUDGE_VOCABULARY = 2304
T5_VOCABULARY = 1024
MAX_TOKENS = 32
PAD, BOS, EOS = "<|pad|>", "<|startoftext|>", "<|endoftext|>"
CLIP_WORDS = (
    r"""<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"""
)


def save_clip_tokenizer(texts: Sequence[str], folder: Path, *, vocabulary: int = CLIP_VOCABULARY) -> int:
    """Trains a CLIP tokenizer and writes its folder.

    Returns:
        The number of tokens; the id of <|endoftext|> is one less.
    """
    tokenizer = _clip_tokenizer(BPE(end_of_word_suffix="</w>", unk_token=PAD))
    tokenizer.train_from_iterator(texts, trainer=_bpe_trainer(vocabulary))
    learned = json.loads(tokenizer.to_str())["model"]
    ordered = sorted(learned["vocab"], key=learned["vocab"].__getitem__)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    plain = dict.fromkeys([PAD, *alphabet, *(f"{letter}</w>" for letter in alphabet), *ordered])
    vocab = {token: index for index, token in enumerate([*plain, BOS, EOS])}
    folder.mkdir(parents=True, exist_ok=True)
    merges = [" ".join(merge) if not isinstance(merge, str) else merge for merge in learned["merges"]]
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False), encoding="utf-8")
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]), encoding="utf-8")
    _write_json(
        folder / "special_tokens_map.json",
        {"bos_token": BOS, "eos_token": EOS, "pad_token": PAD, "unk_token": EOS},
    )
    _write_json(folder / "tokenizer_config.json", _clip_config(vocab))
    return len(vocab)


def save_t5_tokenizer(texts: Sequence[str], folder: Path, *, vocabulary: int = T5_VOCABULARY) -> int:
    """Makes a T5 tokenizer and writes its folder.

    The pieces are those of a BPE on the same words; each one's score is the logarithm of its share of the
    texts, so the most likely split keeps known words whole. Capitals are read as small letters, as the CLIP
    tokenizer does.

    Returns:
        The number of tokens.
    """
    counts = _piece_counts(texts, vocabulary - 3)
    total = sum(counts.values())
    specials = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    tokenizer = Tokenizer(
        Unigram([*specials, *((piece, math.log(n / total)) for piece, n in counts.items())], unk_id=2)
    )
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = _t5_words()
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always", split=True)
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token, _ in specials])
    tokenizer.post_processor = processors.TemplateProcessing(
        single=["$A", "</s>"], pair=["$A", "</s>", "$B", "</s>"], special_tokens=[("</s>", 1)]
    )
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    names = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    _write_json(folder / "special_tokens_map.json", names)
    added = {str(i): _added(token) for i, (token, _) in enumerate(specials)}
    config = {"tokenizer_class": "T5TokenizerFast", "model_max_length": MAX_TOKENS, "extra_ids": 0, **names}
    _write_json(folder / "tokenizer_config.json", config | {"added_tokens_decoder": added})
    return tokenizer.get_vocab_size()


def _piece_counts(texts: Sequence[str], num_pieces: int) -> dict[str, float]:
    """Pieces and how often each stands in the texts (at least a tenth), most frequent first."""
    splitter = Tokenizer(BPE())
    splitter.normalizer = normalizers.Lowercase()
    splitter.pre_tokenizer = pre_tokenizers.Sequence([_t5_words(), pre_tokenizers.Punctuation("isolated")])
    letters = ["▁", *(chr(code) for code in range(33, 127))]
    trainer = trainers.BpeTrainer(
        vocab_size=num_pieces, initial_alphabet=letters, min_frequency=2, show_progress=False
    )
    splitter.train_from_iterator(texts, trainer=trainer)
    counts = dict.fromkeys(splitter.get_vocab(), 0.1)
    for encoding in splitter.encode_batch(list(texts)):
        for piece in encoding.tokens:
            counts[piece] += 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _t5_words() -> pre_tokenizers.PreTokenizer:
    metaspace = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=True)
    return pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), metaspace])


def clip_token_ids(folder: Path, texts: Sequence[str], length: int = MAX_TOKENS) -> list[list[int]]:
    """Ids of a saved CLIP tokenizer without `transformers` (fast enough for training), padded to `length`."""
    vocab = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    lines = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()[1:]
    merges = [(left, right) for left, right in (line.split(" ") for line in lines if line)]
    tokenizer = _clip_tokenizer(BPE(vocab=vocab, merges=merges, end_of_word_suffix="</w>", unk_token=EOS))
    tokenizer.post_processor = processors.RobertaProcessing(
        (EOS, vocab[EOS]), (BOS, vocab[BOS]), False, False
    )
    tokenizer.enable_truncation(length)
    tokenizer.enable_padding(pad_id=vocab[PAD], pad_token=PAD, length=length)
    return [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]


def t5_token_ids(folder: Path, texts: Sequence[str], length: int = MAX_TOKENS) -> list[list[int]]:
    """Ids of a saved T5 tokenizer without `transformers`, padded to `length`."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(length)
    tokenizer.enable_padding(pad_id=0, pad_token="<pad>", length=length)
    return [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]


def _clip_tokenizer(model: BPE) -> Tokenizer:
    tokenizer = Tokenizer(model)
    spaces = normalizers.Replace(Regex(r"\s+"), " ")
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), spaces, normalizers.Lowercase()])
    words = pre_tokenizers.Split(Regex(CLIP_WORDS), behavior="removed", invert=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [words, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _bpe_trainer(vocabulary: int) -> trainers.BpeTrainer:
    return trainers.BpeTrainer(
        vocab_size=vocabulary
        - 515,  # the byte alphabet, plain and word-final, and three special tokens come on top
        min_frequency=2,
        end_of_word_suffix="</w>",
        show_progress=False,
    )


def _clip_config(vocab: dict[str, int]) -> dict[str, object]:
    added = {str(vocab[token]): _added(token) for token in (PAD, BOS, EOS)}
    return {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": MAX_TOKENS,
        "bos_token": BOS,
        "eos_token": EOS,
        "pad_token": PAD,
        "unk_token": EOS,
        "do_lower_case": True,
        "errors": "replace",
        "added_tokens_decoder": added,
    }


def _added(token: str) -> dict[str, object]:
    plain = AddedToken(token, normalized=False, special=True)
    return {
        "content": plain.content,
        "lstrip": plain.lstrip,
        "normalized": plain.normalized,
        "rstrip": plain.rstrip,
        "single_word": plain.single_word,
        "special": True,
    }


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
