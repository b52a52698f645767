"""Imports flow one way: service -> gateway -> runners -> validation, export -> rendering -> models."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line.places import ROOT
from tests.serving import placeholder_weights

PROGRAMS = {"command_line"}
MODELS = PROGRAMS | {"models"}
RENDERING = MODELS | {"rendering"}
MAY_IMPORT = {
    "command_line": PROGRAMS,
    "configuration": PROGRAMS | {"configuration"},
    "models": MODELS,
    "rendering": RENDERING,
    "export": RENDERING | {"export"},
    "validation": RENDERING | {"validation"},
    "runners": RENDERING | {"export", "validation", "configuration", "runners"},
    "gateway": PROGRAMS | {"gateway", "runners", "configuration"},
    "service": PROGRAMS | {"gateway", "runners", "configuration", "service"},
    "deploy": PROGRAMS | {"deploy", "gateway"},
    "training": RENDERING | {"export", "validation", "configuration", "training"},
}


def modules() -> Iterator[tuple[str, Path]]:
    for layer in MAY_IMPORT:
        file = ROOT / f"{layer}.py"
        yield from (
            (layer, path) for path in ([file] if file.exists() else sorted((ROOT / layer).rglob("*.py")))
        )


def imports_of(path: Path) -> Iterator[str]:
    """Layers of the imported names; what stands below the `__main__` test is a program, not its layer."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tree.body = [
        node for node in tree.body if not (isinstance(node, ast.If) and "__main__" in ast.dump(node.test))
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (layer_of(alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports are not used here"
            yield layer_of(node.module or "")


def layer_of(module: str) -> str:
    return module.split(".")[0]


@pytest.mark.parametrize("layer", MAY_IMPORT)
def test_imports_flow_one_way(layer: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for owner, path in modules()
        if owner == layer
        for name in imports_of(path)
        if name in MAY_IMPORT and name not in MAY_IMPORT[layer]
    ]
    assert wrong == []


def test_the_gateway_loads_no_torch() -> None:
    program = "import sys, service; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    environment = {**os.environ, "WEIGHTS_DIR": str(placeholder_weights()), "MINER__PROFILE": "embedded"}
    assert (
        subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, check=False).returncode
        == 0
    )


def test_the_3d_process_imports_no_model_library_and_no_compiler() -> None:
    """They take longer than all else of its start; it needs none of them, not even to build its modules."""
    code = (
        "import runners.image_to_3d, models.trellis.image_to_3d, models.fast.plan, pathlib, sys;"
        "folder = pathlib.Path('models/embedded/image_to_3d');"
        "models.trellis.image_to_3d.ImageTo3D.load(folder, device='cpu'); print(*sys.modules)"
    )
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    output = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert {"transformers", "diffusers", "accelerate", "torch._dynamo"}.isdisjoint(output.stdout.split())
    assert "models.conditioning.dinov2" in output.stdout.split()


@pytest.mark.parametrize("layer", ["models", "rendering", "validation", "export"])
def test_no_environment_is_read_below_the_runners(layer: str) -> None:
    reads = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted((ROOT / layer).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv", "putenv")
    ]
    assert reads == []
