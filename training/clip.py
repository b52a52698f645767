"""Trains the embedded judge (open_clip model and aesthetics head) on one GPU.

    python -m training.clip --geometries DATA --out OUT --minutes 6
    python -m training.clip --smoke --out OUT                    (a few steps of everything on the CPU)

Pictures are views from all around, about half of them spoiled; a sigmoid loss compares every picture of a
batch with every text: those that fit, near misses, other pictures' texts, and prompts about unknown things,
which fit nothing. OUT gets validation.tar (clip/, aesthetics.safetensors) and anchors.safetensors (mean
embedding of every kind x colour on held-out geometries); `--start-from` continues from an exported folder
or archive.
"""

import argparse
import json
import logging
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from open_clip.model import CLIP
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import normalize, pad, softplus

from command_line.arguments import at_least_one, positive, user_path
from command_line.running import run_program
from training.clip_data import ANY, JudgeData, claims_tensor, color_indices, fits, texts_for
from training.clip_family import SMOKE, ClipFamilyConfig, create_clip, fit_head, save_judge, to_clip_input
from training.clip_report import report
from training.degrade import Degrader, draw_severities, quality_of
from training.flux_family import archive
from training.loop import Average, Budget, TimedLoop, clip_and_step
from training.objects.catalog import KINDS
from training.objects.kind import Kind
from training.painters import PointPainter, load_painter
from training.pictures import Painter, all_around, draw_scenes, on_white, paint_bank, split_rows
from training.text.tables import write_captions, write_unknown_prompts
from training.text.tokenizers import JUDGE_VOCABULARY, clip_token_ids, save_clip_tokenizer
from training.text_to_image import unpack_into

