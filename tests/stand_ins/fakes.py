"""Stand-ins for the models: an object is a ball of splats whose colour follows from the prompt.

The image's first pixels carry the prompt, so each stage passes on what the next one needs. Words in the
prompt make stages fail on purpose:

    nothing      the matte is empty            void        the structure is empty
    ugly         validation rejects it         second      the matte is empty for seed 7 only
    unturned     no splat is rotated
    broken       the 3D stage raises           slow        the 3D stage takes 0.4 s for each
    dead         the 3D stage's process dies
    greedy_STAGE       the stage lacks memory        greedy_once_STAGE  the same, the first time only
    without bottom   the mesh lacks a face         dense       the object has more splats

Encoders read 32 words of a prompt.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from configuration.stages import StageName
from models.clock import StageClock
from models.errors import EmptyMatteError, EmptyStructureError
from models.gaussians.frames import turned_quats
from models.gaussians.gaussians import Gaussians
from models.latents.object_latents import ObjectLatents
from models.mesh.mesh import Mesh
from models.prompt_lengths import cut
from models.sparse import SparseTensor
from models.stopping import between_steps
from models.trellis.image_to_3d import Made
from runners.models import MAKERS, Maker
from validation.scores import Scores

NUM_SPLATS = 7000
MANY_SPLATS = 12_000
SATED: set[str] = set()  # stages that lacked memory once
SIDE = 64
Pixels = NDArray[np.uint8]


def color_of(prompt: str) -> tuple[float, float, float]:
    """The colour of a prompt's object, RGB in 0 to 1."""
    red, green, blue = hashlib.sha256(prompt.encode()).digest()[:3]
    return red / 255, green / 255, blue / 255


def write_prompt(prompt: str) -> Pixels:
    """An image that holds a prompt."""
    data = prompt.encode()
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    image.reshape(-1)[: len(data) + 2] = np.frombuffer(len(data).to_bytes(2, "big") + data, np.uint8)
    return image


def read_prompt(image: Pixels) -> str:
    """The prompt an image holds."""
    data = image[..., :3].tobytes()
    return data[2 : 2 + int.from_bytes(data[:2], "big")].decode()


def lack_memory(stage: str, prompt: str) -> None:
    """Raises what torch does without memory, if the prompt asks for it."""
    if f"greedy_{stage}" in prompt or (f"greedy_once_{stage}" in prompt and stage not in SATED):
        SATED.add(stage)
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate more than there is.")


class TextToImage:
    """Writes the prompt into the image."""

    def cuts(self, prompt: str, max_sequence_length: int) -> list[str]:
        return cut("clip", len(prompt.split()), 32) + cut("t5", len(prompt.split()), max_sequence_length)

    def generate(self, prompts: Sequence[str], seeds: Sequence[int], **_: object) -> list[Pixels]:
        for prompt in prompts:
            lack_memory("text_to_image", prompt)
        return [
            write_prompt(f"nothing {prompt}" if "second" in prompt and seed == 7 else prompt)
            for prompt, seed in zip(prompts, seeds, strict=True)
        ]


class MatteCutter:
    """Adds an opaque alpha channel."""

    def cut_out(self, images: Sequence[Pixels]) -> list[Pixels | EmptyMatteError]:
        for image in images:
            lack_memory("matting", read_prompt(image))
        return [
            EmptyMatteError("nothing to see")
            if "nothing" in read_prompt(image)
            else np.dstack([image, image[..., :1] | 255])
            for image in images
        ]


