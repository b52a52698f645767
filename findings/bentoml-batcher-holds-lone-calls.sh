#!/bin/sh
# bentoml 1.4.39: after a burst, adaptive batching holds every lone call of an idle server for seconds.
#
# Guess: a batch waits for company as long as max_latency_ms or recent arrivals suggest; with nothing else about, a lone
# call starts within some milliseconds, or at least a few calls later.
# Seen: a batched method that takes 0.1 s for any batch of at most 4. Lone calls take 0.1 s. Then 240 calls at once queue up
# behind each other. Once all are answered and the server is idle, lone calls one after the other are held for about
# as long as the calls of the burst had waited: the dispatcher takes the mean wait of its last 50 batches for the time
# that a call should wait for others, and each lone call moves that mean by a fiftieth only.
#
# Needs python3 with venv. Exit 0 while this holds, 1 once it changes.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check bentoml==1.4.39 httpx==0.28.1
cd "$place"
cat > service.py <<'PYTHON'
import time

import bentoml


@bentoml.service(traffic={"timeout": 120})
class Batched:
    @bentoml.api(batchable=True, max_batch_size=4, max_latency_ms=60_000)
    def work(self, numbers: list[int]) -> list[int]:
        time.sleep(0.1)
        return numbers
PYTHON
cat > try.py <<'PYTHON'
import asyncio
import os
import signal
import socket
import statistics
import subprocess
import sys
import time

import httpx

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    PORT = free.getsockname()[1]
ENVIRONMENT = {**os.environ, "BENTOML_HOME": os.getcwd(), "BENTOML_DO_NOT_TRACK": "True"}
COMMAND = [sys.executable, "-m", "bentoml", "serve", "service:Batched", "--port", str(PORT), "--host", "127.0.0.1"]


async def call(client):
    started = time.perf_counter()
    (await client.post("/work", json={"numbers": [1]})).raise_for_status()
    return time.perf_counter() - started


async def main():
    limits = httpx.Limits(max_connections=300)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{PORT}", timeout=120, trust_env=False, limits=limits) as client:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                if (await client.get("/readyz")).status_code == 200:
                    break
            except httpx.HTTPError:
                await asyncio.sleep(0.3)
        for size in (1,) * 9 + (2, 3, 4):  # what the dispatcher learns from
            await asyncio.gather(*(call(client) for _ in range(size)))
        before = [await call(client) for _ in range(5)]
        burst = await asyncio.gather(*(call(client) for _ in range(240)))
        await asyncio.sleep(5)
        after = [await call(client) for _ in range(5)]
        return before, burst, after


server = subprocess.Popen(COMMAND, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
try:
    before, burst, after = asyncio.run(main())
finally:
    server.send_signal(signal.SIGTERM)
    server.wait(30)
print("bentoml 1.4.39, seconds of a method that sleeps 0.1 s")
print("lone calls before:", [round(s, 2) for s in before])
print("a burst of 240:", round(min(burst), 2), "to", round(max(burst), 2))
print("lone calls after 5 s of rest:", [round(s, 2) for s in after])
sys.exit(not statistics.median(after) > 3 * statistics.median(before))
PYTHON
venv/bin/python try.py
