"""Trains the embedded text-to-image family on one GPU.

    python -m training.text_to_image --geometries DATA --out OUT --minutes 9
    python -m training.text_to_image --smoke --out OUT            (a few steps of everything on the CPU)

Order: captions and tokenizers -> autoencoder on rendered pictures -> latents of all pictures -> flow
matching -> guidance distillation -> export. `--start-from` continues from an exported folder or archive
(its tokenizers and autoencoder are kept). OUT gets text_to_image.tar (the family in FLUX.1's published
layout), vae.png and samples_*.png; the folder itself is in `--work`.
"""

import argparse
import json
import logging
import shutil
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from command_line.arguments import at_least_one, positive, user_path, whole
from command_line.running import run_program
from training.autoencoder import encode_bank, psnr, set_latent_scale, to_network, train_autoencoder
from training.flow import FlowData, distill_guidance, sample, train_flow
from training.flux_family import SMOKE, FluxFamily, FluxFamilyConfig, archive, save_family, save_tokenizers
from training.loop import Budget
from training.objects.catalog import KINDS
from training.objects.kind import Kind
from training.painters import PointPainter, load_painter
from training.pictures import Painter, Scenes, draw_scenes, on_backdrop, paint_bank, split_rows, three_quarter
from training.sheets import save_sheet
from training.text.captions import CaptionWriter
from training.text.specs import Spec, captioned_parts, draw_balanced_spec, held_out_pairs
from training.text.tables import write_captions, write_unknown_prompts
from training.text.tokenizers import clip_token_ids, t5_token_ids

