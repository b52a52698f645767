"""How well rendered views show what a prompt or a picture asks for, and how good they look.

views ───> resized, normalised ──> image tower ──> unit embeddings ─┬─> mean cosine with the prompt: alignment
prompt ──> tokenizer ────────────> text tower ──> unit embedding ───┤
picture ─> resized, normalised ──> image tower ──> unit embedding ──┴─> mean of its best cosines: similarity
                                                  image embeddings ───> linear head, mean: aesthetics
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.nn.functional import interpolate

from models.errors import WeightsError
from models.weights.guard import weights_in
from models.weights.random_tensors import random_weights_of
from validation.aesthetics import AestheticsHead, find_head
from validation.clip import ClipTowers, Faster, read_config, unchanged
from validation.scores import Scores

BEST_VIEWS = 2  # between which the side that a picture shows lies
T = TypeVar("T")


class Scorer:
    """An open_clip model with an aesthetics head on its image embedding; make one with `load`."""

    def __init__(self, clip: ClipTowers, head: AestheticsHead) -> None:
        """Takes the model and the head."""
        self._clip = clip
        self._head = head
        settings = clip.picture_settings
        self._size = _side(settings["size"])
        self._mean = torch.tensor(settings["mean"], device=clip.device)[:, None, None]
        self._std = torch.tensor(settings["std"], device=clip.device)[:, None, None]

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        device: torch.device | str,
        dtype: torch.dtype = torch.float32,
        faster: Faster = unchanged,
    ) -> "Scorer":
        """Loads `clip/` (an open_clip model folder) and the aesthetics head beside it; nothing is fetched.

        Args:
            folder: Holds clip/open_clip_config.json, clip/open_clip_model.safetensors, the tokenizer's
            files if the
                config names a tokenizer, and one head (.safetensors or a published .pth).
            device: Where the model runs.
            dtype: Precision of the model; the scores are computed in fp32.
            faster: Makes of the model what is asked in its place, for instance by recorded kernels.

        Raises:
            WeightsError: Something is missing, damaged, or does not fit together.
        """
        towers = faster(ClipTowers.load(folder / "clip", device=device, dtype=dtype))
        with weights_in(folder / "clip"):
            embedding_size = int(read_config(folder / "clip")["model_cfg"]["embed_dim"])
        if random := random_weights_of(folder / "clip"):
            return cls(towers, _random_head(embedding_size, random.seed, towers.device))
        head = AestheticsHead.load(find_head(folder), device=device)
        if head.embedding_size != embedding_size:
            raise WeightsError(
                f"{find_head(folder)} rates {head.embedding_size} numbers, the model in {folder / 'clip'}"
                f" gives {embedding_size}"
            )
        return cls(towers, head)

    @torch.inference_mode()
    def score(
        self,
        prompts: Sequence[str | None],
        views: Sequence[Shaped[Tensor, "_views _height _width 3"]],
        pictures: Sequence[Shaped[Tensor, "_height _width 3"] | None] | None = None,
    ) -> list[Scores]:
        """Scores of each prompt and picture with its own object's views, in few forward passes for all.

        Args:
            prompts: What was asked for; None where only a picture was sent.
            views: uint8, or floating in 0..1; objects may differ in number and size of views.
            pictures: The sent object as a view shows one, on white; None where there is none.

        Raises:
            ValueError: Not as many prompts or pictures as objects, or an object without views.
        """
        pictures = [None] * len(prompts) if pictures is None else pictures
        if not len(prompts) == len(views) == len(pictures):
            raise ValueError(
                f"{len(prompts)} prompts but views of {len(views)} objects, {len(pictures)} pictures"
            )
        if any(len(some) == 0 for some in views):
            raise ValueError("an object without views")
        if not prompts:
            return []
        if self._clip.one_by_one and len(prompts) > 1:  # one by one: only one size has to be recorded
            items = zip(prompts, views, pictures, strict=True)
            return [self.score([prompt], [some], [picture])[0] for prompt, some, picture in items]
        words = self._embedded(prompts, self.embed_texts)
        shown = self._embedded(pictures, lambda some: self.embed_views(self._prepared(some)))
        seen = self.embed_views(self._prepared(views)).split([len(some) for some in views])
        numbers = torch.stack(
            [self._numbers(*item) for item in zip(seen, words, shown, strict=True)]
        ).tolist()  # once for all: every number fetched alone would wait for the GPU
        return [
            Scores(
                alignment=None if prompt is None else alignment,
                aesthetics=aesthetics,
                similarity=None if picture is None else similarity,
            )
            for prompt, picture, (alignment, similarity, aesthetics) in zip(
                prompts, pictures, numbers, strict=True
            )
        ]

    def _numbers(
        self,
        views: Float[Tensor, "views embed"],
        word: Float[Tensor, "embed"] | None,
        picture: Float[Tensor, "embed"] | None,
    ) -> Float[Tensor, "3"]:
        """Alignment, similarity and aesthetics of one object; 0 stands for what was not asked."""
        nothing = views.new_zeros(())
        best = min(BEST_VIEWS, len(views))
        alignment = nothing if word is None else (views @ word).mean()
        similarity = nothing if picture is None else (views @ picture).topk(best).values.mean()
        return torch.stack([alignment, similarity, self._head.rate(views).mean()])

    def _embedded(
        self, items: Sequence[T | None], embed: Callable[[list[T]], Float[Tensor, "items embed"]]
    ) -> list[Float[Tensor, "embed"] | None]:
        """An embedding for each item that there is."""
        present = [item for item in items if item is not None]
        made = iter(embed(present) if present else ())
        return [None if item is None else next(made) for item in items]

    def _prepared(
        self, pictures: Sequence[Shaped[Tensor, "*_some _height _width 3"]]
    ) -> Float[Tensor, "pictures 3 size size"]:
        return torch.cat([self.prepare(one if one.dim() == 4 else one[None]) for one in pictures])

    def cuts(self, prompt: str) -> list[str]:
        """Whether the text tower does not read all of a prompt, and how much it reads."""
        return self._clip.cuts(prompt)

    def embed_texts(self, texts: Sequence[str]) -> Float[Tensor, "texts embed"]:
        """Unit-norm embeddings."""
        return self._clip.embed_texts(texts)

    def embed_views(self, pictures: Float[Tensor, "views 3 height width"]) -> Float[Tensor, "views embed"]:
        """Unit-norm embeddings of prepared views."""
        return self._clip.embed_views(pictures)

    def prepare(self, views: Shaped[Tensor, "views height width 3"]) -> Float[Tensor, "views 3 size size"]:
        """Resized as the model wants it (bicubic, antialiased) and normalised."""
        pictures = views.to(self._clip.device).permute(0, 3, 1, 2)
        pictures = pictures.float() / 255 if views.dtype == torch.uint8 else pictures.float()
        size = (self._size, self._size)
        resized = interpolate(pictures, size=size, mode="bicubic", antialias=True).clamp(0, 1)
        return (resized - self._mean) / self._std


def _random_head(embedding_size: int, seed: int, device: torch.device) -> AestheticsHead:
    """For benchmarks."""
    generator = torch.Generator(device).manual_seed(seed)
    weight = torch.randn(1, embedding_size, device=device, generator=generator)
    return AestheticsHead(weight, torch.full((1,), 5.0, device=device))


def _side(size: int | Sequence[int]) -> int:
    return size if isinstance(size, int) else size[0]
