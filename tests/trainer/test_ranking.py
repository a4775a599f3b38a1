"""Ranks and nDCG against values worked out by hand."""

from __future__ import annotations

import math

import pytest
from pawl_trainer.ranking import ndcg, ranks_of
from torch import tensor

SCORES = tensor([0.9, 0.5, 0.7, 0.5, math.nan, 0.5])


def test_equal_scores_go_by_the_row_descending() -> None:
    assert ranks_of(SCORES, [0, 1, 2, 3, 5], []) == {0: 1, 2: 2, 5: 3, 3: 4, 1: 5}


def test_a_score_that_is_no_number_is_behind_all() -> None:
    assert ranks_of(SCORES, [4], []) == {4: 6}
    assert ranks_of(SCORES, [4], [0, 5]) == {4: 4}


def test_ignored_rows_are_not_there() -> None:
    assert ranks_of(SCORES, [1], [0, 3]) == {1: 3}
    assert SCORES[0] == pytest.approx(0.9), "the scores are left alone"


def test_ndcg_with_linear_gain() -> None:
    # Gains 3, 0, 2, 0, 1 of relevant documents with grades 3, 2, 1, 1.
    assert ndcg({0: 3, 1: 2, 2: 1, 3: 1}, {0: 1, 1: 3, 2: 5, 3: 80}, cutoff=5) == pytest.approx(0.844838, abs=1e-6)
    assert ndcg({7: 1}, {7: 3}) == pytest.approx(0.5)
    assert ndcg({7: 1}, {7: 11}) == 0.0
