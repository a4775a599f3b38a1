"""Losses, each a formula. Denominators are global and given by the caller, so batches may be cut anywhere."""

from __future__ import annotations

import torch
from torch import Tensor

IMPOSSIBLE = -1e9  # a logit whose probability is exactly 0 in float32, and whose entropy term is not NaN


def info_nce(
    queries: Tensor,
    documents: Tensor,
    temperature: float,
    known: Tensor,
    *,
    margin: float | None = None,
    back: bool = True,
) -> Tensor:
    """
    Mean over i of -log softmax_j(cos(q_i, d_j) / temperature)[i]. Document i is the positive of query i; those beyond the
    queries are negatives of all. With `back`, half of the loss is the other way round: each positive against the queries.
    `known` [i, j] marks pairs i != j that are positives, too: they are no negatives. Nor, with a `margin`, is a pair whose
    cosine is above that of the positive by more than it: a likely positive that nobody judged. Inputs are normalised; float32.
    """
    similarity = cosines(queries, documents) / temperature
    count = len(queries)
    target = torch.arange(count, device=queries.device)
    both = [(similarity, known), (similarity[:, :count].T, known[:, :count].T)]
    losses = []
    for logits, positive in both if back else both[:1]:
        away = positive if margin is None else positive | above_positive(logits, margin / temperature)
        losses.append(torch.nn.functional.cross_entropy(logits.masked_fill(away, float("-inf")), target))
    return (losses[0] + losses[1]) / 2 if back else losses[0]


def cosines(left: Tensor, right: Tensor) -> Tensor:
    """Of normalised rows, each with each; in float32 also where the passes are not: a small temperature needs the digits."""
    with torch.autocast(left.device.type, enabled=False):
        return left.float() @ right.float().T


def above_positive(similarity: Tensor, margin: float) -> Tensor:
    """[i, j], i != j: similarity [i, j] is above similarity [i, i] by more than `margin`. Carries no gradient."""
    with torch.no_grad():
        above = similarity > similarity.diagonal()[:, None] + margin
        return above.fill_diagonal_(False)


def hardest(queries: Tensor, documents: Tensor, known: Tensor, margin: float | None = None) -> Tensor:
    """The cosine of each query to its nearest negative, -1 where it has none; arguments as for info_nce."""
    cosine = cosines(queries, documents)
    own = torch.eye(*cosine.shape, dtype=torch.bool, device=cosine.device)
    away = known | own if margin is None else known | own | above_positive(cosine, margin)
    return cosine.masked_fill(away, -1.0).max(dim=1).values


def left_out(queries: Tensor, documents: Tensor, known: Tensor, margin: float | None = None) -> Tensor:
    """Share of the pairs of a query with another one's document that info_nce takes for no negatives; arguments as there."""
    own = torch.eye(*known.shape, dtype=torch.bool, device=known.device)
    away = known if margin is None else known | above_positive(cosines(queries, documents), margin)
    return (away & ~own).sum() / max(1, int((~own).sum()))


def triplet(positive: Tensor, negative: Tensor, margin: float) -> Tensor:
    """Mean of max(0, d(q, p) - d(q, n) + margin) with d = 1 - cos; the arguments are cosines."""
    return (negative - positive + margin).clamp(min=0).mean()


def divergence(frozen: Tensor, logits: Tensor, *, reverse: bool = False, without: int | None = None) -> Tensor:
    """
    KL(frozen || model) of each row of logits [rows, vocabulary], in nats, or with `reverse` KL(model || frozen). `without`
    is a token that is left out of both; what stays is renormalised.
    """
    if without is not None:
        column = torch.tensor([without], device=logits.device)
        frozen, logits = (each.index_fill(1, column, IMPOSSIBLE) for each in (frozen, logits))
    old, new = frozen.log_softmax(-1), logits.log_softmax(-1)
    return (new.exp() * (new - old)).sum(-1) if reverse else (old.exp() * (old - new)).sum(-1)
