"""Advantages of grouped samples: how much better a sample is than the others of its query."""

from __future__ import annotations

import torch
from torch import Tensor

from pawl_trainer import seeds

EPSILON = 1e-6


def advantages_of(rewards: Tensor, kind: str) -> Tensor:
    """
    Advantages of rewards [queries, group]. A reward that is no number is in no mean and no deviation, and its advantage is
    0; so is every one of a group whose rewards are all equal. Deviations are taken with n - 1.
    none: r - mean (Dr. GRPO, arXiv 2503.20783). group: (r - mean) / (std of the group + 1e-6) (GRPO, arXiv 2402.03300).
    batch: (r - mean) / (std of all rewards + 1e-6) (Lite PPO, arXiv 2508.08221).
    leave-one-out: r - mean of the others of the group (RLOO, arXiv 2402.14740).
    """
    known = rewards.isfinite()
    everything = float(rewards[known].std()) if int(known.sum()) > 1 else 0.0
    advantages = torch.zeros_like(rewards)
    for row, group in enumerate(known):
        mine = rewards[row, group]
        if len(mine) < 2:
            continue
        spread = float(mine.std())
        if spread <= EPSILON:
            continue
        centred = mine - mine.mean()
        if kind == "group":
            centred = centred / (mine.std() + EPSILON)
        elif kind == "batch":
            centred = centred / (everything + EPSILON)
        elif kind == "leave-one-out":
            centred = centred * (len(mine) / (len(mine) - 1))
        advantages[row, group] = centred
    return advantages


def dealt_at_random(advantages: Tensor, known: Tensor, *purpose: str | int) -> Tensor:
    """
    The advantages [queries, group] permuted within each group, among the samples that `known` marks: a control, with the
    same advantages and no relation to what was rewarded. The permutation depends on the purpose only.
    """
    dealt = advantages.clone()
    for row in range(len(advantages)):
        places = known[row].nonzero().flatten().tolist()
        order = list(places)
        seeds.chooser(0, *purpose, row).shuffle(order)
        dealt[row, places] = advantages[row, order]
    return dealt
