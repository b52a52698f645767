"""Makes the text tower of the exported judge (`validation/`) smaller: fewer tokens, narrower hidden layers.

    python -m training.shrink_clip_text --source models/embedded/validation --out build/shrunk/validation

The small tower starts from the large one's strongest neurons and learns to give the same embeddings for
known and unknown prompts; image tower and aesthetics head stay as they are, and so do all thresholds.
"""

import argparse
import copy
import json
import logging
import shutil
from pathlib import Path

import torch
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import normalize

from command_line.arguments import at_least_one, device_name, positive, user_path
from command_line.running import run_program
from training.clip_family import ClipFamilyConfig
from training.loop import Budget, TimedLoop, clip_and_step
from training.objects.catalog import KINDS
from training.shrinking import keep_rows, narrow_hidden_layers
from training.text.shrinking import shrink_clip_tokenizer, usage_texts
from training.text.tables import write_unknown_prompts
from training.text.tokenizers import JUDGE_VOCABULARY, clip_token_ids

logger = logging.getLogger(__name__)
LEARNING_RATE = 1e-3
HELD_OUT = 2_000
WARM_UP_STEPS = 200


def shrink_folder(folder: Path, texts: list[str], config: ClipFamilyConfig, vocabulary: int) -> None:
    """Shrink tokenizer, weights and config in place, without training."""
    clip = folder / "clip"
    kept = shrink_clip_tokenizer(clip, texts, vocabulary)
    file = clip / "open_clip_model.safetensors"
    state = load_file(file)
    keep_rows(state, "token_embedding.weight", kept)
    text = {key: value for key, value in state.items() if not key.startswith("visual.")}
    hidden = round(config.text_width * config.text_mlp_ratio)
    narrow_hidden_layers(text, hidden, ("mlp.c_fc.weight", "mlp.c_proj.weight"))
    save_file(state | text, file, metadata={"format": "pt"})
    description = json.loads((clip / "open_clip_config.json").read_text(encoding="utf-8"))
    description["model_cfg"]["text_cfg"] |= {"vocab_size": len(kept), "mlp_ratio": config.text_mlp_ratio}
    (clip / "open_clip_config.json").write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")


def load_clip(folder: Path) -> CLIP:
    """The model of an exported folder, in fp32."""
    config = json.loads((folder / "clip" / "open_clip_config.json").read_text(encoding="utf-8"))["model_cfg"]
    vision, text = CLIPVisionCfg(**config.pop("vision_cfg")), CLIPTextCfg(**config.pop("text_cfg"))
    model = CLIP(**config, vision_cfg=vision, text_cfg=text)
    model.load_state_dict(load_file(folder / "clip" / "open_clip_model.safetensors"))
    return model


def distill(student: CLIP, teacher: CLIP, ids: tuple[Tensor, Tensor], budget: Budget, *, batch: int) -> float:
    """Train the student's text tower on the teacher's embeddings of the same texts.

    Args:
        ids: Tokens of all texts for student and teacher, [texts, length]; the last `HELD_OUT` are kept out.

    Returns:
        Mean cosine of both embeddings on the texts kept out.
    """
    device = ids[0].device
    parameters = [p for name, p in student.named_parameters() if not name.startswith(("visual.", "logit"))]
    optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.01)
    count = len(ids[0]) - HELD_OUT
    loop = TimedLoop("text tower", budget, optimizer, warm_up_steps=WARM_UP_STEPS)
    for _ in loop:
        index = torch.randint(count, (batch,), device=device)
        with torch.no_grad():
            wanted = normalize(teacher.encode_text(ids[1][index]), dim=-1)
        loss = (normalize(student.encode_text(ids[0][index]), dim=-1) - wanted).square().sum(-1).mean()
        loss.backward()
        clip_and_step(optimizer, parameters)
        loop.log({"loss": loss})
    with torch.no_grad():
        ours, theirs = student.encode_text(ids[0][count:]), teacher.encode_text(ids[1][count:])
    return float(torch.cosine_similarity(ours, theirs).mean())


def save_half(model: CLIP, folder: Path) -> None:
    tensors = {key: value.detach().half().cpu().contiguous() for key, value in model.state_dict().items()}
    save_file(tensors, folder / "clip" / "open_clip_model.safetensors", metadata={"format": "pt"})


def shrink(
    source: Path, out: Path, *, captions: int, minutes: float, batch: int, workers: int, device: str
) -> None:
    """Copy the judge at `source` to `out`, shrink it and train it there."""
    shutil.copytree(source, out)
    known = usage_texts(captions)
    unknown = write_unknown_prompts(captions, KINDS, seed=21, workers=workers)
    shrink_folder(out, known + unknown, ClipFamilyConfig(), JUDGE_VOCABULARY)
    texts = [*known[:captions], *unknown]
    order = torch.randperm(len(texts), generator=torch.Generator().manual_seed(0)).tolist()
    texts = [texts[i] for i in order]
    ids, theirs = (torch.tensor(clip_token_ids(f / "clip", texts), device=device) for f in (out, source))
    torch.manual_seed(0)
    student, teacher = load_clip(out).to(device), load_clip(source).to(device).eval()
    budget = Budget(60 * minutes)
    cosine = distill(student, teacher, (ids, theirs), budget, batch=batch)
    save_half(copy.deepcopy(student), out)
    size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    logger.info("mean cosine with the former embeddings %.4f, %.2f MB", cosine, size / 1e6)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--source", type=user_path, required=True)
    parser.add_argument("--out", type=user_path, required=True)
    parser.add_argument("--captions", type=at_least_one, default=120_000)
    parser.add_argument("--minutes", type=positive, default=1.0)
    parser.add_argument("--batch", type=at_least_one, default=1024)
    parser.add_argument("--workers", type=at_least_one, default=4)
    parser.add_argument("--device", type=device_name, default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    shrink(
        arguments.source,
        arguments.out,
        captions=arguments.captions,
        minutes=arguments.minutes,
        batch=arguments.batch,
        workers=arguments.workers,
        device=arguments.device,
    )


if __name__ == "__main__":
    run_program(main)
