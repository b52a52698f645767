"""Smaller vocabularies for tokenizers that exist already: tokens that texts hardly use are taken out.

Texts made of kept tokens only are split exactly as before; other words fall into smaller pieces.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from training.objects.catalog import KINDS
from training.objects.colors import COLOR_NAMES, SYNONYM_TO_COLOR
from training.text.captions import CaptionWriter
from training.text.specs import captioned_parts, draw_spec
from training.text.tokenizers import BOS, EOS, PAD, clip_token_ids, t5_token_ids

ESSENTIAL_WEIGHT = 150


def usage_texts(count: int) -> list[str]:
    """Captions of known things; every name that decides on the picture many times on top."""
    writer, rng = CaptionWriter(KINDS), np.random.default_rng(11)
    captions = [writer.write(draw_spec(KINDS[i % len(KINDS)], rng), rng) for i in range(count)]
    essential = {*COLOR_NAMES, *SYNONYM_TO_COLOR}
    for kind in KINDS:
        essential |= {kind.name, *kind.synonyms, *captioned_parts(kind)}
    return captions + sorted(essential) * ESSENTIAL_WEIGHT


def shrink_clip_tokenizer(folder: Path, texts: Sequence[str], size: int) -> list[int]:
    """Rewrite a CLIP tokenizer's files with at most `size` tokens.

    Returns:
        The former id of every token, in order of the new ids.
    """
    vocab: dict[str, int] = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    lines = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()[1:]
    merges = {left + right: (left, right) for left, right in (line.split(" ") for line in lines if line)}
    names = {index: token for token, index in vocab.items()}
    counts = Counter(index for ids in clip_token_ids(folder, texts) for index in ids)
    kept = {token for token in vocab if token not in merges}
    for index, _ in counts.most_common():
        wanted = kept | set(ancestry(names[index], merges))
        if len(wanted) > size:
            break
        kept = wanted
    tokens = [token for token in vocab if token in kept and token not in (BOS, EOS)] + [BOS, EOS]
    vocab_text = json.dumps({token: i for i, token in enumerate(tokens)}, ensure_ascii=False)
    (folder / "vocab.json").write_text(vocab_text, encoding="utf-8")
    kept_merges = [f"{left} {right}" for merged, (left, right) in merges.items() if merged in kept]
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *kept_merges, ""]), encoding="utf-8")
    renumber_specials(
        folder / "tokenizer_config.json", {name: tokens.index(name) for name in (PAD, BOS, EOS)}
    )
    return [vocab[token] for token in tokens]


def ancestry(token: str, merges: Mapping[str, tuple[str, str]]) -> Iterable[str]:
    """The token and every merge it is made of."""
    if token in merges:
        yield token
        for part in merges[token]:
            yield from ancestry(part, merges)


def renumber_specials(file: Path, ids: Mapping[str, int]) -> None:
    config = json.loads(file.read_text(encoding="utf-8"))
    added = {entry["content"]: entry for entry in config["added_tokens_decoder"].values()}
    config["added_tokens_decoder"] = {str(index): added[name] for name, index in ids.items()}
    file.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def shrink_t5_tokenizer(folder: Path, texts: Sequence[str], size: int) -> list[int]:
    """Rewrite a T5 tokenizer's file with at most `size` tokens; single letters stay. Returns as above."""
    file = folder / "tokenizer.json"
    description = json.loads(file.read_text(encoding="utf-8"))
    pieces: list[list[object]] = description["model"]["vocab"]
    counts = Counter(index for ids in t5_token_ids(folder, texts) for index in ids)
    letters = [i for i, (piece, _) in enumerate(pieces) if i < 3 or len(str(piece)) == 1]
    order = dict.fromkeys([*letters, *(index for index, _ in counts.most_common())])
    kept = sorted(list(order)[:size])
    description["model"]["vocab"] = [pieces[i] for i in kept]
    text = json.dumps(description, ensure_ascii=False, separators=(",", ":"))
    file.write_text(text, encoding="utf-8")
    return kept
