#!/bin/sh
# bentoml 1.4.39: after SIGTERM a request in work cannot reach the services it depends on, though the server waits for it.
#
# Guess: SIGTERM lets requests in work end, the calls that they still make to the services they depend on included.
# Seen: the first process deletes the folder of the services' unix sockets BEFORE it waits for its workers, and a service
# that has nothing to do at that moment leaves at once. So the next call of a request in work fails, with a connection
# that was open before as well as without, and the client reads 500 after the server has worked on it to its end. The
# server's exit status is 0 all the same: nothing but the answer tells.
#
# Needs python3 with venv. Exit 0 while this holds, 1 once it changes.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check bentoml==1.4.39 httpx==0.28.1
cd "$place"
cat > service.py <<'PYTHON'
import asyncio

import bentoml


@bentoml.service
class Second:
    @bentoml.api
    async def double(self, number: int) -> int:
        return 2 * number


@bentoml.service
class First:
    second = bentoml.depends(Second)

    @bentoml.api
    async def slowly(self, number: int, call_before: bool) -> int:
        if call_before:  # leaves a connection open
            await self.second.to_async.double(number)
        await asyncio.sleep(4)
        return await self.second.to_async.double(number)
PYTHON
cat > try.py <<'PYTHON'
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx


def answer_after(stop, call_before):
    """Status of a request that is in work when the server is told to stop, and the server's exit status."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "BENTOML_HOME": os.getcwd(), "BENTOML_DO_NOT_TRACK": "True"}
    command = [sys.executable, "-m", "bentoml", "serve", "service:First", "--port", str(port), "--host", "127.0.0.1"]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url, until = f"http://127.0.0.1:{port}", time.monotonic() + 90
    while time.monotonic() < until:
        try:
            if httpx.get(f"{url}/readyz", timeout=2, trust_env=False).status_code == 200:
                break
        except httpx.HTTPError:
            time.sleep(0.3)
    statuses = []

    def ask():
        body = {"number": 21, "call_before": call_before}
        statuses.append(httpx.post(f"{url}/slowly", json=body, timeout=60, trust_env=False).status_code)

    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(1.5)
    if stop:
        server.send_signal(signal.SIGTERM)
    thread.join(60)
    if not stop:
        server.send_signal(signal.SIGTERM)
    return statuses[0], server.wait(60)


quiet = answer_after(stop=False, call_before=False)
cold = answer_after(stop=True, call_before=False)
warm = answer_after(stop=True, call_before=True)
print("bentoml 1.4.39, (status of the request, exit status of the server)")
print("no SIGTERM meanwhile:                ", quiet)
print("SIGTERM, first call comes after it:  ", cold)
print("SIGTERM, a connection was open before:", warm)
sys.exit(not (quiet == (200, 0) and cold == (500, 0) and warm == (500, 0)))
PYTHON
venv/bin/python try.py
