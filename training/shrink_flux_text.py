"""Takes from an exported text-to-image family the tokens that captions hardly need, and narrows its CLIP.

    python -m training.shrink_flux_text --source models/embedded/text_to_image --out build/text_to_image

Tokens are kept by how often captions of known things use them, names and colours first. Go on training
from the result: `training.text_to_image --start-from`.
"""

import argparse
import logging
import shutil
from pathlib import Path

from safetensors.torch import load_file, save_file

from command_line.arguments import user_path
from command_line.running import run_program
from training.flux_family import FluxFamilyConfig
from training.shrinking import keep_rows, narrow_hidden_layers, update_config
from training.text.shrinking import shrink_clip_tokenizer, shrink_t5_tokenizer, usage_texts
from training.text.tokenizers import CLIP_VOCABULARY, T5_VOCABULARY

logger = logging.getLogger(__name__)
CAPTIONS = 60_000


def shrink(source: Path, out: Path, *, clip_size: int, t5_size: int, clip_hidden: int) -> None:
    """Copy the family at `source` to `out` and shrink it there."""
    shutil.copytree(source, out)
    texts = usage_texts(CAPTIONS)
    clip = shrink_clip_tokenizer(out / "tokenizer", texts, clip_size)
    t5 = shrink_t5_tokenizer(out / "tokenizer_2", texts, t5_size)
    clip_file, t5_file = (out / part / "model.safetensors" for part in ("text_encoder", "text_encoder_2"))
    state = load_file(clip_file)
    keep_rows(state, "embeddings.token_embedding.weight", clip)
    narrow_hidden_layers(state, clip_hidden, ("mlp.fc1.weight", "mlp.fc2.weight"))
    save_file(state, clip_file, metadata={"format": "pt"})
    state = load_file(t5_file)
    keep_rows(state, "shared.weight", t5)
    save_file(state, t5_file, metadata={"format": "pt"})
    update_config(
        out / "text_encoder" / "config.json",
        vocab_size=len(clip),
        intermediate_size=clip_hidden,
        bos_token_id=len(clip) - 2,
        eos_token_id=len(clip) - 1,
    )
    update_config(out / "text_encoder_2" / "config.json", vocab_size=len(t5))
    size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    logger.info("%d CLIP and %d T5 tokens, %.2f MB", len(clip), len(t5), size / 1e6)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--source", type=user_path, required=True)
    parser.add_argument("--out", type=user_path, required=True)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    shrink(
        arguments.source,
        arguments.out,
        clip_size=CLIP_VOCABULARY,
        t5_size=T5_VOCABULARY,
        clip_hidden=FluxFamilyConfig().clip_hidden,
    )


if __name__ == "__main__":
    run_program(main)
