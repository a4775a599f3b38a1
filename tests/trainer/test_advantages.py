"""Advantages against values worked out by hand."""

from __future__ import annotations

import pytest
from pawl_trainer.advantages import group_advantages
from torch import tensor

REWARDS = tensor([[1.0, 0.63093, 0.5, 0.0]])


def test_group_advantages_are_standardised_with_n_minus_1() -> None:
    found = group_advantages(REWARDS, "group")[0].tolist()
    assert found == pytest.approx([1.130127, 0.237499, -0.079166, -1.288459], abs=2e-6)


def test_without_standardising_the_mean_is_taken_off() -> None:
    found = group_advantages(REWARDS, "none")[0].tolist()
    assert found == pytest.approx([0.467268, 0.098197, -0.032732, -0.532732], abs=2e-6)


@pytest.mark.parametrize("kind", ["group", "none"])
def test_a_group_of_equal_rewards_has_no_advantage(kind: str) -> None:
    assert group_advantages(tensor([[0.3] * 7, [0.1] * 6 + [0.2]]), kind)[0].tolist() == [0.0] * 7
