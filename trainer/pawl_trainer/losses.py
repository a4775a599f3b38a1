"""Losses, each a formula. Denominators are global and given by the caller, so batches may be cut anywhere."""

from __future__ import annotations

import torch
from torch import Tensor


def info_nce(queries: Tensor, documents: Tensor, temperature: float, known: Tensor, extra: Tensor | None = None) -> Tensor:
    """
    Mean over i of -log softmax_j(cos(q_i, d_j) / temperature)[i], half for queries against documents and half the other
    way round (the second half without `extra`). `known` [i, j] marks pairs i != j that are positives, too: they are no
    negatives. `extra` are more negative documents, all of them for all queries. Inputs are normalised; float32.
    """
    similarity = (queries @ documents.T / temperature).masked_fill(known, float("-inf"))
    target = torch.arange(len(queries), device=queries.device)
    forth = similarity if extra is None else torch.cat([similarity, queries @ extra.T / temperature], dim=1)
    return (torch.nn.functional.cross_entropy(forth, target) + torch.nn.functional.cross_entropy(similarity.T, target)) / 2


def triplet(positive: Tensor, negative: Tensor, margin: float) -> Tensor:
    """Mean of max(0, d(q, p) - d(q, n) + margin) with d = 1 - cos; the arguments are cosines."""
    return (negative - positive + margin).clamp(min=0).mean()


def k3(reference: Tensor, policy: Tensor) -> Tensor:
    """Per-token estimate of KL(policy || reference) from log-probabilities: e^d - d - 1, d = reference - policy."""
    difference = (reference - policy).clamp(-20, 20)
    return difference.exp() - difference - 1


def clipped_surrogate(ratio: Tensor, advantage: Tensor, low: float, high: float) -> Tensor:
    """Per-token GRPO loss: -min(rho A, clip(rho, 1 - low, 1 + high) A); `high` > `low` is DAPO's clip-higher."""
    return -torch.minimum(ratio * advantage, ratio.clamp(1 - low, 1 + high) * advantage)


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
