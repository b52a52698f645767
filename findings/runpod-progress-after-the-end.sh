#!/bin/sh
# runpod 1.12.0 (PyPI): progress of a job arrives in another order than it was sent, and after the job's result.
#
# Guess: progress_update(job, "3 of 5") after "2 of 5" arrives after it, and what a handler sends before it returns arrives
# before the result: both go to the same address.
# Seen, five updates in a row and then the result, to a web server that notes what it gets: each update is sent by a thread,
# an event loop and a connection of its own, for which nobody waits. Updates overtake each other, and the result overtakes
# updates, which then say IN_PROGRESS of a job that has ended. (Nearly every job does so here, where the server shares the
# worker's process; how often elsewhere depends on the network.)
# A worker that sends progress needs pauses between the updates, and one before it returns.
#
# Needs python3 with venv. Exit 0 while this holds, 1 once it changes.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check runpod==1.12.0
cat > "$place/jobs.py" <<'PYTHON'
import asyncio
import json
import os
import sys
import time
from urllib.parse import unquote_plus

from aiohttp import web

JOBS, UPDATES = 40, 5
arrived: dict[str, list] = {}


async def note(request):
    text = await request.text()
    if not text.startswith("{"):
        text = unquote_plus(text)
    message = json.loads(text.rstrip("="))
    arrived[request.match_info["job"].split("&")[0]].append("result" if message.get("status") != "IN_PROGRESS" else message["output"])
    return web.Response()


async def main():
    application = web.Application()
    application.router.add_post("/{job}", note)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    os.environ["RUNPOD_WEBHOOK_POST_OUTPUT"] = f"http://127.0.0.1:{port}/$ID"
    os.environ["RUNPOD_LOG_LEVEL"] = "ERROR"
    import runpod  # reads the address when it is imported
    from runpod.http_client import AsyncClientSession
    from runpod.serverless.modules import rp_job
    from runpod.serverless.modules.rp_http import send_result

    def handler(job):
        for step in range(UPDATES):
            runpod.serverless.progress_update(job, step)
        return {"done": True}

    async with AsyncClientSession() as session:
        for number in range(JOBS):
            job = {"id": f"job{number}", "input": {"prompt": "x"}}
            arrived[job["id"]] = []
            await send_result(session, await rp_job.run_job(handler, job), job)
            until = time.monotonic() + 10
            while len(arrived[job["id"]]) < UPDATES + 1 and time.monotonic() < until:
                await asyncio.sleep(0.01)
    await runner.cleanup()
    print("runpod", runpod.__version__, "as they arrived, for example:", *list(arrived.values())[:3], sep="\n  ")


asyncio.run(main())
complete = sum(len(got) == UPDATES + 1 for got in arrived.values())
mixed = sum([step for step in got if step != "result"] != list(range(UPDATES)) for got in arrived.values())
late = sum(got[-1] != "result" for got in arrived.values())
print(f"of {JOBS} jobs: all of it arrived {complete}, updates in another order {mixed}, an update after the result {late}")
sys.exit(not (complete == JOBS and mixed > 0 and late > 0))
PYTHON
"$place/venv/bin/python" "$place/jobs.py"
