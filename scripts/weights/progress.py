"""How far a download is: bars on a terminal, a line now and then in a log."""

import sys
import threading

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

LINE_SECONDS = 10.0


class LoggedProgress(Progress):
    """The same numbers as lines, where nobody watches bars: a container's log."""

    def __init__(self, line_seconds: float = LINE_SECONDS) -> None:
        """Prints a line every so many seconds, for as long as it runs."""
        super().__init__(disable=True)
        self._line_seconds = line_seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._tell_again_and_again, name="progress", daemon=True)

    def start(self) -> None:
        """Begins to tell."""
        self._thread.start()

    def stop(self) -> None:
        """Ends it; what was not told is not told any more."""
        self._ended.set()
        self._thread.join()

    def _tell_again_and_again(self) -> None:
        while not self._ended.wait(self._line_seconds):
            if self.tasks:
                print(self._line(), flush=True)

    def _line(self) -> str:
        everything = self.tasks[0]
        total, speed = everything.total or 0.0, everything.speed or 0.0
        share = 100 * everything.completed / total if total else 100.0
        left = f", {(total - everything.completed) / speed / 60:.0f} min left" if speed else ""
        gigabytes = f"{everything.completed / 1e9:.2f} of {total / 1e9:.2f} GB"
        return f"{everything.description}: {gigabytes} ({share:.0f} %), {speed / 1e6:.1f} MB/s{left}"


def create_progress() -> Progress:
    """Bars, one for all and one for each file under way; lines where the output is no terminal."""
    if not sys.stdout.isatty():
        return LoggedProgress()
    return Progress(
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), transient=True
    )
