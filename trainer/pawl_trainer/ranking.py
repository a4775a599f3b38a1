"""Ranks and nDCG in Python, for evaluation while a model trains; retrieval/ has them in TypeScript for everything else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

CUTOFF = 10  # of nDCG


def ranks_of(scores: Tensor, relevant: Sequence[int], ignored: Sequence[int]) -> dict[int, int]:
    """
    The rank of each relevant row among `scores` [documents], from 1, as trec_eval orders: score descending, equal scores by
    the row descending. A score that is no number is behind all others; ignored rows are not there. Pure.
    """
    standing = scores.nan_to_num(nan=-math.inf)
    if ignored:
        standing = standing.clone()
        standing[torch.tensor(ignored)] = -math.inf
    ranks = {}
    for row in relevant:
        own = standing[row]
        if own == -math.inf:
            ranks[row] = len(scores) - len(ignored)
        else:
            ranks[row] = 1 + int((standing > own).sum()) + int((standing[row + 1 :] == own).sum())
    return ranks


def ndcg(grades: Mapping[int, int], ranks: Mapping[int, int], cutoff: int = CUTOFF) -> float:
    """nDCG at the cutoff with linear gain, as trec_eval has it; the ideal holds all relevant documents. Pure."""
    gained = sum(grade / math.log2(1 + ranks[row]) for row, grade in grades.items() if ranks[row] <= cutoff)
    best = sorted(grades.values(), reverse=True)[:cutoff]
    return gained / sum(grade / math.log2(2 + place) for place, grade in enumerate(best))
