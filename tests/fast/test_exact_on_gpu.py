"""What an exact job is answered on a GPU: the same bytes with and without batch mates and other work."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple

import numpy as np
import pytest
import torch

from command_line.places import ROOT
from models.fast.graphs import GraphRecorder
from models.fast.matte import recorded_matte
from models.fast.plan import Switches
from models.fast.trellis.networks import accelerate
from models.matte import MatteCutter
from models.trellis.image_to_3d import ImageTo3D, Made, SamplerSettings
from models.trellis.networks import load_networks
from runners.batching import answer_batch
from runners.messages import SplatJob, SplatResult

WEIGHTS = ROOT / "models" / "embedded"
SEED, MATES, ROUNDS = 7, (21, 22, 23), 3
FEW = SamplerSettings(steps=4)

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
    pytest.mark.skipif(not WEIGHTS.exists(), reason="models/embedded is missing"),
]


def picture(seed: int) -> np.ndarray:
    """A coloured ellipse on white, of another shape for every seed."""
    across, down = np.random.default_rng(seed).uniform(0.4, 0.8, 2)
    y, x = np.mgrid[-1:1:192j, -1:1:192j]
    inside = (x / across) ** 2 + (y / down) ** 2 < 1
    return np.where(inside[..., None], (200, 40 + seed, 90), 255).astype(np.uint8)


@contextmanager
def other_work() -> Iterator[None]:
    """Products of another thread, on a stream of its own, for as long as this lasts."""
    done, x = threading.Event(), torch.randn(1024, 1024, device="cuda")

    def multiply() -> None:
        with torch.cuda.stream(torch.cuda.Stream()):
            while not done.is_set():
                (x @ x).sum().item()

    thread = threading.Thread(target=multiply)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize("switches", [Switches(), Switches.all_on()], ids=["batches", "recorded"])
def test_an_exact_job_gives_the_same_bytes_whatever_else_is_in_work(switches: Switches) -> None:
    recorder = GraphRecorder("cuda") if switches.graphs else None
    cutter = MatteCutter.load(WEIGHTS / "matte", device="cuda")
    if recorder is not None:
        cutter = MatteCutter(recorded_matte(cutter.network, recorder))
    networks = load_networks(WEIGHTS / "image_to_3d", device="cuda", dtype=torch.float16)
    model = ImageTo3D(accelerate(networks, switches, recorder) if switches.graphs else networks)
    made: dict[int, bytes] = {}
    sizes: list[int] = []

    def work(jobs: Sequence[SplatJob]) -> list[SplatResult | Exception]:
        sizes.append(len(jobs))
        mattes = cutter.cut_out([picture(job.seed) for job in jobs])
        images = [matte for matte in mattes if not isinstance(matte, Exception)]
        splats = model.generate(images, [job.seed for job in jobs], structure=FEW, latents=FEW)
        made.update({job.seed: content(item) for job, item in zip(jobs, splats, strict=True)})
        return [SplatResult() for _ in jobs]

    job = SplatJob(seed=SEED, exact=True)
    assert [result.failure for result in answer_batch([job], SplatResult, work)] == [None]
    alone = made.pop(SEED)
    for _ in range(ROUNDS):
        with other_work():
            company = [SplatJob(seed=MATES[0]), job, *(SplatJob(seed=seed) for seed in MATES[1:])]
            assert not any(result.failure for result in answer_batch(company, SplatResult, work))
        assert made.pop(SEED) == alone
    assert sizes == [1] + ROUNDS * [len(MATES), 1]
    assert recorder is None or recorder.num_recordings > 0


def content(made: object) -> bytes:
    """The values of an object's splats."""
    assert isinstance(made, Made), made
    return b"".join(x.cpu().numpy().tobytes() for x in astuple(made.gaussians) if isinstance(x, torch.Tensor))
