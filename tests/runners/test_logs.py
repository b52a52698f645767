"""Records of any logger hold nothing that looks like another line."""

import logging
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runners.logs import CHATTY, CONTINUATION, escape_records, escaped

FORGED = "\n2026-01-01 [ERROR] forged \x1b[31m\u202e\u2028\x9b\ud800"


@pytest.fixture(autouse=True)
def escaping() -> Iterator[None]:
    """The factory for one test; what was there before comes back."""
    before = logging.getLogRecordFactory()
    escape_records()
    yield
    logging.setLogRecordFactory(before)


def lines_of(record: logging.LogRecord) -> list[str]:
    return logging.Formatter("%(message)s").format(record).splitlines()


@given(text=st.text(st.characters()))
def test_any_text_becomes_one_printable_line(text: str) -> None:
    assert escaped(text).isprintable()
    assert not text.isprintable() or escaped(text) == text


def test_a_message_stays_in_its_line(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("some.library").warning("prompt %s of %d", FORGED, 3)
    assert lines_of(caplog.records[0]) == [
        r"prompt \n2026-01-01 [ERROR] forged \x1b[31m\u202e\u2028\x9b\ud800 of 3"
    ]


def test_a_traceback_is_indented_and_escaped(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise ValueError(FORGED)
    except ValueError:
        logging.getLogger("some.library").exception("100 % failed")
    first, *rest = lines_of(caplog.records[0])
    assert first == "100 % failed"
    assert rest
    assert all(line.startswith(CONTINUATION) and line.isprintable() for line in rest)


def test_arguments_that_do_not_fit_are_left_to_the_handler(caplog: pytest.LogCaptureFixture) -> None:
    record = logging.getLogRecordFactory()("name", logging.INFO, "file", 1, "%d %d", ("one",), None)
    assert record.args == ("one",)
    with pytest.raises(TypeError):
        record.getMessage()


def test_once_is_enough() -> None:
    before = logging.getLogRecordFactory()
    escape_records()
    assert logging.getLogRecordFactory() is before


def test_libraries_do_not_repeat_prompts() -> None:
    assert not [name for name in CHATTY if logging.getLogger(name).isEnabledFor(logging.WARNING)]
