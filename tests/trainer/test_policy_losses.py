"""The terms of the policy gradient against values worked out by hand, and what their gradients estimate."""

from __future__ import annotations

import pytest
import torch
from pawl_trainer.policy_losses import clipped, clipped_surrogate, kl_estimate, token_weights
from torch import tensor


@pytest.mark.parametrize(
    ("difference", "expected"), [(0, 0), (0.1, 0.00517092), (-0.1, 0.00483742), (1, 0.71828183), (-1, 0.36787944)]
)
def test_k3(difference: float, expected: float) -> None:
    value = kl_estimate("k3", tensor([difference], dtype=torch.float64), tensor([0.0], dtype=torch.float64))
    assert float(value) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("difference", [-1.5, -0.1, 0.0, 0.1, 1.5])
def test_k1_and_k2(difference: float) -> None:
    reference, policy = tensor([difference]), tensor([0.0])
    assert float(kl_estimate("k1", reference, policy)) == pytest.approx(-difference)
    assert float(kl_estimate("k2", reference, policy)) == pytest.approx(difference**2 / 2)


@pytest.mark.parametrize("kind", ["k1", "k2", "k3"])
def test_no_estimate_overflows(kind: str) -> None:
    far = tensor([-1e9, 1e9])
    assert bool(kl_estimate(kind, far, -far).isfinite().all())


def test_what_the_estimates_estimate_and_what_their_gradients_are() -> None:
    """Exact expectations over three tokens: k1 and k3 are unbiased; as losses, k2 has the gradient of KL(policy || reference),
    k3 that of KL(reference || policy), and k1 none."""
    logits = torch.tensor([0.3, -0.4, 0.9], dtype=torch.float64, requires_grad=True)
    reference = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64).log()
    policy = logits.log_softmax(0)
    probabilities = policy.exp().detach()
    reverse = (policy.exp() * (policy - reference)).sum()
    forward = (reference.exp() * (reference - policy)).sum()

    def gradient(value: torch.Tensor) -> list[float]:
        (found,) = torch.autograd.grad(value, logits, retain_graph=True)
        return found.tolist()

    expected = {kind: (probabilities * kl_estimate(kind, reference, policy)).sum() for kind in ("k1", "k2", "k3")}
    assert float(expected["k1"].detach()) == pytest.approx(float(reverse.detach()))
    assert float(expected["k3"].detach()) == pytest.approx(float(reverse.detach()))
    assert gradient(expected["k1"]) == pytest.approx([0, 0, 0], abs=1e-12)
    assert gradient(expected["k2"]) == pytest.approx(gradient(reverse))
    assert gradient(expected["k3"]) == pytest.approx(gradient(forward))


@pytest.mark.parametrize(
    ("ratio", "advantage", "high", "expected"),
    [(1.25, 1, 0.28, 1.25), (1.25, 1, 0.2, 1.2), (1.35, 1, 0.28, 1.28), (0.7, -1, 0.28, -0.8), (1.5, -1, 0.28, -1.5)],
)
def test_clipped_surrogate_with_clip_higher(ratio: float, advantage: float, high: float, expected: float) -> None:
    loss = clipped_surrogate(tensor([ratio]), tensor([float(advantage)]), 0.2, high)
    assert -float(loss) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("ratio", "advantage", "expected"), [(2.0, -1, 2.0), (5.0, -1, 3.0), (5.0, -0.5, 1.5), (0.5, -1, 0.8), (5.0, 1, -1.28)]
)
def test_dual_clip_bounds_the_loss_of_a_negative_advantage(ratio: float, advantage: float, expected: float) -> None:
    loss = clipped_surrogate(tensor([ratio]), tensor([float(advantage)]), 0.2, 0.28, 3.0)
    assert float(loss) == pytest.approx(expected, abs=1e-6)


def test_clipped_is_where_the_surrogate_has_no_gradient() -> None:
    ratio = tensor([0.5, 0.79, 0.81, 1.0, 1.27, 1.29, 2.0], requires_grad=True)
    for advantage in (-1.0, 1.0):
        advantages = torch.full((7,), advantage)
        (gradient,) = torch.autograd.grad(clipped_surrogate(ratio, advantages, 0.2, 0.28).sum(), ratio)
        low, high = clipped(ratio, advantages, 0.2, 0.28)
        assert (low | high).tolist() == (gradient == 0).tolist()
        assert (int(low.sum()), int(high.sum())) == ((2, 0) if advantage < 0 else (0, 2))


@pytest.mark.parametrize(("aggregation", "expected"), [("sequence", 0.75), ("token", 0.666667), ("constant", 0.25)])
def test_aggregation_of_two_samples_of_two_and_four_tokens(aggregation: str, expected: float) -> None:
    losses = tensor([1.0, 1.0, 0.5, 0.5, 0.5, 0.5])
    weights = token_weights(torch.ones(6, dtype=torch.bool), tensor([0, 0, 1, 1, 1, 1]), aggregation, max_new=8)
    assert float(losses @ weights) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("aggregation", ["sequence", "token", "constant"])
def test_a_sample_without_trained_tokens_is_in_no_denominator(aggregation: str) -> None:
    mask = tensor([True, True, False])
    weights = token_weights(mask, tensor([0, 0, 1]), aggregation, max_new=4)
    alone = token_weights(tensor([True, True]), tensor([0, 0]), aggregation, max_new=4)
    assert weights.tolist() == [*alone.tolist(), 0.0]
    assert token_weights(torch.zeros(3, dtype=torch.bool), tensor([0, 0, 1]), aggregation, 4).tolist() == [0, 0, 0]
