"""The terms of the policy gradient, each a formula of single tokens. Denominators are of the whole batch and given by the
caller, so batches may be cut anywhere."""

from __future__ import annotations

import torch
from torch import Tensor

FARTHEST = 20.0  # nats: differences of log-probabilities beyond are taken as this, so that no exponential overflows


def clipped_surrogate(ratio: Tensor, advantage: Tensor, low: float, high: float, dual: float = 0.0) -> Tensor:
    """
    Loss of each token: -min(rho A, clip(rho, 1 - low, 1 + high) A) (PPO); `high` > `low` is clip-higher (DAPO, arXiv
    2503.14476). With `dual` > 1 a token of negative advantage loses at most -dual A (dual-clip PPO, arXiv 1912.09729).
    """
    loss = -torch.minimum(ratio * advantage, ratio.clamp(1 - low, 1 + high) * advantage)
    return torch.where(advantage < 0, torch.minimum(loss, -dual * advantage), loss) if dual > 0 else loss


def clipped(ratio: Tensor, advantage: Tensor, low: float, high: float) -> tuple[Tensor, Tensor]:
    """Which tokens the clip leaves without gradient: those below 1 - low, and those above 1 + high."""
    return (ratio < 1 - low) & (advantage < 0), (ratio > 1 + high) & (advantage > 0)


def kl_estimate(kind: str, reference: Tensor, policy: Tensor) -> Tensor:
    """
    Estimate of KL(policy || reference) of each token from log-probabilities of what the policy sampled, with
    d = reference - policy. k1: -d. k2: d^2 / 2. k3: e^d - d - 1 (joschu.net/blog/kl-approx.html).
    """
    difference = (reference - policy).clamp(-FARTHEST, FARTHEST)
    if kind == "k1":
        return -difference
    if kind == "k2":
        return difference**2 / 2
    return difference.exp() - difference - 1


def token_weights(mask: Tensor, sample: Tensor, aggregation: str, max_new: int) -> Tensor:
    """
    What each token's loss is multiplied by before all are summed. `mask` [tokens] says which are trained, `sample` [tokens]
    to which sample each belongs, both of the whole batch.
    token: 1 / trained tokens (DAPO). sequence: 1 / (samples with trained tokens * trained tokens of its own) (GRPO).
    constant: 1 / (samples with trained tokens * max_new) (Dr. GRPO).
    """
    trained = mask.float()
    if not bool(trained.any()):
        return trained
    if aggregation == "token":
        return trained / trained.sum()
    counts = torch.zeros(int(sample.max()) + 1, device=mask.device).index_add(0, sample, trained)
    samples = (counts > 0).sum()
    if aggregation == "sequence":
        return trained / (samples * counts.clamp(min=1)[sample])
    return trained / (samples * max_new)
