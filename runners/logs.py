"""Log lines that hold nothing a stranger could forge: every record is escaped when it is made.

A record factory sees the records of all loggers and libraries of its process, whatever handlers BentoML puts
in place before or after. A line break in a prompt, a path or an exception's text would otherwise begin what
looks like a line of ours, and a control sequence would write on the operator's terminal.
"""

import logging
import traceback
from collections.abc import Callable
from typing import Any

# They repeat prompts, and warn of what `X-Prompt-Truncated` says in the answer.
CHATTY = ("transformers.tokenization_utils_base", "diffusers.pipelines.flux.pipeline_flux")
CONTINUATION = "    | "


def escaped(text: str, *, limit: int | None = None) -> str:
    """The text in one line of printable characters, cut after `limit` of its own."""
    cut = text if limit is None or len(text) <= limit else text[:limit] + "..."
    if cut.isprintable():
        return cut
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut)


def escape_records() -> None:
    """Escapes all records of this process from now on; once is enough."""
    make = logging.getLogRecordFactory()
    if not isinstance(make, _EscapingFactory):
        logging.setLogRecordFactory(_EscapingFactory(make))
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.ERROR)


class _EscapingFactory:
    """Makes records as before, then escapes message, traceback and stack."""

    def __init__(self, make: Callable[..., logging.LogRecord]) -> None:
        self._make = make

    def __call__(self, *args: Any, **keywords: Any) -> logging.LogRecord:
        record = self._make(*args, **keywords)
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):  # arguments that do not fit are reported by the handler
            return record
        if not message.isprintable():
            record.msg, record.args = escaped(message), None
        if record.exc_info and record.exc_info[0] is not None:
            record.exc_text = _indented("".join(traceback.format_exception(*record.exc_info)))
        if record.stack_info:
            record.stack_info = _indented(record.stack_info)
        return record


def _indented(text: str) -> str:
    return "\n".join(CONTINUATION + escaped(line) for line in text.rstrip("\n").split("\n"))
