"""Libraries of later stages, read while the first ones load."""

import dataclasses
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from configuration.stages import STAGES
from runners import ahead
from runners.ahead import importing

ROOT = Path(__file__).parents[2]


def test_modules_that_the_table_names_exist() -> None:
    named = [module for stage in STAGES for module in stage.imports]
    assert named
    assert all(find_spec(module) for module in named)


def test_the_thread_reads_what_takes_validation_long() -> None:
    program = (
        "import sys; from runners.ahead import importing\n"
        "assert 'open_clip' not in sys.modules\n"
        "with importing(['finishing', 'validation']): pass\n"
        "assert 'open_clip' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=120)


def test_a_module_that_is_missing_is_left_to_its_stage(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    entry = dataclasses.replace(STAGES[-1], imports=("no_such_library",))
    monkeypatch.setattr(ahead, "entry_of", lambda name: entry)
    with importing(["finishing"]):
        pass
    assert "cannot import no_such_library ahead" in caplog.text
