"""How programs end: one sentence for what their user can mend, a traceback for faults of ours."""

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from command_line.arguments import expanded
from command_line.places import ROOT
from command_line.running import run_program


def raising(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            FileNotFoundError(2, "No such file or directory", "/there"),
            "error: /there: No such file or directory",
        ),
        (OSError("odd"), "error: odd"),
        (ValueError("`--set` needs KEY=VALUE"), "error: `--set` needs KEY=VALUE"),
    ],
)
def test_what_a_user_can_mend_is_a_sentence(error: Exception, said: str) -> None:
    with pytest.raises(SystemExit) as ended:
        run_program(lambda: raising(error))
    assert ended.value.code == said


def test_a_fault_of_the_program_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        run_program(lambda: raising(ZeroDivisionError()))
    with pytest.raises(ValueError, match="invalid literal"):  # raised by a library, not on purpose by us
        run_program(lambda: int("x"))


@pytest.mark.parametrize(
    ("program", "status", "said"),
    [
        ("raise KeyboardInterrupt", 130, "stopped\n"),
        ("import os; os.kill(os.getpid(), 2); import time; time.sleep(60)", 130, "stopped\n"),
        ("print('\\u7ea2')", 0, ""),
    ],
)
def test_a_process_ends_as_its_user_expects(program: str, status: int, said: str) -> None:
    code = f"from command_line.running import run_program\ndef main(): {program}\nrun_program(main)"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (status, said)


def test_a_closed_pipe_is_no_fault() -> None:
    program = "[print('x' * 1000) for _ in range(1000)]"
    code = f"from command_line.running import run_program\ndef main(): {program}\nrun_program(main)"
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


def test_a_tilde_is_the_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/of-mine")
    assert expanded("~/weights") == Path("/home/of-mine/weights")
    me = pwd.getpwuid(os.getuid())
    assert expanded(f"~{me.pw_name}/x") == Path(me.pw_dir, "x")
    assert expanded("weights/~x") == Path("weights/~x")
    with pytest.raises(ValueError, match="~no-such-user"):
        expanded("~no-such-user/x")