class ImageTo3D:
    """Makes a ball of the prompt's colour; the seed moves its splats."""

    def generate(
        self,
        images: Sequence[Pixels],
        seeds: Sequence[int],
        *,
        clock: StageClock,
        **_: object,
    ) -> list[Made | EmptyStructureError]:
        with clock("structure"):
            prompts = [read_prompt(image) for image in images]
        return [self._made(prompt, seed) for prompt, seed in zip(prompts, seeds, strict=True)]

    def decode_mesh(self, latents: SparseTensor) -> list[Mesh]:
        return [tetrahedra(latents.feats[0], is_open=bool(latents.coords.any()))]

    def _made(self, prompt: str, seed: int) -> Made | EmptyStructureError:
        splats = self._make(prompt, seed)
        if isinstance(splats, EmptyStructureError):
            return splats
        coords = torch.full((1, 3), int("without bottom" in prompt), dtype=torch.int)
        latents = ObjectLatents(
            coords=coords, feats=torch.tensor([color_of(prompt)])
        )  # a voxel of the colour
        return Made(gaussians=splats, latents=latents)

    def _make(self, prompt: str, seed: int) -> Gaussians | EmptyStructureError:
        lack_memory("image_to_3d", prompt)
        if "void" in prompt:
            return EmptyStructureError("no voxel")
        if "broken" in prompt:
            raise RuntimeError("secret detail")
        if "dead" in prompt:
            os._exit(1)
        for _ in range(prompt.count("slow")):
            between_steps()
            time.sleep(0.4)
        made = ball(color_of(prompt), seed, MANY_SPLATS if "dense" in prompt else NUM_SPLATS)
        return unturned(made) if "unturned" in prompt else made


def ball(color: tuple[float, float, float], seed: int, count: int = NUM_SPLATS) -> Gaussians:
    """Splats on a sphere."""
    generator = torch.Generator().manual_seed(seed)
    means = torch.nn.functional.normalize(torch.randn(count, 3, generator=generator), dim=-1) * 0.4
    return Gaussians(
        means=means,
        scales=torch.full((count, 3), 0.01),
        quats_wxyz=torch.nn.functional.normalize(torch.randn(count, 4, generator=generator), dim=-1),
        opacities=torch.full((count,), 0.9),
        colors=torch.tensor(color).expand(count, 3).clone(),
    )


def unturned(gaussians: Gaussians) -> Gaussians:
    """The same splats, none of which is rotated once the object is cleaned up."""
    identity = torch.tensor([1.0, 0.0, 0.0, 0.0]).expand(gaussians.num_splats, 4)
    return replace(gaussians, quats_wxyz=turned_quats(identity, source="validator", target="trellis"))


def tetrahedra(color: torch.Tensor, *, is_open: bool = False) -> Mesh:
    """Two of one colour; an open one lacks a face."""
    corners = torch.tensor([[0.0, 0, 0], [0.04, 0, 0], [0, 0.04, 0], [0, 0, 0.04]])  # cells are 0.004
    faces = torch.tensor([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    return Mesh(
        vertices=torch.cat([corners, corners - 0.06]),
        faces=torch.cat([faces, faces + 4])[int(is_open) :],
        attributes=color.expand(8, 3),
    )


class Scorer:
    """Dislikes `ugly`."""

    def cuts(self, prompt: str) -> list[str]:
        return cut("clip", len(prompt.split()), 32)

    def score(
        self, prompts: Sequence[str | None], views: Sequence[Any], pictures: Sequence[Any]
    ) -> list[Scores]:
        assert len(prompts) == len(views) == len(pictures)
        for prompt in prompts:
            lack_memory("validation", prompt or "")
        return [
            Scores(
                alignment=None if prompt is None else -1.0 if "ugly" in prompt else 1.0,
                aesthetics=9.0,
                similarity=None if picture is None else 1.0,
            )
            for prompt, picture in zip(prompts, pictures, strict=True)
        ]


def makers() -> dict[StageName, Maker]:
    """What the runners are handed in place of the real models."""
    models = {
        "text_to_image": TextToImage,
        "matting": MatteCutter,
        "image_to_3d": ImageTo3D,
        "validation": Scorer,
    }
    return {stage: _maker(model) for stage, model in models.items()}


def install() -> None:
    """Hands the stand-ins to every runner that starts from now on."""
    MAKERS.update(makers())


@contextmanager
def installed() -> Iterator[None]:
    """The same until the end of the block; runners made inside keep theirs."""
    before = dict(MAKERS)
    install()
    try:
        yield
    finally:
        MAKERS.update(before)


def _maker(model: Callable[[], Any]) -> Maker:
    return lambda configuration, device: model()
