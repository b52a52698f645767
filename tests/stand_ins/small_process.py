"""A process that loads nothing: NAME, the signal that asks it to leave, `leave` or `stay`, and the log."""

import os
import signal
import socket
import sys
import time


def main() -> None:
    """Says how many sockets it got, and what happens to it."""
    name, ask, answer, log = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]

    def say(word: str) -> None:
        with open(log, "a") as file:
            file.write(f"{name} {word}\n")

    def leave(*_: object) -> None:
        say("asked")
        if answer == "leave":
            time.sleep(0.3)
            say("gone")
            os._exit(0)

    for number in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, leave if number == ask else signal.SIG_IGN)
    say(f"listens on {sum(map(is_listening, range(3, 100)))}")
    while True:
        signal.pause()


def is_listening(descriptor: int) -> bool:
    """Whether it is a socket that takes connections."""
    try:
        with socket.socket(fileno=os.dup(descriptor)) as found:
            return bool(found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    except OSError:
        return False


if __name__ == "__main__":
    main()
