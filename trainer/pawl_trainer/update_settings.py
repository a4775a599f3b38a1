"""What an update is told: its settings, and the learning rate of an iteration."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """The scalar inputs of rl.update; what each means is in its declaration."""

    lr: float
    lr_schedule: str
    lr_over: int
    lr_end: float
    warmup: int
    weight_decay: float
    clip: float
    policy_weight: float
    beta: float
    kl: str
    kl_in: str
    clip_low: float
    clip_high: float
    dual_clip: float
    advantage: str
    shuffle_advantages: bool
    aggregation: str
    mask: str
    embed_token_gradient: bool
    entropy_weight: float
    epochs: int
    mini_batch: int
    auxiliary_weight: float
    auxiliary_temperature: float
    auxiliary_on: str
    auxiliary_documents: str
    auxiliary_grad_cache: bool
    micro_batch: int
    dtype: str
    gradient_checkpointing: bool

    @property
    def kl_loss(self) -> float:
        """Weight of the KL in the loss."""
        return self.beta if self.kl_in == "loss" else 0.0

    @property
    def moves_all(self) -> bool:
        """Whether a sample without an advantage gets gradient all the same."""
        return self.kl_loss > 0 or self.entropy_weight > 0


def learning_rate(settings: Settings, iteration: int) -> float:
    """
    Learning rate of an iteration of the loop, from 0: rises linearly to `lr` over `warmup` iterations, then goes down to
    `lr_end` * `lr`, where it is at iteration `lr_over` and stays.
    """
    rise = min(1.0, (iteration + 1) / max(1, settings.warmup))
    if settings.lr_schedule == "constant":
        return settings.lr * rise
    way = min(1.0, max(0.0, (iteration - settings.warmup) / (settings.lr_over - settings.warmup)))
    fall = way if settings.lr_schedule == "linear" else (1 - math.cos(math.pi * way)) / 2
    return settings.lr * rise * (1 - fall * (1 - settings.lr_end))