logger = logging.getLogger(__name__)
FOLDER = "text_to_image"
OBJECT_FILL = 0.84
REPORT_SECONDS = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How much of everything."""

    config: FluxFamilyConfig
    kinds: tuple[Kind, ...]
    pictures: int
    vae_pictures: int
    captions: int
    vague: int
    batch: int
    vae_batch: int
    seconds: float
    vae_share: float
    distill_share: float
    guidance: float
    compiled: bool
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
    parser.add_argument("--minutes", type=positive, default=9.0, help="wall time of everything")
    parser.add_argument("--pictures", type=at_least_one, default=120_000)
    parser.add_argument("--batch", type=at_least_one, default=512)
    parser.add_argument(
        "--vae-share", type=float, default=0.2, help="share of the minutes for the autoencoder"
    )
    parser.add_argument(
        "--distill-share", type=float, default=0.25, help="share of the time after the autoencoder"
    )
    parser.add_argument("--guidance", type=float, default=2.0)
    parser.add_argument(
        "--vague", type=whole(0), default=2, help="captions of each picture without its kind, besides the six"
    )
    parser.add_argument("--compile", action="store_true")
    parser.add_argument(
        "--start-from", type=user_path, help="exported folder or text_to_image.tar to continue from"
    )
    parser.add_argument("--workers", type=at_least_one, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--smoke", action="store_true")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    train(
        options_of(arguments),
        arguments.geometries,
        arguments.work / FOLDER,
        arguments.out,
        arguments.start_from,
    )


def options_of(arguments: argparse.Namespace) -> Options:
    smoke: bool = arguments.smoke
    return Options(
        config=SMOKE if smoke else FluxFamilyConfig(),
        kinds=KINDS[:4] if smoke else KINDS,
        pictures=24 if smoke else arguments.pictures,
        vae_pictures=16 if smoke else 24_000,
        captions=2 if smoke else 6,
        vague=1 if smoke else arguments.vague,
        batch=4 if smoke else arguments.batch,
        vae_batch=4 if smoke else 64,
        seconds=60 * arguments.minutes,
        vae_share=arguments.vae_share,
        distill_share=arguments.distill_share,
        guidance=arguments.guidance,
        compiled=arguments.compile,
        workers=1 if smoke else arguments.workers,
        max_steps=2 if smoke else None,
        seed=arguments.seed,
    )


def train(
    options: Options, geometries: Path | None, folder: Path, out: Path, start_from: Path | None
) -> None:
    """Everything, in order."""
    started = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    if start_from is not None:
        unpack_into(start_from, folder)
    rng = np.random.default_rng(options.seed)
    kind_of_row = (
        np.repeat(np.arange(len(options.kinds)), 2)
        if geometries is None
        else np.load(geometries / "kinds.npy")
    )
    rows = split_rows(kind_of_row, held_out=False)
    scenes = draw_scenes(options.pictures, options.kinds, rows, rng, draw_balanced_spec)
    texts = write_captions(
        scenes.specs,
        options.kinds,
        repeats=options.captions,
        vague=options.vague,
        seed=options.seed,
        workers=options.workers,
    )
    if start_from is None:
        save_tokenizers(tokenizer_texts(texts, options), folder)
    clip_ids, t5_ids = tokens_of(texts, folder)
    logger.info(
        "%d captions after %.0f s, for example %s",
        clip_ids.shape[0] * clip_ids.shape[1],
        time.monotonic() - started,
        texts[0][:3],
    )

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cuda.enable_cudnn_sdp(False)  # its backward fails on some shapes (torch 2.11, H100)
    torch.manual_seed(options.seed)
    painter: Painter
    if geometries is None:
        painter = PointPainter(options.kinds, 2)
    else:
        painter, _ = load_painter(geometries, device, fill=OBJECT_FILL)
    family = create_family(options.config, folder).to(device)
    if start_from is None:
        fit_autoencoder(family, painter, scenes, options, out)
    else:
        load_weights(family, folder)
    latents = encode_scenes(family, painter, scenes, options, fresh_scale=start_from is None)
    logger.info("latents %s after %.0f s", tuple(latents.shape), time.monotonic() - started)
    null_clip, null_t5 = tokens_of([[""]], folder)
    data = FlowData(
        latents=latents,
        clip_ids=clip_ids.to(device),
        t5_ids=t5_ids.to(device),
        null_clip=null_clip[0, 0].to(device),
        null_t5=null_t5[0, 0].to(device),
    )
    left = options.seconds - (time.monotonic() - started) - REPORT_SECONDS
    family = fit_flow(family, data, options, left, folder, out)
    save_family(family, folder)
    archive(folder, out / f"{FOLDER}.tar")
    report(family, folder, out, options, time.monotonic() - started)


def fit_autoencoder(
    family: FluxFamily, painter: Painter, scenes: Scenes, options: Options, out: Path
) -> None:
    device = next(family.parameters()).device
    few = Scenes(
        rows=scenes.rows[: options.vae_pictures],
        specs=scenes.specs[: options.vae_pictures],
        palettes=scenes.palettes[: options.vae_pictures],
    )
    bank = paint(painter, few, options, device, seed=1)
    train_autoencoder(
        family.vae,
        bank[64:] if len(bank) > 128 else bank,
        Budget(options.seconds * options.vae_share, options.max_steps),
        batch=options.vae_batch,
    )
    family.vae.requires_grad_(False)
    logger.info("autoencoder: %.1f dB", psnr(family.vae, bank[:64]))
    pictures = to_network(bank[:16])
    with torch.no_grad():
        save_sheet(
            torch.cat([pictures, family.vae.decode(family.vae.encode(pictures).latent_dist.mean).sample]),
            out / "vae.png",
            columns=8,
        )


def encode_scenes(
    family: FluxFamily, painter: Painter, scenes: Scenes, options: Options, *, fresh_scale: bool
) -> Tensor:
    """Scaled latents of all scenes, painted in slices so that the pictures never lie in memory together."""
    device = next(family.parameters()).device
    parts, size = [], 8192
    family.vae.eval().requires_grad_(False)
    for start in range(0, len(scenes), size):
        some = slice(start, start + size)
        slice_of_scenes = Scenes(
            rows=scenes.rows[some], specs=scenes.specs[some], palettes=scenes.palettes[some]
        )
        parts.append(
            encode_bank(family.vae, paint(painter, slice_of_scenes, options, device, seed=1000 + start))
        )
    latents = torch.cat(parts)
    if fresh_scale:
        set_latent_scale(family.vae, latents)
    return ((latents.float() - family.vae.config.shift_factor) * family.vae.config.scaling_factor).half()


def fit_flow(
    family: FluxFamily, data: FlowData, options: Options, seconds: float, folder: Path, out: Path
) -> FluxFamily:
    def pause(average: FluxFamily) -> None:
        save_family(average, folder)
        archive(folder, out / f"{FOLDER}.tar")

    family.vae.requires_grad_(False)
    budget = Budget(seconds * (1 - options.distill_share), options.max_steps)
    trained = train_flow(family, data, budget, batch=options.batch, compiled=options.compiled, on_pause=pause)
    if options.distill_share == 0:
        return trained
    return distill_guidance(
        trained,
        data,
        Budget(seconds * options.distill_share, options.max_steps),
        batch=options.batch,
        guidance=options.guidance,
        compiled=options.compiled,
    )


def paint(painter: Painter, scenes: Scenes, options: Options, device: torch.device, seed: int) -> Tensor:
    angles = three_quarter(len(scenes), torch.Generator().manual_seed(options.seed + seed))
    return paint_bank(
        painter, scenes, angles, size=options.config.resolution, compose=on_backdrop, device=device
    )


def tokenizer_texts(captions: list[list[str]], options: Options) -> list[str]:
    """Known and unknown wording in equal parts."""
    known = [text for row in captions for text in row][:150_000]
    return known + write_unknown_prompts(
        len(known) // 2, options.kinds, seed=options.seed + 7, workers=options.workers
    )


def tokens_of(texts: list[list[str]], folder: Path) -> tuple[Tensor, Tensor]:
    """CLIP and T5 ids [rows, captions, length], 16-bit."""
    flat, shape = [text for row in texts for text in row], (len(texts), len(texts[0]), -1)
    clip = torch.tensor(clip_token_ids(folder / "tokenizer", flat), dtype=torch.int16)
    t5 = torch.tensor(t5_token_ids(folder / "tokenizer_2", flat), dtype=torch.int16)
    return clip.reshape(shape), t5.reshape(shape)


def create_family(config: FluxFamilyConfig, folder: Path) -> FluxFamily:
    clip = json.loads((folder / "tokenizer" / "vocab.json").read_text(encoding="utf-8"))
    t5 = json.loads((folder / "tokenizer_2" / "tokenizer.json").read_text(encoding="utf-8"))
    family = FluxFamily(config, len(clip), len(t5["model"]["vocab"]))
    for name in ("transformer", "vae", "text_encoder", "text_encoder_2"):
        count = sum(parameter.numel() for parameter in getattr(family, name).parameters())
        logger.info("%-16s %.2f M parameters", name, count / 1e6)
    return family


def load_weights(family: FluxFamily, folder: Path) -> None:
    """Weights and latent scale of an exported family."""
    for part in ("transformer", "vae", "text_encoder", "text_encoder_2"):
        state = load_file(next((folder / part).glob("*.safetensors")))
        missing, unexpected = getattr(family, part).load_state_dict(state, strict=False)
        assert not unexpected, (part, unexpected)
        assert set(missing) <= {"encoder.embed_tokens.weight"}, (part, missing)
    scale = json.loads((folder / "vae" / "config.json").read_text(encoding="utf-8"))
    family.vae.register_to_config(shift_factor=scale["shift_factor"], scaling_factor=scale["scaling_factor"])


def unpack_into(source: Path, folder: Path) -> None:
    """Copies an exported folder or archive into the work folder."""
    if source.is_dir():
        if source.resolve() != folder.resolve():
            shutil.copytree(source, folder, dirs_exist_ok=True)
        return
    with tarfile.open(source) as tar:
        tar.extractall(folder.parent, filter="data")


def report(family: FluxFamily, folder: Path, out: Path, options: Options, seconds: float) -> None:
    """Sample sheets of trained, two-coloured and held-out wording, and the table."""
    rng, writer = np.random.default_rng(5), CaptionWriter(options.kinds)
    pairs = held_out_pairs(options.kinds) or [(options.kinds[0].name, "red")]
    unseen = [f"{color} {kind}" for kind, color in (pairs[i] for i in rng.permutation(len(pairs))[:64])]
    every = [writer.write(Spec(kind=kind.name), rng) for kind in options.kinds]
    parted = [kind for kind in options.kinds if captioned_parts(kind)][:64]
    two = [f"blue {kind.name} with yellow {captioned_parts(kind)[0]}" for kind in parted] or ["blue chair"]
    for name, prompts in (("every_kind", every), ("unseen_pairs", unseen), ("two_colors", two)):
        for steps in (4, 8) if name == "every_kind" else (8,):
            clip_ids, t5_ids = (
                ids[:, 0].to(next(family.parameters()).device)
                for ids in tokens_of([[p] for p in prompts], folder)
            )
            save_sheet(
                sample(family, clip_ids, t5_ids, steps=steps, seed=3),
                out / f"samples_{name}_{steps}.png",
                columns=8,
            )
        logger.info("%s: %s", name, prompts)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    logger.info("size %.2f MB  total %.0f s", size / 1e6, seconds)


if __name__ == "__main__":
    run_program(main)
