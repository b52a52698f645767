"""Weights between those of two trainings, the second of which started from the first.

    python -m training.blend BEFORE.safetensors AFTER.safetensors --share 0.5 --out MIXED.safetensors

A network that was trained on for a narrower aim keeps most of what it gained, and of what it could before,
half-way back (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models").
"""

import argparse
from collections.abc import Mapping

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from command_line.arguments import user_path
from command_line.running import run_program


def blend(before: Mapping[str, Tensor], after: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """`share` of the way from one set of tensors to the other, in the types of the first.

    Raises:
        ValueError: They are not of one network.
    """
    shapes = [{name: tensor.shape for name, tensor in tensors.items()} for tensors in (before, after)]
    if shapes[0] != shapes[1]:
        raise ValueError("the two files do not hold tensors of the same names and shapes")
    return {
        name: torch.lerp(tensor.float(), after[name].float(), share).to(tensor.dtype)
        for name, tensor in before.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("before", type=user_path)
    parser.add_argument("after", type=user_path)
    parser.add_argument("--share", type=float, default=0.5, help="of the second file")
    parser.add_argument("--out", type=user_path, required=True)
    arguments = parser.parse_args()
    with safe_open(arguments.before, "pt") as file:
        metadata = file.metadata()
    mixed = blend(load_file(arguments.before), load_file(arguments.after), arguments.share)
    save_file(mixed, arguments.out, metadata=metadata)


if __name__ == "__main__":
    run_program(main)
