"""What a runner keeps of the host's memory after its work, each in a process of its own."""

import platform
import subprocess
import sys

import pytest

from command_line.places import ROOT

REPORT = """
import sys, psutil
from runners.memory import bound_arenas, bound_kernel_caches, trim_heaps
bounded = "bounded" in sys.argv
def rss():
    return psutil.Process().memory_info().rss // 2**20
"""
SHAPES = f"""{REPORT}
if bounded:
    bound_kernel_caches()
import torch
from models.linear import linear
x, weight, bias = torch.randn(1564, 96), torch.randn(96, 96), torch.randn(96)
with torch.no_grad():
    linear(x, weight, bias)
    before = rss()
    for rows in range(64, 1564):
        linear(x[:rows], weight, bias)
print(rss() - before)
"""
THREADS = f"""{REPORT}
if bounded:
    bound_arenas()
import numpy as np
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Lock
kept, together, turn = [], Barrier(8), Lock()
def work(_):
    together.wait()  # so that each runs in a thread of its own, one after the other
    with turn:
        blocks = [np.ones(1000) for _ in range(5000)]
        kept.append(np.ones(1000))
        del blocks
before = rss()
with ThreadPoolExecutor(8) as pool:
    list(pool.map(work, range(8)))
    if "trimmed" in sys.argv:
        trim_heaps()
    print(rss() - before)
"""


def growth_mib(program: str, *arguments: str) -> int:
    command = [sys.executable, "-c", program, *arguments]
    return int(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


@pytest.mark.slow
def test_kernels_of_shapes_that_never_come_back_are_not_kept() -> None:
    assert growth_mib(SHAPES, "bounded") < growth_mib(SHAPES) / 3


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators than glibc's")
def test_threads_share_heaps_and_freed_memory_goes_back_when_they_are_trimmed() -> None:
    plain = growth_mib(THREADS)
    assert growth_mib(THREADS, "bounded") < plain / 2
    assert growth_mib(THREADS, "trimmed") < plain / 3
