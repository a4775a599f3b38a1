"""Losses against values worked out by hand (formulas: losses.py)."""

from __future__ import annotations

import math

import pytest
import torch
from pawl_trainer.losses import divergence, hardest, info_nce, left_out, triplet
from torch import tensor


def unit(*cosines: float) -> torch.Tensor:
    """Unit vectors whose cosine to (1, 0) is as given."""
    return tensor([[cosine, math.sqrt(1 - cosine**2)] for cosine in cosines])


NOBODY = torch.zeros(1, 3, dtype=torch.bool)


@pytest.mark.parametrize(("temperature", "expected"), [(0.05, 0.0184793), (1.0, 0.9119014)])
def test_info_nce_of_one_positive_and_two_negatives(temperature: float, expected: float) -> None:
    query = tensor([[1.0, 0.0]])
    loss = info_nce(query, unit(0.8, 0.6, 0.4), temperature, NOBODY, back=False)
    assert float(loss) == pytest.approx(expected, abs=1e-6)
    # The way back from the only positive to the only query is 0, and half of the loss of both directions.
    assert 2 * float(info_nce(query, unit(0.8, 0.6, 0.4), temperature, NOBODY)) == pytest.approx(expected, abs=1e-6)


def test_both_directions_are_the_mean_of_each() -> None:
    queries, documents = unit(0.9, 0.1), unit(0.7, -0.3)
    known = torch.zeros(2, 2, dtype=torch.bool)
    forth, back = (info_nce(*pair, 0.1, known, back=False) for pair in ((queries, documents), (documents, queries)))
    assert float(info_nce(queries, documents, 0.1, known)) == pytest.approx(float(forth + back) / 2, abs=1e-6)


def test_a_known_positive_is_no_negative() -> None:
    queries = unit(1.0, 0.9)
    masked = info_nce(queries, queries, 0.1, tensor([[False, True], [True, False]]))
    assert float(masked) == pytest.approx(0.0, abs=1e-7)
    assert float(info_nce(queries, queries, 0.1, torch.zeros(2, 2, dtype=torch.bool))) > 0.1


def test_a_pair_far_above_the_positive_counts_as_one() -> None:
    query, documents = tensor([[1.0, 0.0]]), unit(0.5, 0.9, 0.55)
    loss = float(info_nce(query, documents, 0.1, NOBODY, margin=0.1, back=False))
    without = float(info_nce(query, unit(0.5, 0.55), 0.1, NOBODY[:, :2], back=False))
    assert loss == pytest.approx(without, abs=1e-6), "only what is above 0.5 + 0.1 is left out"
    assert float(hardest(query, documents, NOBODY, margin=0.1)) == pytest.approx(0.55)
    assert float(hardest(query, documents, NOBODY)) == pytest.approx(0.9)
    assert float(hardest(query, documents, tensor([[False, True, True]]))) == -1.0


def test_the_way_back_compares_with_the_positive_of_the_document() -> None:
    queries, documents = unit(0.2, 1.0), unit(1.0, 0.9)  # both queries lie nearer to document 1 than to document 0, or as near
    known = torch.zeros(2, 2, dtype=torch.bool)
    logits = (documents @ queries.T) / 0.1
    away = logits > logits.diagonal()[:, None] + 0.3 / 0.1
    away.fill_diagonal_(False)
    assert away.tolist() == [[False, True], [False, False]]
    back = torch.nn.functional.cross_entropy(logits.masked_fill(away, -math.inf), tensor([0, 1]))
    forth = info_nce(queries, documents, 0.1, known, margin=0.3, back=False)
    both = info_nce(queries, documents, 0.1, known, margin=0.3)
    assert float(both) == pytest.approx(float(forth + back) / 2, abs=1e-6)


def test_divergence_against_its_definition() -> None:
    frozen, logits = tensor([[0.0, 1.0, 2.0, 9.0]]), tensor([[1.0, 0.0, 0.5, -9.0]])
    old, new = frozen[0, :3].softmax(0), logits[0, :3].softmax(0)
    expected = sum(float(p * (p / q).log()) for p, q in zip(old, new, strict=True))
    turned = sum(float(q * (q / p).log()) for p, q in zip(old, new, strict=True))
    assert float(divergence(frozen, logits, without=3)) == pytest.approx(expected, rel=1e-5)
    assert float(divergence(frozen, logits, without=3, reverse=True)) == pytest.approx(turned, rel=1e-5)
    assert float(divergence(frozen, logits)) > 5, "the whole vocabulary: token 3 decides"
    assert float(divergence(frozen, frozen)) == 0


@pytest.mark.parametrize(("margin", "expected"), [(0.2, 0.0), (0.3, 0.1)])
def test_triplet_in_cosine_distance(margin: float, expected: float) -> None:
    assert float(triplet(tensor([0.8]), tensor([0.6]), margin)) == pytest.approx(expected, abs=1e-6)


def test_the_share_of_negatives_that_are_left_out() -> None:
    queries = tensor([[1.0, 0.0], [0.0, 1.0]])
    documents = tensor([[0.8, 0.6], [0.6, 0.8], [1.0, 0.0]])
    known = torch.tensor([[False, True, False], [False, False, False]])
    assert float(left_out(queries, documents, known)) == pytest.approx(1 / 4)
    # 1.0 for the first query's third document is above 0.8 + 0.1; the second query has none above its 0.8 + 0.1.
    assert float(left_out(queries, documents, known, 0.1)) == pytest.approx(2 / 4)
    assert float(left_out(queries[:1], documents[:1], known[:1, :1])) == 0
