"""Weights, temperature and margin of stage 1 over the steps: constants, or going from one value to another."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pawl_trainer.failures import Failure

WEIGHTS = ("ce_weight", "kl_weight", "infonce_weight", "infonce_reason_weight", "infonce_target_weight", "triplet_weight")
SCHEDULED = (*WEIGHTS, "temperature", "margin")


@dataclass(frozen=True)
class Schedule:
    """
    `start` until the share `begin` of the steps is done, `goal` once the share `end` is, in between on a line or on half a
    cosine. Where begin and end are one, it jumps.
    """

    start: float
    goal: float
    begin: float = 0.0
    end: float = 1.0
    shape: str = "linear"

    def at(self, share: float) -> float:
        """The value when `share` of the steps are done."""
        if share >= self.end:
            return self.goal
        if share <= self.begin:
            return self.start
        way = (share - self.begin) / (self.end - self.begin)
        if self.shape == "cosine":
            way = (1 - math.cos(math.pi * way)) / 2
        return self.start + (self.goal - self.start) * way


@dataclass(frozen=True)
class Scheduled:
    """What a step trains with: weights by the name of the loss."""

    weights: dict[str, float]
    temperature: float
    margin: float


def read(goals: Mapping[str, float], given: Mapping[str, Any], steps: int) -> dict[str, Schedule]:
    """
    The schedule of each of SCHEDULED: `goals` are the inputs of that name, `given` the input `schedules`, as declared. Raises
    Failure(config) when at some step nothing has a weight.
    """
    schedules = {name: _one(name, goals[name], given) for name in SCHEDULED}
    weights = [schedules[name] for name in WEIGHTS]
    empty = next((step for step in range(steps) if all(weight.at(step / steps) == 0 for weight in weights)), None)
    if empty is not None:
        message = f"At step {empty} every loss has the weight 0, so nothing would be learned: {', '.join(WEIGHTS)}."
        raise Failure("config", message)
    return schedules


def at(schedules: Mapping[str, Schedule], step: int, steps: int) -> Scheduled:
    """What step `step` of `steps` trains with."""
    now = {name: schedule.at(step / steps) for name, schedule in schedules.items()}
    weights = {name.removesuffix("_weight"): now[name] for name in WEIGHTS}
    return Scheduled({**weights, "infonce_pairs": weights["infonce"]}, now["temperature"], now["margin"])


def _one(name: str, goal: float, given: Mapping[str, Any]) -> Schedule:
    own = given.get(name)
    return Schedule(goal, goal) if own is None else Schedule(own["from"], goal, own["begin"], own["end"], own["shape"])
