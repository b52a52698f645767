"""How well the judge judges: on clean views of held-out geometries, held-out kind x colour pairs included."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from open_clip.model import CLIP
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import normalize

from training.clip_data import near_miss
from training.clip_family import to_clip_input
from training.objects.colors import COLOR_NAMES
from training.objects.kind import Kind
from training.pictures import Angles, Painter, Scenes, all_around, on_white, paint_bank, palette
from training.text.captions import CaptionWriter
from training.text.specs import Spec, draw_spec
from training.text.tokenizers import clip_token_ids
from training.text.unknown_prompts import UnknownPromptWriter

logger = logging.getLogger(__name__)
VIEWS = 4
KNOWN_PASS = 0.97


def report(
    model: CLIP,
    head: tuple[Tensor, Tensor],
    painter: Painter,
    rows_of_kind: Sequence[np.ndarray],
    kinds: Sequence[Kind],
    tokenizer: Path,
    out: Path,
    *,
    size: int,
    device: torch.device,
    rng: np.random.Generator,
) -> None:
    """Prints the table and a JSON line; writes anchors.safetensors."""
    specs = [Spec(kind=kind.name, color=color) for kind in kinds for color in COLOR_NAMES]
    by_name = {kind.name: kind for kind in kinds}
    pictures = paint_specs(painter, specs, kinds, rows_of_kind, size=size, device=device, rng=rng)
    embeddings = mean_views(model, pictures)
    texts = encode(model, [f"{spec.color} {spec.kind}" for spec in specs], tokenizer, device)
    save_file({"embeddings": embeddings.cpu().contiguous()}, out / "anchors.safetensors", metadata={
        "specs": json.dumps([[spec.kind, spec.color] for spec in specs])})  # fmt: skip
    best = (embeddings @ texts.T).argmax(1).cpu().numpy()
    truth = np.arange(len(specs))
    colors, names = len(COLOR_NAMES), len(kinds)
    writer, strangers = CaptionWriter(kinds), UnknownPromptWriter(kinds)
    free = encode(model, [writer.write(spec, rng) for spec in specs], tokenizer, device)
    missed = [near_miss(by_name[spec.kind], spec, kinds, rng) for spec in specs]
    wrong = encode(model, [writer.write(spec, rng) for spec in missed], tokenizer, device)
    unknown = encode(model, [strangers.write(rng) for _ in range(1000)], tokenizer, device)
    known_cosine = (embeddings * free).sum(-1)
    threshold = float(torch.quantile(known_cosine, 1 - KNOWN_PASS))
    nearest_cosine = (unknown @ embeddings.T).amax(1)
    random_cosine = (unknown @ embeddings.T)[:, int(rng.integers(len(specs)))]
    parts = [draw_spec(kind, rng) for kind in kinds for _ in range(8)]
    results = {
        "kinds": names,
        "kind_top1": float((best // colors == truth // colors).mean()),
        "color_top1": float((best % colors == truth % colors).mean()),
        "known_cosine_mean": float(known_cosine.mean()),
        "threshold_97_percent_known": threshold,
        "neutral_cosine": float(-model.logit_bias / model.logit_scale.exp()),
        "near_miss_rejected": float(((embeddings * wrong).sum(-1) < threshold).float().mean()),
        "unknown_rejected_nearest_picture": float((nearest_cosine < threshold).float().mean()),
        "unknown_rejected_random_picture": float((random_cosine < threshold).float().mean()),
        "aesthetics_clean": float(
            (embed(model, pictures[:, 0]) @ head[0].to(device).T + head[1].to(device)).mean()
        ),
        "parts_known_cosine": part_cosine(
            model, painter, parts, kinds, rows_of_kind, tokenizer, size, device, rng
        ),
    }
    for name, value in results.items():
        logger.info("%-36s %.4f", name, value)
    logger.info(json.dumps(results))


def paint_specs(
    painter: Painter,
    specs: Sequence[Spec],
    kinds: Sequence[Kind],
    rows_of_kind: Sequence[np.ndarray],
    *,
    size: int,
    device: torch.device,
    rng: np.random.Generator,
) -> Tensor:
    """uint8 [specs, views, size, size, 3], one random held-out geometry a spec."""
    index = {kind.name: i for i, kind in enumerate(kinds)}
    rows = torch.tensor([int(rng.choice(rows_of_kind[index[spec.kind]])) for spec in specs])
    palettes = torch.from_numpy(np.stack([palette(kinds[index[spec.kind]], spec) for spec in specs]))
    scenes = Scenes(
        rows=rows.repeat_interleave(VIEWS),
        specs=tuple(spec for spec in specs for _ in range(VIEWS)),
        palettes=palettes.repeat_interleave(VIEWS, dim=0),
    )
    angles = all_around(len(scenes), torch.Generator().manual_seed(11))
    yaw = torch.arange(len(scenes)) % VIEWS * (360 / VIEWS) + 25
    angles = Angles(yaw=yaw, elevation=angles.elevation, zoom=angles.zoom)
    bank = paint_bank(painter, scenes, angles, size=2 * size, compose=halved, device=device, out_size=size)
    return bank.reshape(len(specs), VIEWS, size, size, 3)


def halved(rgba: Tensor) -> Tensor:
    return torch.nn.functional.avg_pool2d(on_white(rgba).permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)


@torch.no_grad()
def embed(model: CLIP, pictures: Tensor) -> Float[Tensor, "pictures embed"]:
    chunks = [model.encode_image(to_clip_input(chunk)) for chunk in pictures.split(512)]
    return normalize(torch.cat(chunks), dim=-1)


def mean_views(model: CLIP, pictures: Tensor) -> Float[Tensor, "specs embed"]:
    """Mean of the views' unit embeddings (not normalised again: products with a text are mean cosines)."""
    specs, views = pictures.shape[:2]
    return embed(model, pictures.flatten(0, 1)).reshape(specs, views, -1).mean(1)


@torch.no_grad()
def encode(
    model: CLIP, texts: Sequence[str], tokenizer: Path, device: torch.device
) -> Float[Tensor, "texts embed"]:
    ids = torch.tensor(clip_token_ids(tokenizer, texts), device=device)
    return normalize(torch.cat([model.encode_text(chunk) for chunk in ids.split(512)]), dim=-1)


def part_cosine(
    model: CLIP, painter: Painter, specs: Sequence[Spec], kinds: Sequence[Kind], rows_of_kind:
    Sequence[np.ndarray], tokenizer: Path, size: int, device: torch.device, rng: np.random.Generator,
) -> float:  # fmt: skip
    """Mean cosine of captions that also colour a part, with pictures of just that."""
    two = [spec for spec in specs if spec.part is not None] or list(specs)
    writer = CaptionWriter(kinds)
    pictures = paint_specs(painter, two, kinds, rows_of_kind, size=size, device=device, rng=rng)
    texts = encode(model, [writer.write(spec, rng) for spec in two], tokenizer, device)
    return float((mean_views(model, pictures) * texts).sum(-1).mean())
