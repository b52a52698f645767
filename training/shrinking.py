"""Weights that follow their tokenizers and configs when these are made smaller."""

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor


def keep_rows(state: dict[str, Tensor], name: str, kept: Sequence[int]) -> None:
    """Leave only the kept rows of an embedding."""
    state[name] = state[name][torch.tensor(kept)].contiguous()


def narrow_hidden_layers(state: dict[str, Tensor], hidden: int, names: tuple[str, str]) -> None:
    """Keep the neurons of every hidden layer whose weights in and out are largest.

    Args:
        names: How the keys of the layers' weights in and out end ("mlp.fc1.weight", "mlp.fc2.weight").
    """
    for into in [key for key in state if key.endswith(names[0])]:
        out = into.removesuffix(names[0]) + names[1]
        strength = state[into].float().norm(dim=1) * state[out].float().norm(dim=0)
        best = strength.argsort(descending=True)[:hidden].sort().values
        bias = into.replace("weight", "bias")
        state[into], state[bias] = state[into][best].contiguous(), state[bias][best].contiguous()
        state[out] = state[out][:, best].contiguous()


def update_config(file: Path, **values: int) -> None:
    """Change values that a JSON file has already."""
    config = json.loads(file.read_text(encoding="utf-8"))
    assert config.keys() >= values.keys(), file
    file.write_text(json.dumps(config | values, indent=2) + "\n", encoding="utf-8")
