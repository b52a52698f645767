"""How well rendered views show what a prompt or a picture asks for, and how good they look.

views ───> resized, normalised ──> image tower ──> unit embeddings ─┬─> mean cosine with the prompt: alignment
prompt ──> tokenizer ────────────> text tower ──> unit embedding ───┤
picture ─> resized, normalised ──> image tower ──> unit embedding ──┴─> mean of its best cosines: similarity
                                                  image embeddings ───> linear head, mean: aesthetics
"""

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import open_clip
import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.nn.functional import interpolate, normalize

from models.errors import WeightsError
from models.fast.graphs import GraphRecorder
from models.prompt_lengths import cut
from models.weights.guard import weights_in
from models.weights.random_tensors import RandomWeights, random_module, random_weights_of
from validation.aesthetics import AestheticsHead, find_head
from validation.scores import Scores

CONFIG = "open_clip_config.json"
WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
T = TypeVar("T")
Tokenizer = Callable[..., Tensor]  # of texts and `context_length`
BEST_VIEWS = 2  # between which the side that a picture shows lies
PRECISIONS = {torch.float32: "fp32", torch.float16: "pure_fp16", torch.bfloat16: "pure_bf16"}


class Scorer:
    """An open_clip model with an aesthetics head on its image embedding; make one with `load`."""

    def __init__(
        self,
        model: open_clip.CLIP,
        tokenizer: Tokenizer,
        head: AestheticsHead,
        *,
        device: torch.device,
        recorder: GraphRecorder | None = None,
    ) -> None:
        """Takes the model and its parts, and what records its kernels if they are to be replayed."""
        self._recorder = recorder
        self._model = model
        self._tokenizer = tokenizer
        self._head = head
        self._device = device
        self._dtype = next(model.visual.parameters()).dtype
        settings = model.visual.preprocess_cfg
        self._size = _side(settings["size"])
        self._mean = torch.tensor(settings["mean"], device=device)[:, None, None]
        self._std = torch.tensor(settings["std"], device=device)[:, None, None]

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        device: torch.device | str,
        dtype: torch.dtype = torch.float32,
        recorder: GraphRecorder | None = None,
    ) -> "Scorer":
        """Loads `clip/` (an open_clip model folder) and the aesthetics head beside it; nothing is fetched.

        Args:
            folder: Holds clip/open_clip_config.json, clip/open_clip_model.safetensors, the tokenizer's
            files if the
                config names a tokenizer, and one head (.safetensors or a published .pth).
            device: Where the model runs.
            dtype: Precision of the model; the scores are computed in fp32.
            recorder: With it, the towers' kernels are recorded and replayed.

        Raises:
            WeightsError: Something is missing, damaged, or does not fit together.
        """
        clip = folder / "clip"
        if random := random_weights_of(clip):
            return _random_scorer(clip, random, device=torch.device(device), dtype=dtype, recorder=recorder)
        check_clip_folder(clip)
        head = AestheticsHead.load(find_head(folder), device=device)
        source = f"local-dir:{clip.resolve()}"
        with weights_in(clip):
            model = open_clip.create_model(
                source, precision=PRECISIONS[dtype], device=device, require_pretrained=True
            )
            tokenizer = open_clip.get_tokenizer(source)
            embedding_size = json.loads((clip / CONFIG).read_text("utf-8"))["model_cfg"]["embed_dim"]
        if head.embedding_size != embedding_size:
            raise WeightsError(
                f"{find_head(folder)} rates {head.embedding_size} numbers, the model in {clip} gives"
                f" {embedding_size}"
            )
        model = model.eval().requires_grad_(False)
        return cls(model, tokenizer, head, device=torch.device(device), recorder=recorder)

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
        if self._recorder is not None and len(prompts) > 1:  # one by one: only one size has to be recorded
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
        room = 8 * len(prompt) + 16  # there are no more tokens than bytes, of which cleaning makes few more
        ids = self._tokenizer([prompt], context_length=room)[0].tolist()
        while len(ids) > 1 and ids[-1] == ids[-2]:  # all of the padding but one
            ids.pop()
        return cut("clip", len(ids) - 1, self._model.context_length)

    def embed_texts(self, texts: Sequence[str]) -> Float[Tensor, "texts embed"]:
        """Unit-norm embeddings."""
        tokens = self._tokenizer(list(texts)).to(self._device)
        return normalize(self._run("clip_texts", self._model.encode_text, tokens).float(), dim=-1)

    def embed_views(self, pictures: Float[Tensor, "views 3 height width"]) -> Float[Tensor, "views embed"]:
        """Unit-norm embeddings of prepared views."""
        embedded = self._run("clip_views", self._model.encode_image, pictures.to(self._dtype))
        return normalize(embedded.float(), dim=-1)

    def _run(self, group: str, tower: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        if self._recorder is None:
            return tower(x)
        return self._recorder.run(group, "embed", lambda buffer: (tower(buffer),), [x])[0]

    def prepare(self, views: Shaped[Tensor, "views height width 3"]) -> Float[Tensor, "views 3 size size"]:
        """Resized as the model wants it (bicubic, antialiased) and normalised."""
        pictures = views.to(self._device).permute(0, 3, 1, 2)
        pictures = pictures.float() / 255 if views.dtype == torch.uint8 else pictures.float()
        size = (self._size, self._size)
        resized = interpolate(pictures, size=size, mode="bicubic", antialias=True).clamp(0, 1)
        return (resized - self._mean) / self._std


def _random_scorer(
    clip: Path,
    weights: RandomWeights,
    *,
    device: torch.device,
    dtype: torch.dtype,
    recorder: GraphRecorder | None,
) -> Scorer:
    """A scorer of the architecture in `clip`, for benchmarks; its tokenizer comes with open_clip."""
    config = json.loads((clip / CONFIG).read_text(encoding="utf-8"))
    build = partial(open_clip.CLIP, **config["model_cfg"], output_dict=False)
    model = random_module(build, weights, device=device, dtype=dtype)
    size = config["model_cfg"]["vision_cfg"]["image_size"]
    model.visual.preprocess_cfg = {**config["preprocess_cfg"], "size": size}
    generator = torch.Generator(device).manual_seed(weights.seed)
    weight = torch.randn(1, config["model_cfg"]["embed_dim"], device=device, generator=generator)
    head = AestheticsHead(weight, torch.full((1,), 5.0, device=device))
    return Scorer(model, open_clip.SimpleTokenizer(), head, device=device, recorder=recorder)


def check_clip_folder(folder: Path) -> None:
    """Whether config and weights are there: without weights open_clip would start from random ones.

    Raises:
        WeightsError: One of them is missing or the config is not readable.
    """
    config = folder / CONFIG
    if not config.is_file():
        raise WeightsError(f"no {CONFIG} in {folder}")
    with weights_in(config):
        content = json.loads(config.read_text(encoding="utf-8"))
    if "model_cfg" not in content:
        raise WeightsError(f"{config} lacks model_cfg")
    if not any((folder / name).is_file() for name in WEIGHTS):
        raise WeightsError(f"{folder} lacks {' or '.join(WEIGHTS)}")


def _side(size: int | Sequence[int]) -> int:
    return size if isinstance(size, int) else size[0]
