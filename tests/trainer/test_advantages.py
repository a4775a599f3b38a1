"""Advantages against values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from pawl_trainer.advantages import advantages_of, dealt_at_random
from torch import tensor

KINDS = ["group", "batch", "none", "leave-one-out"]
REWARDS = tensor([[1.0, 0.63093, 0.5, 0.0]])
NAN = math.nan


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("group", [1.130127, 0.237499, -0.079166, -1.288459]),
        ("none", [0.467268, 0.098197, -0.032732, -0.532732]),
        # r - mean of the other three, for example 1 - (.63093 + .5 + 0) / 3
        ("leave-one-out", [0.623023, 0.130930, -0.043643, -0.710310]),
    ],
)
def test_a_group_of_ranks_1_2_3_and_a_failure(kind: str, expected: list[float]) -> None:
    assert advantages_of(REWARDS, kind)[0].tolist() == pytest.approx(expected, abs=2e-6)


def test_the_batch_lends_its_deviation_and_not_its_mean() -> None:
    found = advantages_of(tensor([[1.0, 0.0], [0.5, 0.5], [0.2, 0.0]]), "batch")
    spread = 0.3829708  # of all six, with n - 1
    assert found.flatten().tolist() == pytest.approx([0.5 / spread, -0.5 / spread, 0, 0, 0.1 / spread, -0.1 / spread], abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_group_of_equal_rewards_has_no_advantage(kind: str) -> None:
    assert advantages_of(tensor([[0.3] * 7, [0.1] * 6 + [0.2]]), kind)[0].tolist() == [0.0] * 7


@pytest.mark.parametrize("kind", KINDS)
def test_a_reward_that_is_no_number_is_as_if_the_sample_were_not_there(kind: str) -> None:
    found = advantages_of(tensor([[1.0, NAN, 0.5, 0.0], [NAN, NAN, NAN, 0.4]]), kind)
    first, second, third = advantages_of(tensor([[1.0, 0.5, 0.0]]), kind)[0].tolist()
    # The lonely 0.4 of the other group is one of the rewards of the batch.
    scale = 0.5 / float(tensor([1.0, 0.5, 0.0, 0.4]).std()) if kind == "batch" else 1.0
    assert found[0].tolist() == pytest.approx([first * scale, 0.0, second * scale, third * scale], abs=1e-5)
    assert found[1].tolist() == [0.0] * 4


def test_dealt_at_random_keeps_the_advantages_of_each_group() -> None:
    advantages = torch.arange(24.0).reshape(3, 8)
    known = torch.ones(3, 8, dtype=torch.bool)
    known[1, 2] = False
    dealt = dealt_at_random(advantages, known, "advantages", 5)
    assert dealt.sort(dim=1).values.tolist() == advantages.tolist()
    assert all(dealt[row].tolist() != advantages[row].tolist() for row in range(3))
    assert float(dealt[1, 2]) == float(advantages[1, 2])
    assert dealt_at_random(advantages, known, "advantages", 5).tolist() == dealt.tolist()
    assert dealt_at_random(advantages, known, "advantages", 6).tolist() != dealt.tolist()
