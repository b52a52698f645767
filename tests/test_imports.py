"""Imports flow one way: service -> gateway -> runners -> validation, export -> rendering -> models.

An import counts wherever in a file it stands: inside a function, for types alone, below the `__main__` test.
"""

import ast
import os
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter

import pytest

from command_line.places import ROOT
from tests import import_graph
from tests.import_graph import graph, modules, named_modules, names_imported, top_level
from tests.serving import placeholder_weights

PROGRAMS = {"command_line"}
MODELS = PROGRAMS | {"models"}
RENDERING = MODELS | {"rendering"}
RUNNERS = RENDERING | {"export", "validation", "configuration", "runners"}
SERVICE = PROGRAMS | {"gateway", "runners", "configuration", "service"}
MAY_IMPORT = {
    "command_line": PROGRAMS,
    "configuration": PROGRAMS | {"configuration"},
    "models": MODELS,
    "rendering": RENDERING,
    "export": RENDERING | {"export"},
    "validation": RENDERING | {"validation"},
    "runners": RUNNERS,
    "gateway": SERVICE - {"service"},
    "service": SERVICE,
    "scripts": RUNNERS | {"gateway", "scripts"},
    "deploy": PROGRAMS | {"deploy", "gateway", "scripts"},
    "training": RENDERING | {"export", "validation", "configuration", "training"},
    "benchmarks": RUNNERS | SERVICE | {"scripts", "training", "benchmarks"},
}
# Plain modules that know of the fast wing, and what of it. The list may become shorter, not longer: a fast
# form of a network is a value that `accelerate` gives, and what it replaces knows nothing of it.
PLAIN = {"models", "rendering", "validation", "export"}
KNOW_THE_FAST_WING = {
    # It compares both forms of everything.
    "models.conformance.__main__": {"models.fast.plan"},
    "models.conformance.fixtures": {"models.fast.plan"},
    "models.conformance.modules": {
        "models.fast.graphs",
        "models.fast.trellis.gaussian_decoder",
        "models.fast.trellis.latent_flow",
        "models.fast.trellis.structure_flow",
    },
    "models.conformance.stages": {
        "models.fast.graphs",
        "models.fast.trellis.networks",
        "models.fast.trellis.structure_flow",
    },
}


def test_every_folder_has_its_place() -> None:
    assert {*MAY_IMPORT, "tests"} == set(top_level())


@pytest.mark.parametrize("layer", MAY_IMPORT)
def test_imports_flow_one_way(layer: str) -> None:
    ours = {*MAY_IMPORT, "tests"}
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for module, path in modules().items()
        if module.split(".")[0] == layer
        for name in names_imported(path.read_text(encoding="utf-8"))
        if (owner := name.split(".")[0]) in ours and owner not in MAY_IMPORT[layer]
    ]
    assert wrong == []


def test_no_module_imports_itself_by_way_of_others() -> None:
    try:
        TopologicalSorter(graph()).prepare()
    except CycleError as error:
        pytest.fail(f"imports go round: {' <- '.join(error.args[1])}")


def test_plain_networks_do_not_know_the_fast_wing() -> None:
    found = {
        module: fast
        for module, path in modules().items()
        if module.split(".")[0] in PLAIN and not _is_fast(module)
        if (fast := {name for name in named_modules(path.read_text(encoding="utf-8")) if _is_fast(name)})
    }
    assert found == KNOW_THE_FAST_WING


def _is_fast(module: str) -> bool:
    return module == "models.fast" or module.startswith("models.fast.")


HIDDEN = """
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import export.ply

def later():
    from models.fast import graphs

if __name__ == "__main__":
    import scripts.generate as program
"""


def test_an_import_counts_wherever_it_stands() -> None:
    assert set(named_modules(HIDDEN)) == {"export.ply", "models.fast.graphs", "scripts.generate"}
    with pytest.raises(ValueError, match="line 2: relative"):
        list(names_imported("import os\nfrom . import ply"))


def test_a_circle_through_a_package_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing a module of a package runs the package's `__init__` first."""
    monkeypatch.setattr(import_graph, "modules", lambda: dict.fromkeys(("a", "a.b", "c", "c.d")))
    text = {"a.b": "import c.d", "c": "from a.b import thing"}
    loaded = {name: set(import_graph.loaded(name, text.get(name, ""))) for name in ("a", "a.b", "c", "c.d")}
    assert loaded == {"a": set(), "a.b": {"c", "c.d"}, "c": {"a", "a.b"}, "c.d": set()}


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
