"""Captions by the hundred thousand, made by several processes before a training starts.

Processes are forked, so these functions must run before the GPU is touched.
"""

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import TypeVar

import numpy as np

from training.objects.kind import Kind
from training.text.captions import CaptionWriter
from training.text.specs import Spec
from training.text.unknown_prompts import UnknownPromptWriter

Chunk = TypeVar("Chunk")
Item = TypeVar("Item")
CHUNK = 2000


def write_captions(
    specs: Sequence[Spec], kinds: Sequence[Kind], *, repeats: int, seed: int, workers: int, vague: int = 0
) -> list[list[str]]:
    """`repeats` captions of each spec, then `vague` ones without the kind; the same for any `workers`."""
    chunks = [(seed + start, specs[start : start + CHUNK]) for start in range(0, len(specs), CHUNK)]
    return _in_parallel(partial(_captions, tuple(kinds), repeats, vague), chunks, workers)


def write_unknown_prompts(count: int, kinds: Sequence[Kind], *, seed: int, workers: int) -> list[str]:
    """Prompts that name no known kind."""
    chunks = [(seed + start, min(CHUNK, count - start)) for start in range(0, count, CHUNK)]
    return _in_parallel(partial(_unknown, tuple(kinds)), chunks, workers)


def _captions(
    kinds: tuple[Kind, ...], repeats: int, vague: int, chunk: tuple[int, Sequence[Spec]]
) -> list[list[str]]:
    seed, specs = chunk
    writer, rng = CaptionWriter(kinds), np.random.default_rng(seed)
    writes = [writer.write] * repeats + [writer.write_vague] * vague
    return [[write(spec, rng) for write in writes] for spec in specs]


def _unknown(kinds: tuple[Kind, ...], chunk: tuple[int, int]) -> list[str]:
    seed, count = chunk
    writer, rng = UnknownPromptWriter(kinds), np.random.default_rng(seed)
    return [writer.write(rng) for _ in range(count)]


def _in_parallel(work: Callable[[Chunk], list[Item]], chunks: Sequence[Chunk], workers: int) -> list[Item]:
    if workers <= 1:
        return [item for chunk in chunks for item in work(chunk)]
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("fork")) as pool:
        return [item for part in pool.map(work, chunks) for item in part]
