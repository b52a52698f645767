"""Runs every fixture found under the given folders and prints a line per metric.

    python -m models.conformance [--device cuda] [--half] [--switches] DIR...

Exits with 1 if any check fails or nothing is found.
"""

import argparse
import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from command_line.arguments import device_name, user_path
from command_line.running import run_program
from models.conformance.fixtures import Fixture, find_fixtures
from models.conformance.matte import matte_checks
from models.conformance.meshes import extraction_checks
from models.conformance.modules import half_checks, image_encoder_checks, module_checks
from models.conformance.report import Check, Status, failed
from models.conformance.stages import (
    pipeline_checks,
    preprocess_checks,
    sampler_checks,
    sparse_operation_checks,
)
from models.fast.plan import Switches

logger = logging.getLogger(__name__)


def checks_of(fixture: Fixture) -> Iterator[Check]:
    """The comparisons that a fixture's content asks for."""
    files = fixture.files
    if fixture.half:
        return half_checks(fixture)
    if "golden.safetensors" in files:
        return matte_checks(fixture)
    if "pipeline.json" in files:
        return pipeline_checks(fixture)
    if "weights_hub.safetensors" in files:
        return image_encoder_checks(fixture)
    if {"config.json", "weights.safetensors"} <= files:
        return module_checks(fixture)
    if any(name.endswith("_in.png") for name in files):
        return preprocess_checks(fixture)
    return _checks_by_tensors(fixture)


def _checks_by_tensors(fixture: Fixture) -> Iterator[Check]:
    names = fixture.tensors().keys()
    if any(name.endswith(".samples") for name in names):
        return sampler_checks(fixture)
    if any(name.endswith(".conv.weight") for name in names):
        return sparse_operation_checks(fixture)
    if any(name.endswith(".faces") for name in names):
        return extraction_checks(fixture)
    return iter([failed("fixture", f"unknown kind of fixture, tensors {sorted(names)[:5]}")])


@torch.inference_mode()
def run(fixture: Fixture) -> list[Check]:
    """All checks of a fixture; an exception becomes a failed check."""
    checks: list[Check] = []
    try:
        checks.extend(checks_of(fixture))
    except Exception as error:
        logger.exception("fixture %s", fixture.folder)
        checks.append(failed("run", f"{type(error).__name__}: {error}"))
    return checks


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the report; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m models.conformance", description=__doc__)
    parser.add_argument("folders", nargs="+", type=user_path, metavar="DIR")
    parser.add_argument(
        "--device", type=device_name, default="cpu", help="where the modules run; TF32 stays off"
    )
    parser.add_argument("--half", action="store_true", help="only modules, in fp16 against fp32 recordings")
    parser.add_argument("--switches", action="store_true", help="every fast path of models.fast.plan on")
    options = parser.parse_args(arguments)
    roots = options.folders
    missing = [str(root) for root in roots if not root.is_dir()]
    if missing:
        parser.error(f"no such folder: {', '.join(missing)}")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    counts = dict.fromkeys(Status, 0)
    switches = Switches.all_on() if options.switches else Switches()
    for root in roots:
        for found in find_fixtures(root, options.device):
            fixture = replace(found, half=options.half, switches=switches)
            for check in run(fixture):
                counts[check.status] += 1
                sys.stdout.write(check.line(_name(fixture, root)) + "\n")
                sys.stdout.flush()
    sys.stdout.write(", ".join(f"{count} {status.value}" for status, count in counts.items()) + "\n")
    return 1 if counts[Status.FAIL] or not counts[Status.PASS] + counts[Status.SKIP] else 0


def _name(fixture: Fixture, root: Path) -> str:
    relative = fixture.folder.relative_to(root)
    return fixture.folder.name if relative == Path() else str(relative)


if __name__ == "__main__":
    run_program(main)
