"""What an update is told: its settings, which of them do not go together, and the learning rate of an iteration."""

from __future__ import annotations

import math
from collections.abc import Container
from dataclasses import dataclass

from pawl_trainer.failures import Failure


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


def require_consistent(settings: Settings, given: Container[str]) -> None:
    """Raises Failure(config) for settings that do not go together; `given` are the optional artifacts that are there."""
    for wrong, message in (
        (
            settings.beta > 0 and "reference" not in given,
            "`beta` is above 0, so the update needs the input `reference`: the model that the KL is to.",
        ),
        (
            settings.auxiliary_weight > 0 and "data" not in given,
            "`auxiliary_weight` is above 0, so the update needs the input `data`: the texts of its pairs.",
        ),
        (
            settings.auxiliary_weight > 0 and settings.auxiliary_documents == "index" and "index" not in given,
            "`auxiliary_documents: index` takes embeddings out of the input `index`; give it the index that the reward used.",
        ),
        (
            settings.kl == "k1" and settings.kl_loss > 0,
            "`kl: k1` in the loss has an expected gradient of 0, so it would add noise and nothing else. "
            "Say `kl_in: reward`, or `kl: k2`, whose gradient in the loss is that of the reverse KL.",
        ),
        (
            0 < settings.dual_clip <= 1,
            f"`dual_clip` is {settings.dual_clip:g}; it bounds the loss of tokens of negative advantage from above, "
            "so it must be above 1 (3 is usual), or 0 = off.",
        ),
        (
            settings.lr_schedule != "constant" and settings.lr_over <= settings.warmup,
            f"`lr_schedule: {settings.lr_schedule}` needs `lr_over`, the iterations after which `lr_end` is reached, above "
            f"`warmup` ({settings.warmup}); it is {settings.lr_over}.",
        ),
        (
            settings.lr_schedule == "constant" and settings.lr_over > 0,
            "`lr_over` says when a schedule has come to its end, and `lr_schedule` is constant. Say `linear` or `cosine`.",
        ),
    ):
        if wrong:
            raise Failure("config", message)


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
