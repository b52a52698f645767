"""What takes the place of diffusers' modules is called as they are."""

import inspect
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import Any

import pytest
import torch
from diffusers import FluxTransformer2DModel
from diffusers.models.autoencoders.vae import Decoder
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.transformers.transformer_flux import FluxSingleTransformerBlock, FluxTransformerBlock
from torch import nn

from command_line.places import ROOT
from models.fast.flux.autoencoder import residual_block
from models.fast.flux.blocks import double_block, single_block
from models.fast.flux.recording import recorded_transformer
from models.fast.graphs import GraphRecorder
from models.fast.twins import StandIn, twin

PASSED_ON = {"args", "kwargs"}


def names_of(function: Callable[..., Any]) -> list[str]:
    """Its parameters, without the module itself."""
    names = list(inspect.signature(function).parameters)
    return [name for name in names if name not in PASSED_ON][1:]


def test_the_installed_diffusers_is_the_one_that_this_was_written_for() -> None:
    assert f"diffusers=={version('diffusers')}\n" in (ROOT / "requirements.txt").read_text()


@pytest.mark.parametrize(
    ("module", "ours"),
    [(FluxTransformerBlock, double_block), (FluxSingleTransformerBlock, single_block)],
    ids=["double", "single"],
)
def test_blocks_take_what_diffusers_blocks_take(module: type[nn.Module], ours: Callable[..., Any]) -> None:
    assert names_of(ours) == names_of(module.forward)


def test_a_residual_block_takes_the_same_number() -> None:
    assert len(names_of(residual_block)) == len(names_of(ResnetBlock2D.forward))
    assert len(names_of(Decoder.forward)) == 2  # of which the recorded one takes the first


def test_the_recorded_transformer_takes_parameters_that_diffusers_knows() -> None:
    recorded = recorded_transformer(nn.Identity(), GraphRecorder("cpu"))
    ours = inspect.signature(recorded.compute).parameters
    assert set(ours) < set(names_of(FluxTransformer2DModel.forward))


def test_a_twin_has_the_parameters_and_not_the_parts() -> None:
    tied = nn.Linear(2, 2)
    original = nn.Sequential(tied, nn.ReLU(), tied)
    again = twin(original)
    assert again[0] is again[2]
    assert again[0] is not tied
    assert again[0].weight is tied.weight
    again[1] = StandIn(original[1], partial(torch.mul, other=0))
    x = torch.ones(1, 2)
    assert torch.equal(again(x), tied(torch.zeros(1, 2)))
    assert torch.equal(original(x), tied(torch.relu(tied(x))))


def test_a_stand_in_answers_as_the_module_does() -> None:
    stand_in = StandIn(nn.Conv2d(3, 4, 1), lambda x: x)
    assert stand_in.out_channels == 4
    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = stand_in.no_such_thing
