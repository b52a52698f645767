"""The two towers of an open_clip model, read from a local folder; nothing is fetched.

texts ─> tokenizer ─> text tower ─> unit embeddings      prepared pictures ─> image tower ─> unit embeddings
"""

import copy
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import open_clip
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from models.errors import WeightsError
from models.prompt_lengths import cut
from models.weights.guard import weights_in
from models.weights.random_tensors import RandomWeights, random_module, random_weights_of

CONFIG = "open_clip_config.json"
WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
PRECISIONS = {torch.float32: "fp32", torch.float16: "pure_fp16", torch.bfloat16: "pure_bf16"}
Tower = Callable[[Tensor], Tensor]
Tokenizer = Callable[..., Tensor]  # of texts and `context_length`


class ClipTowers:
    """An open_clip model with its tokenizer; make one with `load`."""

    def __init__(
        self,
        model: open_clip.CLIP,
        tokenizer: Tokenizer,
        *,
        device: torch.device,
    ) -> None:
        """Takes the model and its tokenizer."""
        self._model = model
        self.tokenizer = tokenizer
        self.device = device
        self.one_by_one = False
        self._encode_text: Tower = model.encode_text
        self._encode_image: Tower = model.encode_image
        self._dtype = next(model.visual.parameters()).dtype
        self.picture_settings = dict(model.visual.preprocess_cfg)

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        device: torch.device | str,
        dtype: torch.dtype = torch.float32,
    ) -> "ClipTowers":
        """Loads an open_clip model folder.

        Args:
            folder: Holds open_clip_config.json, open_clip_model.safetensors, and the tokenizer's files if the
                config names a tokenizer.
            device: Where the model runs.
            dtype: Precision of the model.

        Raises:
            WeightsError: Something is missing, damaged, or does not fit together.
        """
        if random := random_weights_of(folder):
            return _random_towers(folder, random, torch.device(device), dtype)
        check_clip_folder(folder)
        source = f"local-dir:{folder.resolve()}"
        with weights_in(folder):
            model = open_clip.create_model(
                source, precision=PRECISIONS[dtype], device=device, require_pretrained=True
            )
            tokenizer = open_clip.get_tokenizer(source)
        model = model.eval().requires_grad_(False)
        return cls(model, tokenizer, device=torch.device(device))

    def with_towers(self, make: Callable[[Tower, str], Tower]) -> "ClipTowers":
        """The same model by equals of its towers, for one object at a time.

        Args:
            make: Gives the equal of a tower, which it is handed with a name.
        """
        other = copy.copy(self)
        other.one_by_one = True  # a recorded tower has one size
        other._encode_text = make(self._encode_text, "clip_texts")
        other._encode_image = make(self._encode_image, "clip_views")
        return other

    def cuts(self, prompt: str) -> list[str]:
        """Whether the text tower does not read all of a prompt, and how much it reads."""
        room = 8 * len(prompt) + 16  # there are no more tokens than bytes, of which cleaning makes few more
        ids = self.tokenizer([prompt], context_length=room)[0].tolist()
        while len(ids) > 1 and ids[-1] == ids[-2]:  # all of the padding but one
            ids.pop()
        return cut("clip", len(ids) - 1, self._model.context_length)

    def embed_texts(self, texts: Sequence[str]) -> Float[Tensor, "texts embed"]:
        """Unit-norm embeddings."""
        tokens = self.tokenizer(list(texts)).to(self.device)
        return normalize(self._encode_text(tokens).float(), dim=-1)

    def embed_views(self, pictures: Float[Tensor, "views 3 height width"]) -> Float[Tensor, "views embed"]:
        """Unit-norm embeddings of prepared views."""
        return normalize(self._encode_image(pictures.to(self._dtype)).float(), dim=-1)


Faster = Callable[[ClipTowers], ClipTowers]


def unchanged(towers: ClipTowers) -> ClipTowers:
    """The towers as they are."""
    return towers


def _random_towers(
    folder: Path,
    weights: RandomWeights,
    device: torch.device,
    dtype: torch.dtype,
) -> ClipTowers:
    """Towers of the architecture in a folder, for benchmarks; their tokenizer comes with open_clip."""
    config = read_config(folder)
    build = partial(open_clip.CLIP, **config["model_cfg"], output_dict=False)
    model = random_module(build, weights, device=device, dtype=dtype)
    size = config["model_cfg"]["vision_cfg"]["image_size"]
    model.visual.preprocess_cfg = {**config["preprocess_cfg"], "size": size}
    return ClipTowers(model, open_clip.SimpleTokenizer(), device=device)


def check_clip_folder(folder: Path) -> None:
    """Whether config and weights are there: without weights open_clip would start from random ones.

    Raises:
        WeightsError: One of them is missing or the config is not readable.
    """
    config = folder / CONFIG
    if not config.is_file():
        raise WeightsError(f"no {CONFIG} in {folder}")
    with weights_in(config):
        content = read_config(folder)
    if "model_cfg" not in content:
        raise WeightsError(f"{config} lacks model_cfg")
    if not any((folder / name).is_file() for name in WEIGHTS):
        raise WeightsError(f"{folder} lacks {' or '.join(WEIGHTS)}")


def read_config(folder: Path) -> dict[str, Any]:
    """What the folder's config says."""
    content: dict[str, Any] = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    return content