logger = logging.getLogger(__name__)
FOLDER = "validation"
REPORT_SECONDS = 20.0
LEARNING_RATE = 1e-3
NEAR_WEIGHT = 6.0
QUALITY_WEIGHT = 0.05
FITTING_SEVERITY = 0.6
EMA_DECAY = 0.999
WARM_UP_STEPS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How much of everything."""

    config: ClipFamilyConfig
    kinds: tuple[Kind, ...]
    pictures: int
    unknown: int
    repeats: int
    batch: int
    seconds: float
    workers: int
    max_steps: int | None
    seed: int


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--geometries", type=user_path, help="folder of training.objects.dataset")
    parser.add_argument("--out", type=user_path, required=True)
    parser.add_argument("--work", type=user_path, default=Path("build/training"))
    parser.add_argument("--minutes", type=positive, default=6.0, help="wall time of everything")
    parser.add_argument("--pictures", type=at_least_one, default=120_000)
    parser.add_argument("--batch", type=at_least_one, default=256)
    parser.add_argument(
        "--start-from", type=user_path, help="exported folder or validation.tar to continue from"
    )
    parser.add_argument("--workers", type=at_least_one, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--smoke", action="store_true")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    smoke: bool = arguments.smoke
    options = Options(
        config=SMOKE if smoke else ClipFamilyConfig(),
        kinds=KINDS[:4] if smoke else KINDS,
        pictures=24 if smoke else arguments.pictures,
        unknown=40 if smoke else 300_000,
        repeats=2,
        batch=8 if smoke else arguments.batch,
        seconds=60 * arguments.minutes,
        workers=1 if smoke else arguments.workers,
        max_steps=2 if smoke else None,
        seed=arguments.seed,
    )
    train(options, arguments.geometries, arguments.work / FOLDER, arguments.out, arguments.start_from)


def train(
    options: Options, geometries: Path | None, folder: Path, out: Path, start_from: Path | None
) -> None:
    """Everything, in order."""
    started = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    if start_from is not None:
        unpack_into(start_from, folder)
    rng, kinds = np.random.default_rng(options.seed), options.kinds
    kind_of_row = (
        np.repeat(np.arange(len(kinds)), 2) if geometries is None else np.load(geometries / "kinds.npy")
    )
    scenes = draw_scenes(options.pictures, kinds, split_rows(kind_of_row, held_out=False), rng)
    true, false = texts_for(scenes.specs, kinds, rng)
    fitting = write_captions(true, kinds, repeats=options.repeats, seed=options.seed, workers=options.workers)
    near = write_captions(
        false, kinds, repeats=options.repeats, seed=options.seed + 1, workers=options.workers
    )
    unknown = write_unknown_prompts(options.unknown, kinds, seed=options.seed + 2, workers=options.workers)
    if start_from is None:
        known = [text for row in fitting for text in row][:150_000]
        save_clip_tokenizer(known + unknown[: len(known)], folder / "clip", vocabulary=JUDGE_VOCABULARY)
    tokens = [tokens_of(rows, folder, options.pictures) for rows in (fitting, near)]
    unknown_ids = torch.tensor(clip_token_ids(folder / "clip", unknown), dtype=torch.int16)
    logger.info(
        "texts after %.0f s: %s | %s | %s", time.monotonic() - started, fitting[0], near[0], unknown[:3]
    )

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cuda.enable_cudnn_sdp(False)  # its backward fails on some shapes (torch 2.11, H100)
    torch.manual_seed(options.seed)
    generator = torch.Generator().manual_seed(options.seed + 3)
    severities = draw_severities(options.pictures, generator)
    painter = painter_of(geometries, options, device, Degrader(severities, options.seed))
    pictures = paint_bank(
        painter, scenes, all_around(options.pictures, generator), size=2 * options.config.image_size,
        compose=halved_on_white, device=device, out_size=options.config.image_size,
    )  # fmt: skip
    logger.info("pictures %s after %.0f s", tuple(pictures.shape), time.monotonic() - started)
    by_name = {kind.name: i for i, kind in enumerate(kinds)}
    indices = [by_name[spec.kind] for spec in scenes.specs]
    data = JudgeData(
        pictures=pictures,
        severities=severities.to(device),
        kinds=torch.tensor(indices, device=device),
        colors=torch.tensor(
            [color_indices(kinds[i], s) for i, s in zip(indices, scenes.specs, strict=True)], device=device
        ),
        fitting=tokens[0].to(device),
        fitting_claims=repeated_claims(true, options).to(device),
        near=tokens[1].to(device),
        near_claims=repeated_claims(false, options).to(device),
        unknown=unknown_ids.to(device),
    )
    vocabulary = len(json.loads((folder / "clip" / "vocab.json").read_text(encoding="utf-8")))
    model = create_clip(options.config, vocabulary).to(device)
    if start_from is not None:
        model.load_state_dict(load_file(folder / "clip" / "open_clip_model.safetensors"))
    logger.info("%.2f M parameters", sum(parameter.numel() for parameter in model.parameters()) / 1e6)
    left = options.seconds - (time.monotonic() - started) - REPORT_SECONDS
    model = optimize(model, data, options, Budget(left, options.max_steps))
    head = fit_head(embed_pictures(model, pictures), quality_of(data.severities))
    save_judge(model, *head, options.config, folder)
    archive(folder, out / f"{FOLDER}.tar")
    clean = painter_of(geometries, options, device, None)
    held_out = split_rows(kind_of_row, held_out=True)
    report(
        model,
        head,
        clean,
        held_out,
        kinds,
        folder / "clip",
        out,
        size=options.config.image_size,
        device=device,
        rng=rng,
    )
    logger.info("total %.0f s", time.monotonic() - started)


def optimize(model: CLIP, data: JudgeData, options: Options, budget: Budget) -> CLIP:
    """Trains until the budget is spent.

    Returns:
        The averaged model.
    """
    device = data.pictures.device
    quality_head = torch.nn.Linear(options.config.embed_dim, 1).to(device)
    torch.nn.init.constant_(quality_head.bias, 5.0)
    groups = [*model.parameters(), *quality_head.parameters()]
    optimizer = torch.optim.AdamW(
        groups, lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.05, fused=device.type == "cuda"
    )
    average = Average({"clip": model}, EMA_DECAY)
    loop = TimedLoop("judge", budget, optimizer, warm_up_steps=WARM_UP_STEPS)
    for step in loop:
        index = torch.randint(len(data.pictures), (options.batch,), device=device)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            images = normalize(
                model.encode_image(augment(to_clip_input(data.pictures[index]))).float(), dim=-1
            )
            texts, wanted, weight = draw_texts(data, index)
            words = normalize(model.encode_text(texts).float(), dim=-1)
        logits = images @ words.T * model.logit_scale.exp() + model.logit_bias
        alignment = (weight * softplus(torch.where(wanted, -logits, logits))).sum() / options.batch
        quality = quality_of(data.severities[index])
        rating = (quality_head(images * options.config.embed_dim**0.5).squeeze(1) - quality).square().mean()
        (alignment + QUALITY_WEIGHT * rating).backward()
        clip_and_step(optimizer, groups)
        average.update(step)
        near = logits[:, options.batch : 2 * options.batch].diagonal()
        beaten = (logits[:, : options.batch].diagonal() > near).float().mean()
        loop.log(
            {
                "loss": alignment,
                "rating": rating.sqrt(),
                "beats_near_miss": beaten,
                "scale": model.logit_scale.exp(),
                "bias": model.logit_bias,
            }
        )
    return average.copy_of("clip", model)


def draw_texts(data: JudgeData, index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Texts for a batch of pictures: one that fits each, one near miss of each, as many about unknown things.

    Returns:
        Token ids [texts, length], whether each text fits each picture [pictures, texts], weights of the
        same shape.
    """
    batch, device = len(index), index.device
    one = torch.randint(data.fitting.shape[1], (batch,), device=device)
    two = torch.randint(data.near.shape[1], (batch,), device=device)
    strange = torch.randint(len(data.unknown), (batch,), device=device)
    texts = torch.cat([data.fitting[index, one], data.near[index, two], data.unknown[strange]]).long()
    claims = torch.cat([data.fitting_claims[index, one], data.near_claims[index, two]])
    known = fits(data.kinds[index], data.colors[index], claims)
    wanted = pad(known, (0, batch))
    weight = torch.ones(batch, 3 * batch, device=device)
    rows = torch.arange(batch, device=device)
    weight[rows, rows + batch] = NEAR_WEIGHT
    spoiled = (data.severities[index] > FITTING_SEVERITY)[:, None]
    return texts, wanted, torch.where(wanted & spoiled, 0.0, weight)


