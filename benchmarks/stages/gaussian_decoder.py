"""Gaussian decoder: latents to splats, the windows of a new grid included."""

from collections.abc import Iterator
from functools import partial

from benchmarks.bench import Case, Lab, Work, run_stages
from benchmarks.floors import decoder_flops
from benchmarks.measure import Call
from command_line.running import run_program
from models.fast.plan import Switches


def cases(lab: Lab) -> Iterator[Case]:
    windows = lab.grid().windows(8, 0).counts
    mean_window = sum(n * n for n in windows) / sum(windows)
    work = Work(flops=decoder_flops(lab.voxels, mean_window))
    ways = {
        "plain": Switches(),
        "fused": Switches(decoder=True),
        "fused, recorded": Switches(decoder=True, graphs=True),
    }
    for name, switches in ways.items():
        yield Case(name=f"splats, new grid, {name}", build=partial(_decode, lab, switches), work=work)


def _decode(lab: Lab, switches: Switches) -> Call:
    feats, networks = lab.latent_noise(), lab.planned(switches)
    return lambda: lab.decode(feats=feats, networks=networks)


if __name__ == "__main__":
    run_program(lambda: int(run_stages(["gaussian_decoder"]) > 0))
