"""Words of source text: identifiers taken apart, lower-cased."""

from __future__ import annotations

import re

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[A-Za-z]+|[0-9]+")


def words_of(text: str) -> list[str]:
    """`parseHTTPHeader_2` -> [parse, http, header, 2]. Pure."""
    return [word.lower() for word in _WORD.findall(_CAMEL.sub(" ", text))]
