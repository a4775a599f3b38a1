"""Schedules of weights, temperature and margin."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import Bench
from pawl_trainer import schemas, sft_schedule
from pawl_trainer.failures import Failure
from pawl_trainer.sft_schedule import Schedule

GOALS = {"ce_weight": 5.0, "kl_weight": 0.5, "infonce_weight": 1.0, "infonce_reason_weight": 1.0, "triplet_weight": 1.0}
GOALS |= {"infonce_target_weight": 1.0, "temperature": 0.05, "margin": 0.2}


def declared(given: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Schedules with the defaults of the declaration written in."""
    fields = schemas.load("steps/train.sft.json")["inputs"]["schedules"]["values"]["fields"]
    return {name: {key: own.get(key, field["default"]) for key, field in fields.items()} for name, own in given.items()}


@pytest.mark.parametrize(
    ("shape", "expected"), [("linear", [0, 0, 0.25, 0.5, 1, 1]), ("cosine", [0, 0, 0.14644661, 0.5, 1, 1])]
)
def test_a_value_goes_from_where_it_starts_to_its_goal(shape: str, expected: list[float]) -> None:
    schedule = Schedule(0.0, 1.0, 0.2, 0.6, shape)
    assert [schedule.at(share) for share in (0, 0.2, 0.3, 0.4, 0.6, 0.9)] == pytest.approx(expected)


def test_where_begin_is_end_it_jumps() -> None:
    schedules = sft_schedule.read(GOALS, declared({"kl_weight": {"begin": 0.5, "end": 0.5}}), 4)
    assert [sft_schedule.at(schedules, step, 4).weights["kl"] for step in range(4)] == [0, 0, 0.5, 0.5]
    assert [sft_schedule.at(schedules, step, 4).weights["ce"] for step in range(4)] == [5, 5, 5, 5]


def test_a_gap_in_which_nothing_has_a_weight_is_said() -> None:
    given = {name: {"from": 1, "begin": 0.5, "end": 0.5} for name in GOALS if name.endswith("weight")}
    with pytest.raises(Failure, match="At step 5 every loss has the weight 0") as caught:
        sft_schedule.read(dict.fromkeys(GOALS, 0.0), declared(given), 10)
    assert caught.value.failure_class == "config"


def test_a_loss_begins_when_its_weight_does(bench: Bench) -> None:
    given = {"model": bench.model, "data": bench.dataset, "steps": 4, "batch": 8, "kl_weight": 0.5}
    schedules = {"kl_weight": {"begin": 0.5, "end": 0.5}, "triplet_weight": {"from": 2.0, "end": 0.5}}
    bench.run("sft", "sft", {**given, "schedules": schedules})
    steps = [event["values"] for event in bench.events.sent if event["type"] == "metrics"]
    assert ["kl" in values for values in steps] == [False, False, True, True]
    assert all((values["triplet_active"] > 0) == (values["triplet"] > 0) for values in steps)
    assert all(0 <= values["triplet_active"] <= 1 and 0 <= values["left_out"] < 1 for values in steps)
    expected = [
        5 * values["ce"] + values["infonce"] + weight * values["triplet"]
        for values, weight in zip(steps, (2, 1.5, 1, 1), strict=True)
    ]
    found = [values["loss"] - 0.5 * values.get("kl", 0) for values in steps]
    assert found == pytest.approx(expected, rel=1e-5)
