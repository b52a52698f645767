"""The waterfall of a start."""

from pathlib import Path

from benchmarks.cold_start import Event, Watcher, drawing, service_of


def event(seconds: float, process: str, text: str) -> Event:
    return Event(seconds=seconds, process=process, text=text)


def test_each_bar_lies_between_an_event_and_the_one_before_of_its_process() -> None:
    events = [
        event(0.0, "first", "process begins"),
        event(3.0, "video", "process begins"),
        event(6.0, "video", "Service video initialized"),
        event(6.0, "client", "/readyz is 200"),
    ]
    lines = drawing(events)
    (bar,) = [line for line in lines if line.endswith("Service video initialized")]
    drawn = bar[25 : 25 + 60]
    assert (drawn.count("#"), drawn.index("#")) == (30, 30)
    assert lines[-1].endswith("/readyz is 200")
    assert lines[-1].count("#") == 60


def test_processes_are_known_by_the_service_they_run() -> None:
    worker = ["python", "-m", "_bentoml_impl.worker.service", "service:Miner", "--service-name", "matting"]
    assert service_of(worker) == "matting"
    assert service_of(["python", "-m", "bentoml", "serve", "service:Miner"]) == "first"
    assert service_of(["ffmpeg", "-y"]) is None


def test_lines_are_noted_once_even_if_they_come_in_pieces(tmp_path: Path) -> None:
    log = tmp_path / "service.log"
    watcher = Watcher(log)
    line = "2026-12-01T00:00:00+0000 [INFO] [service:matting:1] matting: loaded in 0.3 s, 0.08 GiB\n"
    for piece in (line[:50], line[50:], "[INFO] [service:matting:1] something else\n"):
        with log.open("a") as file:
            file.write(piece)
        watcher._look_at_log()
    assert [(e.process, e.text) for e in watcher.events] == [
        ("matting", "matting: loaded in 0.3 s, 0.08 GiB")
    ]
