"""How a completion ended, and what is wrong with it."""

from __future__ import annotations

from math import inf, nan
from pathlib import Path

import pytest
from conftest import Bench
from pawl_trainer.completion import Completion, completion_of, defect_of, reasoning_of
from pawl_trainer.encoding import TextEncoder, read_contract, read_tokenizer

EMBED, END = 3, 2


@pytest.fixture(scope="module")
def text(made: Bench) -> TextEncoder:
    folder = Path(made.model["path"])
    return TextEncoder(read_contract(folder), read_tokenizer(folder))


@pytest.mark.parametrize(
    ("ids", "logprobs", "kept", "finish", "defect"),
    [
        ([90, EMBED], [-1.0, -2.0], [90, EMBED], "embed", None),
        ([90, EMBED, 80], [-1.0, -2.0, -3.0], [90, EMBED], "embed", None),
        ([90, END, EMBED], [-1.0, -2.0, -3.0], [90, END], "eos", "no-embed"),
        ([90, 70, 80], [-1.0, -2.0, -3.0], [90, 70, 80], "length", "endless"),
        ([90, EMBED, 80, EMBED], [-1.0] * 4, [90, EMBED, 80, EMBED], "several", "several"),
        ([EMBED], [-1.0], [EMBED], "embed", "empty"),
        ([90, 80, EMBED], [-1.0, nan, -1.0], [90], "nan", "nan"),
        ([90, EMBED], [-1.0, -inf], [90], "nan", "nan"),
        ([90, EMBED, 80], [-1.0, -1.0, nan], [90, EMBED], "embed", None),
        ([90], [nan], [], "nan", "nan"),
    ],
)
def test_each_end_has_its_name(
    text: TextEncoder, ids: list[int], logprobs: list[float], kept: list[int], finish: str, defect: str | None
) -> None:
    found = completion_of(ids, logprobs, text.contract)
    assert (found.ids, found.logprobs, found.finish) == (kept, logprobs[: len(kept)], finish)
    assert defect_of(found, text) == defect
    assert found.valid == (finish == "embed")


def test_white_space_is_no_reasoning(text: TextEncoder) -> None:
    space = text.content("query", [" \n "])[0]
    assert space
    assert defect_of(Completion([*space, EMBED], [-1.0] * (len(space) + 1), "embed"), text) == "empty"


def test_the_reasoning_is_what_stands_before_the_end(text: TextEncoder) -> None:
    for ids, finish in (([90, EMBED], "embed"), ([90, END], "eos"), ([90], "length")):
        assert reasoning_of(completion_of(ids, [-1.0] * len(ids), text.contract), text.contract) == [90], finish
