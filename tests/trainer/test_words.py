"""Identifiers are taken apart."""

from __future__ import annotations

import pytest
from pawl_trainer.words import words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("parseHTTPHeader_2", ["parse", "http", "header", "2"]),
        ("self.read_until(b'x')", ["self", "read", "until", "b", "x"]),
        ("", []),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words
