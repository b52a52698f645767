"""The published files that the validator's scorer reads, by their names in a weights folder.

It stands apart so that a start without them can be refused by a process that loads no torch.
"""

from pathlib import Path

FOLDER = "subnet"  # inside the folder of validation
CLIP, BACKBONE = "clip", "dinov2"
HEAD = "quality_scorer.safetensors"
ALEXNET = "alexnet-owt-7be5be79.pth"
LINEAR = "alex.pth"
GROUPS = (  # one of each
    (f"{CLIP}/open_clip_config.json",),
    (f"{CLIP}/open_clip_model.safetensors", f"{CLIP}/open_clip_pytorch_model.bin"),
    (f"{BACKBONE}/config.json",),
    (f"{BACKBONE}/model.safetensors",),
    (HEAD,),
    (ALEXNET,),
    (LINEAR,),
)


def lack_of_files(folder: Path) -> str | None:
    """What is missing in the folder of validation; None if nothing is."""
    own = folder / FOLDER
    for group in GROUPS:
        if not any((own / name).is_file() for name in group):
            return f"validation.scorer: subnet needs {' or '.join(group)} in {own}, which is not there"
    return None
