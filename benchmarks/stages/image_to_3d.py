"""A cut-out image to the PLY file's bytes: everything that the 3D runner does for one request."""

from collections.abc import Iterator
from functools import partial

from benchmarks.bench import Case, Lab, Work, run_stages
from benchmarks.floors import decoder_flops
from benchmarks.measure import Call
from benchmarks.stages import image_encoder, latent_flow, structure_decoder, structure_flow
from benchmarks.stages.image_encoder import cutout
from command_line.running import run_program
from export.ply import write_ply
from models.fast.plan import Switches
from models.gaussians.cleanup import clean_up


def cases(lab: Lab) -> Iterator[Case]:
    for name, switches in (("plain", Switches()), ("all on", Switches.for_device(lab.device))):
        for images in (1, 2):
            yield Case(
                name=f"image to PLY, 12 + 12 steps, {name}, batch {images}",
                build=partial(_generate, lab, switches, images),
                work=work(lab).times(images),
                runs=6,
            )


def work(lab: Lab) -> Work:
    """Of all stages for one object."""
    tokens = len(lab.grid().downsampled.coarse)
    windows = lab.grid().windows(8, 0).counts
    fixed = image_encoder.FLOPS + structure_decoder.FLOPS
    flows = structure_flow.stage_work().flops + latent_flow.stage_work(tokens).flops
    return Work(flops=fixed + flows + decoder_flops(lab.voxels, sum(n * n for n in windows) / sum(windows)))


def _generate(lab: Lab, switches: Switches, images: int) -> Call:
    pixels, networks = [cutout()] * images, lab.planned(switches)
    return lambda: [write_ply(clean_up(splats)) for splats in lab.make(pixels, networks)]


if __name__ == "__main__":
    run_program(lambda: int(run_stages(["image_to_3d"]) > 0))
