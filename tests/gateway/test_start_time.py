"""How long the service says it has been running."""

import subprocess
import sys
import time

from command_line.places import ROOT


def test_a_process_is_no_older_than_whoever_started_it_measured() -> None:
    code = "from gateway.age import seconds_since_start; print(seconds_since_start())"
    for _ in range(2):
        started = time.monotonic()
        output = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
        elapsed = time.monotonic() - started
        assert 0 < float(output.stdout) <= elapsed + 0.02  # the kernel counts in hundredths
