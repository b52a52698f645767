"""The checks of shapes and types see what they should, and leave compilers' input alone."""

import ast
import sys

import jaxtyping
import pytest
import torch

import rendering.tile_kernels
from command_line.places import ROOT
from export.splat_codes import nearest_codes
from models.mesh.corner_field import grid_keys
from models.sampling.schedule import SamplerSettings
from tests import shape_checks
from tests.shape_checks import COMPILED, LAYERS, name_of
from validation.scores import Scores


def test_wrong_axes_dtypes_and_types_are_errors() -> None:
    with pytest.raises(jaxtyping.TypeCheckError, match=r"\*batch 3"):
        grid_keys(torch.zeros(5, 2, dtype=torch.long), 4)
    with pytest.raises(jaxtyping.TypeCheckError, match="values"):
        nearest_codes(torch.zeros(3).int().numpy())
    with pytest.raises(jaxtyping.TypeCheckError, match="aesthetics"):
        Scores(alignment=None, aesthetics="high")  # type: ignore[arg-type]
    assert SamplerSettings(steps=3, cfg_strength=3).cfg_strength == 3  # an int is a float


def test_every_module_of_the_layers_is_checked() -> None:
    loaded = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in LAYERS}
    assert {name.partition(".")[0] for name in loaded} == set(LAYERS)
    plain = [name for name, module in loaded.items() if not hasattr(module, shape_checks.DECORATOR)]
    assert plain == []


def test_checks_that_come_too_late_are_refused() -> None:
    with pytest.raises(RuntimeError, match="models"):
        shape_checks.install()


def test_compilers_get_functions_as_they_are_written() -> None:
    compiled = [item for item in vars(rendering.tile_kernels).values() if hasattr(item, "py_func")]
    assert compiled
    assert not any(hasattr(kernel.py_func, "__wrapped__") for kernel in compiled)
    assert hasattr(grid_keys, "__wrapped__")


def test_every_exception_is_for_a_decorator_in_use() -> None:
    used = {
        name_of(decorator)
        for layer in LAYERS
        for path in (ROOT / layer).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
    }
    assert set(COMPILED) <= used
