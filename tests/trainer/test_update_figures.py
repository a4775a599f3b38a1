"""The figures of an update, and when it warns; the learning rate of an iteration."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from pawl_trainer import declaration, schemas
from pawl_trainer.sampling import Sampling
from pawl_trainer.update_figures import broken, collapses, mean_cosine
from pawl_trainer.update_rollouts import Rollouts, trained_tokens
from pawl_trainer.update_settings import Settings, learning_rate

EMBED = 7


def rollouts(embeddings: torch.Tensor, valid: list[bool]) -> Rollouts:
    """Two queries with two samples each; three tokens a sample, but for the last, which has four and is at the limit."""
    completions = [[1, 2, EMBED], [1, 3, EMBED], [4, 2, 5], [4, 4, 4, 4]]
    return Rollouts(
        sampling=Sampling(1.0, 1, 4),
        iteration=0,
        samples=4,
        prompts=[[0]] * 4,
        completions=completions,
        old_logprobs=[torch.zeros(len(one)) for one in completions],
        masks=[torch.full((len(one),), int(fine)) for one, fine in zip(completions, valid, strict=True)],
        valid=valid,
        embeddings=embeddings,
        rewards=torch.tensor([[1.0, 0.0], [0.5, 0.0]]),
        queries=["a", "b"],
        replayed=[],
    )


def settings(**change: object) -> Settings:
    declared = {name: rule for name, rule in schemas.load("steps/rl.update.json")["inputs"].items() if "artifact" not in rule}
    return Settings(**declaration.checked("update", {"inputs": declared}, change))


def test_mean_cosine_is_over_pairs_of_different_queries() -> None:
    vectors = torch.tensor([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0], [-3.0, 0.0]])
    half = math.sqrt(0.5)
    whole = rollouts(vectors, [True] * 4)
    assert mean_cosine(whole) == pytest.approx((half + half - 1 + 0) / 4, abs=1e-6)
    assert mean_cosine(rollouts(vectors, [True, True, True, False])) == pytest.approx(half, abs=1e-6)
    assert mean_cosine(rollouts(vectors, [True, True, False, False])) == 0
    assert mean_cosine(rollouts(torch.ones(4, 2), [True] * 4)) == pytest.approx(1.0)


def test_a_sample_with_several_broken_numbers_is_one() -> None:
    fine = rollouts(torch.ones(4, 2), [True] * 4)
    assert broken(fine) == 0
    vectors = torch.ones(4, 2)
    vectors[1, 0] = math.nan
    old = [torch.full((3,), math.inf), *fine.old_logprobs[1:]]
    rewards = torch.tensor([[math.nan, 0.0], [0.5, 0.0]])
    assert broken(replace(fine, embeddings=vectors, old_logprobs=old, rewards=rewards)) == 2


def test_a_warning_is_for_what_is_wrong_and_nothing_else() -> None:
    fine = {"broken": 0.0, "ratio_max": 1.2, "embedding_cosine": 0.4}
    assert collapses(fine) == {}
    assert list(collapses({**fine, "broken": 1.0})) == ["broken"]
    assert "12 times as likely" in collapses({**fine, "ratio_max": 12.0})["ratio"]
    assert "mean cosine is 0.97" in collapses({**fine, "embedding_cosine": 0.97})["embedding"]


@pytest.mark.parametrize(
    ("mask", "embed_token", "expected"),
    [
        ("malformed", True, [3, 3, 0, 0]),
        ("overlong", True, [3, 3, 3, 0]),
        ("none", True, [3, 3, 3, 4]),
        ("none", False, [2, 2, 3, 4]),
    ],
)
def test_which_tokens_are_trained(mask: str, embed_token: bool, expected: list[int]) -> None:
    found = trained_tokens(rollouts(torch.ones(4, 2), [True, True, False, False]), EMBED, mask, embed_token)
    assert [int(tokens.sum()) for tokens in found] == expected
    if not embed_token:
        assert found[0].tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]),
        ("linear", [0.5, 1.0, 1.0, 0.775, 0.55, 0.325, 0.1]),
        ("cosine", [0.5, 1.0, 1.0, 0.868198, 0.55, 0.231802, 0.1]),
    ],
)
def test_the_learning_rate_of_an_iteration(schedule: str, expected: list[float]) -> None:
    over = {} if schedule == "constant" else {"lr_over": 6, "lr_end": 0.1}
    given = settings(lr=2.0, warmup=2, lr_schedule=schedule, **over)
    assert [learning_rate(given, iteration) / 2 for iteration in range(7)] == pytest.approx(expected, abs=1e-6)
    assert learning_rate(given, 100) / 2 == pytest.approx(expected[-1]), "after its end it stays"


def test_raising_the_number_of_iterations_changes_no_earlier_learning_rate() -> None:
    """It depends on the iteration and on what the step is told, never on how long the loop is."""
    assert learning_rate(settings(lr=0.1), 0) == learning_rate(settings(lr=0.1), 59) == 0.1
