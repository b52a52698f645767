"""Pages of other origins: what they may read, and which origins can be named."""

import re
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

import gateway
from configuration.schema import Origin
from gateway.cors import EXPOSED


def test_every_header_of_ours_can_be_read() -> None:
    sources = [path.read_text(encoding="utf-8") for path in Path(gateway.__file__).parent.glob("*.py")]
    named = set(re.findall(r'"(X-[A-Za-z0-9-]+)"', "".join(sources)))
    assert named
    assert named <= set(EXPOSED)


@pytest.mark.parametrize(
    "origin", ["*", "null", "https://example.org", "http://localhost:3000", "http://[::1]"]
)
def test_origins_are_what_browsers_send(origin: str) -> None:
    assert TypeAdapter(Origin).validate_python(origin) == origin


@pytest.mark.parametrize(
    "origin", ["example.org", "https://x.org/", "https://X.org", "https://*.x.org", "", "ftp://x"]
)
def test_anything_else_would_never_match_and_is_refused(origin: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Origin).validate_python(origin)