def augment(pictures: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 3 height width"]:
    """Shifted by up to a twelfth, a little brighter or darker."""
    side = pictures.shape[-1]
    room = max(1, side // 12)
    padded = pad(pictures, (room, room, room, room), value=1.0)
    down, across = (int(torch.randint(2 * room + 1, ()).item()) for _ in range(2))
    gain = 1 + 0.06 * (torch.rand(len(pictures), 1, 1, 1, device=pictures.device) - 0.5)
    return (padded[:, :, down : down + side, across : across + side] + 1) * gain - 1


@torch.no_grad()
def embed_pictures(model: CLIP, pictures: Tensor, batch: int = 1024) -> Float[Tensor, "pictures embed"]:
    """Unit-norm embeddings at full precision."""
    parts = [
        model.encode_image(to_clip_input(pictures[i : i + batch])) for i in range(0, len(pictures), batch)
    ]
    return normalize(torch.cat(parts), dim=-1)


def halved_on_white(rgba: Tensor) -> Tensor:
    """On white, each output pixel the mean of four."""
    picture = on_white(rgba).permute(0, 3, 1, 2)
    return torch.nn.functional.avg_pool2d(picture, 2).permute(0, 2, 3, 1)


def painter_of(
    geometries: Path | None, options: Options, device: torch.device, degrader: Degrader | None
) -> Painter:
    if geometries is None:
        return PointPainter(options.kinds, 2)
    return load_painter(geometries, device, degrader)[0]


def tokens_of(rows: list[list[str]], folder: Path, pictures: int) -> Tensor:
    """Ids [pictures, texts, length] of flat rows of captions."""
    flat = [text for row in rows for text in row]
    return torch.tensor(clip_token_ids(folder / "clip", flat), dtype=torch.int16).reshape(
        pictures, len(flat) // pictures, -1
    )


def repeated_claims(specs: list, options: Options) -> Tensor:  # type: ignore[type-arg]
    """Claims [pictures, texts, 4] in the order of `tokens_of`."""
    claims = claims_tensor(specs, options.kinds).repeat_interleave(options.repeats, dim=0)
    assert ANY == -1
    return claims.reshape(options.pictures, -1, 4)


if __name__ == "__main__":
    run_program(main)
