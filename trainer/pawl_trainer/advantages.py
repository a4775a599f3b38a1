"""Advantages of grouped samples: how much better a sample is than the others of its query."""

from __future__ import annotations

import torch
from torch import Tensor

EPSILON = 1e-6


def group_advantages(rewards: Tensor, kind: str) -> Tensor:
    """
    Advantages of rewards [queries, group]. none: r - mean (Dr. GRPO). group: (r - mean) / (std + 1e-6), std with n - 1
    (GRPO); a group whose rewards are all equal gets zeros.
    """
    centred = rewards - rewards.mean(dim=1, keepdim=True)
    spread = rewards.std(dim=1, keepdim=True)
    centred = torch.where(spread > EPSILON, centred, torch.zeros_like(centred))
    return centred / (spread + EPSILON) if kind == "group" else centred
