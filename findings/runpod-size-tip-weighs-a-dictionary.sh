#!/bin/sh
# runpod 1.12.0 (PyPI): the tip about results above 20 MB cannot appear, and the log prints every result twice.
#
# Guess: a worker whose handler returns 30 MB is told, in the log, that this is above the platform's limit of an
# inline answer (the package has a check and a sentence for it); the log does not repeat the result.
# Seen, jobs run by the package's own rp_job.run_job:
#   30 MB of text, alone or in a dictionary: no tip. The check weighs with sys.getsizeof, and what it is handed is
#     always the dictionary {"output": ...}: below a kilobyte whatever is inside. Handed the text itself it would end
#     the job: the logger does not know its own level TIP and raises ValueError("'TIP' is not in list").
#   the level of the log is DEBUG unless RUNPOD_LOG_LEVEL says otherwise, and at DEBUG the result is printed twice
#     ("Handler output", "run_job return"), each time cut to its first and last 2,048 characters: the first bytes of a customer's
#     object, or all of a short answer, stay in the provider's logs.
# A worker that answers with files has to weigh them itself, and to set the level.
#
# Needs python3 with venv. Exit 0 while this holds, 1 once it changes.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check runpod==1.12.0
cd "$place"
cat > jobs.py <<'PYTHON'
import asyncio
import contextlib
import io
import sys

import runpod
from runpod.serverless.modules import rp_job, rp_tips

SENTENCE = "exceeds the 20 MB limit"
LARGE = "a" * 30_000_000


def printed(work) -> str:
    lines = io.StringIO()
    with contextlib.redirect_stdout(lines):
        work()
    return lines.getvalue()


def job(output) -> str:
    return printed(lambda: asyncio.run(rp_job.run_job(lambda job: output, {"id": "1", "input": {"prompt": "x"}})))


print("runpod", runpod.__version__)
tips = {"text": SENTENCE in job(LARGE), "dictionary": SENTENCE in job({"ply": LARGE})}
try:
    rp_tips.check_return_size(LARGE)
    by_hand = "nothing raised"
except ValueError as error:
    by_hand = str(error)
short = job({"answer": "a sentence of a customer"}).count("a sentence of a customer")
longest = max(len(line) for line in job(LARGE).splitlines())
print("tip for a job that returns 30 MB:", tips, "; the check given the text itself:", by_hand)
print("times that a short answer stands in the log:", short, "; longest line of a large one:", longest)
sys.exit(not (not any(tips.values()) and by_hand == "'TIP' is not in list" and short == 2 and longest < 5000))
PYTHON
env -u RUNPOD_LOG_LEVEL -u RUNPOD_DEBUG_LEVEL -u RUNPOD_ENDPOINT_ID "$place/venv/bin/python" jobs.py
