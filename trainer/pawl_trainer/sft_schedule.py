"""Weights, temperature and margin of stage 1 over the steps: constants, or going from one value to another."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pawl_trainer.failures import Failure

WEIGHTS = ("ce_weight", "kl_weight", "infonce_weight", "infonce_reason_weight", "triplet_weight")
SCHEDULED = (*WEIGHTS, "temperature", "margin")
SHAPES = ("linear", "cosine")
NUMBERS = (("from", 0.0), ("begin", 0.0), ("end", 1.0))  # keys of a schedule, and what they are by default
KEYS = ("from", "begin", "end", "shape")


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
    The schedule of each of SCHEDULED: `goals` are the inputs of that name, `given` the input `schedules`. Raises
    Failure(config) for one that makes no sense, and when at some step nothing has a weight.
    """
    for name in given:
        if name not in SCHEDULED:
            raise Failure("config", f"`schedules`: `{name}` has no schedule.{_meant(name, SCHEDULED)}")
    schedules = {name: _one(name, goals[name], given.get(name)) for name in SCHEDULED}
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


def _one(name: str, goal: float, given: Any) -> Schedule:
    if given is None:
        return Schedule(goal, goal)
    where = f"`schedules.{name}`"
    if not isinstance(given, dict):
        raise Failure("config", f"{where} must be a map, such as {{from: 0, begin: 0.2, end: 0.6}}, but is {given!r}.")
    unknown = next((key for key in given if key not in KEYS), None)
    if unknown is not None:
        raise Failure("config", f"{where} has no key `{unknown}`.{_meant(unknown, KEYS)}")
    start, begin, end = (_number(where, key, given.get(key, default)) for key, default in NUMBERS)
    shape = given.get("shape", "linear")
    if shape not in SHAPES:
        raise Failure("config", f"{where}: `shape` must be one of {', '.join(SHAPES)}, but is {shape!r}.")
    if not 0 <= begin <= end <= 1:
        message = f"{where}: `begin` and `end` are shares of the steps, 0 <= begin <= end <= 1, but are {begin} and {end}."
        raise Failure("config", message)
    if start < 0 or (name == "temperature" and start == 0):
        least = "above 0" if name == "temperature" else "at least 0"
        raise Failure("config", f"{where}: `from` must be {least}, but is {start}.")
    return Schedule(start, goal, begin, end, shape)


def _number(where: str, key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Failure("config", f"{where}: `{key}` must be a number, but is {value!r}.")
    return float(value)


def _meant(name: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f" Did you mean `{close[0]}`?" if close else f" It may be one of {', '.join(known)}."
