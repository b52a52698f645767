"""The bill of materials of what the service runs on: licenses/sbom.cdx.json (CycloneDX).

python -m scripts.sbom CYCLONEDX_PY

CYCLONEDX_PY is the program of cyclonedx-bom, which `make licenses` installs beside the project. It lists the
whole environment; what only tests and trainings need is left out, licences are those of licenses/packages.md,
and addresses that a bill of materials does not need are dropped.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from command_line.running import run_program
from gateway import VERSION
from scripts.licenses import FOLDER, ROOT, models, packages, pinned

FILE = FOLDER / "sbom.cdx.json"
WITH_CUDA = re.compile(r"nvidia-.*|cuda-.*|triton")  # what torch's build for CUDA brings
KEPT = ("type", "bom-ref", "name", "version", "purl", "description")


def closure(names: Iterable[str]) -> set[str]:
    """Canonical names of packages and of all that they need on this machine."""
    found: set[str] = set()
    waiting = [canonicalize_name(name) for name in names]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            needs = requires(name) or []
        except PackageNotFoundError:  # an extra's, or another platform's
            continue
        found.add(name)
        waiting += [
            canonicalize_name(need.name)
            for need in map(Requirement, needs)
            if need.marker is None or need.marker.evaluate({"extra": ""})
        ]
    return found


def bill(listed: dict[str, Any]) -> dict[str, Any]:
    """The bill of materials from what cyclonedx-py lists.

    Raises:
        LicenceError: A licence is not known or not allowed.
    """
    reviewed = yaml.safe_load((FOLDER / "reviewed.yaml").read_text(encoding="utf-8"))
    requirements = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    licences = {canonicalize_name(entry.name): entry.licence for entry in packages(requirements, reviewed)}
    wanted = closure(pinned(requirements))
    components = []
    for component in listed["components"]:
        name = canonicalize_name(component["name"])
        if name in licences:
            licence = [{"expression": licences[name]}]
        elif name in wanted and WITH_CUDA.fullmatch(name):
            licence = _of_cuda(name, component)
        else:
            continue
        components.append({key: component[key] for key in KEPT if key in component} | {"licenses": licence})
    refs = {component["bom-ref"] for component in components}
    direct = set(map(canonicalize_name, pinned(requirements.partition("# brought in")[0])))
    return {
        "$schema": listed["$schema"],
        "bomFormat": "CycloneDX",
        "specVersion": listed["specVersion"],
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "fast-3d-miner",
                "name": "fast-3d-miner",
                "version": VERSION,
                "licenses": [{"expression": "Apache-2.0"}],
            }
        },
        "components": components + [_model(entry) for entry in models(reviewed)],
        "dependencies": [
            {
                "ref": "fast-3d-miner",
                "dependsOn": sorted(
                    ref for ref in refs if canonicalize_name(ref.partition("==")[0]) in direct
                ),
            },
            *(
                {"ref": entry["ref"], "dependsOn": [ref for ref in entry.get("dependsOn", []) if ref in refs]}
                for entry in listed["dependencies"]
                if entry["ref"] in refs
            ),
        ],
    }


def _of_cuda(name: str, component: dict[str, Any]) -> list[dict[str, Any]]:
    if name == "cuda-toolkit" or name.startswith("nvidia-"):
        return [{"license": {"name": "LicenseRef-NVIDIA-CUDA-EULA"}}]
    return list(component["licenses"])


def _model(entry: Any) -> dict[str, Any]:
    return {
        "type": "machine-learning-model",
        "bom-ref": f"model: {entry.name}, {entry.version}",
        "name": entry.name,
        "description": entry.version,
        "licenses": [{"license": {"name": f"{entry.licence} (commercial use: {entry.commercial})"}}],
    }


def main() -> None:
    """Writes the file."""
    command = [sys.argv[1], "environment", "--output-reproducible", "--of", "JSON", sys.executable]
    listed = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    FILE.write_text(json.dumps(bill(listed), indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(f"wrote {Path(FILE).relative_to(ROOT)}")


if __name__ == "__main__":
    run_program(main)
