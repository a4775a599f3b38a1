"""Figures of rollouts on samples small enough to count by hand, and the warnings that follow from them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Bench
from pawl_trainer.completion import Completion, Defect, completion_of
from pawl_trainer.encoding import Contract, read_contract
from pawl_trainer.rollout_figures import Limits, Observed, distinct, figures_of, identical, loop, repetition, warnings_of
from pawl_trainer.sampling import Sampling

EMBED, END = 3, 2
LOOPS = json.loads((Path(__file__).parents[1] / "fixtures" / "loops.json").read_text(encoding="utf-8"))
NEVER = Limits(1.0, 0.0, 1.0, 1.0, 1.0, 1.0, math.inf)


@pytest.fixture(scope="module")
def contract(made: Bench) -> Contract:
    return read_contract(Path(made.model["path"]))


def observed(contract: Contract) -> Observed:
    """Two queries of two samples: two that are equal, one that the end token ended, one that ran into the limit."""
    rows = [[90, 91, EMBED], [90, 91, EMBED], [90, 90, 90, END], [91, 92, 93, 94, 95]]
    found: list[Completion] = [completion_of(row, [-1.0] * len(row), contract) for row in rows]
    defects: list[Defect | None] = [None, None, "no-embed", "endless"]
    logprobs = [torch.full((len(row),), -1.5) for row in rows]
    logprobs[3][0] = math.nan
    entropies = [torch.full((len(row),), 2.0) for row in rows]
    embeddings = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
    plain = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    return Observed(2, found, defects, logprobs, entropies, embeddings, plain)


def test_figures_are_what_a_person_counts(contract: Contract) -> None:
    figures = figures_of(observed(contract), contract, Sampling(1.0, 2, 5))
    assert figures["valid_fraction"] == 0.5
    assert (figures["no_embed_fraction"], figures["clipped_fraction"], figures["nan_fraction"]) == (0.25, 0.25, 0)
    assert figures["mean_length"] == 3.75
    assert figures["length_p50"] == 3.5
    assert figures["minimum_fraction"] == 0.5
    assert figures["entropy"] == 2
    assert figures["distinct_1"] == pytest.approx(6 / 12)
    assert figures["distinct_2"] == pytest.approx(6 / 8)
    assert figures["repetition"] == pytest.approx((0.5 + 0) / 2)
    assert figures["identical_fraction"] == 0.25
    assert figures["loop_fraction"] == 0
    assert figures["agreement"] == pytest.approx(0.5)
    assert figures["mismatch_mean"] == pytest.approx(0.5)
    assert figures["mismatch_max"] == pytest.approx(0.5)


@pytest.mark.parametrize("case", LOOPS, ids=str)
def test_the_tokens_that_go_round(case: dict[str, Any]) -> None:
    assert loop(case["row"]) == case["tokens"]


def test_where_there_is_nothing_a_figure_is_nan_and_warns_of_nothing() -> None:
    assert math.isnan(distinct([()], 1))
    assert math.isnan(repetition([(1, 2)]))
    assert identical([(1,), (1,), (1,), (2,)], 2) == 0.25
    names = "entropy identical_fraction repetition minimum_fraction agreement mismatch_mean".split()
    shares = dict.fromkeys((f"{name}_fraction" for name in ("clipped", "no_embed", "several", "empty", "nan")), 0.0)
    figures = {"valid_fraction": 1.0, **shares, **dict.fromkeys(names, math.nan)}
    assert warnings_of(figures, Limits(0, 9, 0, 0, 0, 0, 0)) == []


@pytest.mark.parametrize(
    ("name", "limit", "text"),
    [
        ("warn_malformed", 0.49, "50% of the samples are malformed (endless 25%, no embed token 25%, several 0%, empty 0%"),
        ("warn_entropy", 2.1, "entropy 2 nats"),
        ("warn_identical", 0.2, "25% of the samples repeat another one of their query"),
        ("warn_repetition", 0.2, "25% of the bigrams"),
        ("warn_minimum", 0.4, "50% of the samples are as short as may be"),
        ("warn_agreement", 0.4, "cosine 0.5000 with the one without"),
        ("warn_mismatch", 0.4, "differ by 0.5 nats a token"),
    ],
)
def test_each_limit_warns_when_it_is_passed_and_names_itself(contract: Contract, name: str, limit: float, text: str) -> None:
    figures = figures_of(observed(contract), contract, Sampling(1.0, 2, 5))
    assert warnings_of(figures, NEVER) == []
    (warning,) = warnings_of(figures, Limits(**{**vars(NEVER), name: limit}))
    assert text in warning
    assert f"`{name}` is {limit:g}" in warning
