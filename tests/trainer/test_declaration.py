"""Inputs against the declarations of the step kinds."""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any

import pytest
from pawl_trainer import operations, schemas
from pawl_trainer.declaration import checked
from pawl_trainer.failures import Failure

SFT = schemas.load("steps/train.sft.json")
ARTIFACTS = {
    "model": {"path": "/m", "identity": "m", "type": "model"},
    "data": {"path": "/d", "identity": "d", "type": "dataset"},
}


REST = "infonce_reason_weight, infonce_target_weight, infonce_weight, kl_weight, margin, temperature, triplet_weight."


def test_defaults_are_those_of_the_declaration() -> None:
    given = checked("sft", SFT, ARTIFACTS)
    assert given["steps"] == SFT["inputs"]["steps"]["default"]
    assert given.keys() == SFT["inputs"].keys()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"stepz": 3}, "`sft` has no input `stepz`. Did you mean `steps`?"),
        ({"steps": "3"}, "`sft`: `steps` must be of type integer, but is '3'."),
        ({"steps": True}, "`sft`: `steps` must be of type integer, but is True."),
        ({"steps": 0}, "`sft`: `steps` must be at least 1, but is 0."),
        ({"lr": 0}, "`sft`: `lr` must be above 0, but is 0."),
        ({"split": "train"}, "`sft`: `split` must be one of sft, rl, dev, test, but is 'train'."),
        ({"model": None}, "`sft` needs the input `model`: Where it starts."),
        ({"model": {**ARTIFACTS["model"], "type": "index"}}, "`sft`: `model` must be a model, but is a index."),
        ({"model": "/m"}, "`sft`: `model` must be an artifact {path, identity, type}."),
        ({"schedules": {"lr": {"from": 1}}}, "`sft`: `schedules` has no `lr`. It takes ce_weight, " + REST),
        ({"schedules": {"ce_wieght": {}}}, "`sft`: `schedules` has no `ce_wieght`. Did you mean `ce_weight`?"),
        ({"schedules": {"ce_weight": 3}}, "`sft`: `schedules.ce_weight` must be of type object, but is 3."),
        ({"schedules": {"ce_weight": {"shap": 3}}}, "`sft`: `schedules.ce_weight` has no `shap`. Did you mean `shape`?"),
        ({"schedules": {"ce_weight": {"from": "a"}}}, "`sft`: `schedules.ce_weight.from` must be of type number, but is 'a'."),
        ({"schedules": {"ce_weight": {"from": -1}}}, "`sft`: `schedules.ce_weight.from` must be at least 0, but is -1."),
        (
            {"schedules": {"ce_weight": {"shape": "exp"}}},
            "`sft`: `schedules.ce_weight.shape` must be one of linear, cosine, but is 'exp'.",
        ),
    ],
)
def test_what_does_not_fit_is_a_failure_of_class_config(change: dict[str, Any], said: str) -> None:
    with pytest.raises(Failure) as failed:
        checked("sft", SFT, {**ARTIFACTS, **change})
    assert (failed.value.failure_class, failed.value.message) == ("config", said)


def test_what_a_map_leaves_out_is_filled_in() -> None:
    given = checked("sft", SFT, {**ARTIFACTS, "schedules": {"ce_weight": {"end": 0.5}}})
    assert given["schedules"] == {"ce_weight": {"from": 0, "begin": 0, "end": 0.5, "shape": "linear"}}


@pytest.mark.parametrize("op", operations.OPERATIONS)
def test_an_operation_reads_all_scalars_of_its_declaration_and_no_other(op: str) -> None:
    _, declared = operations.find(op)
    module = importlib.import_module(f"pawl_trainer.{operations.OPERATIONS[op][0]}")
    scalars = {name for name, rule in declared["inputs"].items() if "artifact" not in rule}
    read = [getattr(module, name) for name in ("Settings", "Limits") if hasattr(module, name)]
    folders = {"documents"} if op == "update" else set()  # read where it is used
    assert {item.name for of in read for item in dataclasses.fields(of)} | folders == scalars
