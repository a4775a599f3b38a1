"""Inputs that do not go together, by the same table as the compiler and the worker (tests/fixtures/refusals.json)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pawl_trainer import refusals, schemas
from pawl_trainer.declaration import checked
from pawl_trainer.failures import Failure
from pawl_trainer.operations import OPERATIONS

CASES = json.loads((Path(__file__).parents[1] / "fixtures" / "refusals.json").read_text(encoding="utf-8"))
KINDS = {kind for _, kind in OPERATIONS.values()} | {"rl.update"}
HERE = [case for case in CASES if case["kind"] in KINDS]


def given(kind: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """The inputs with artifacts in place of `@type`, those that are required added."""
    declared = schemas.load(f"steps/{kind}.json")["inputs"]
    needed = {name: f"@{rule['artifact']}" for name, rule in declared.items() if rule.get("required")}
    return {name: artifact(value) if str(value).startswith("@") else value for name, value in {**needed, **inputs}.items()}


def artifact(name: str) -> dict[str, str]:
    """An artifact, or a local folder, as a job has it."""
    if name == "@path":
        return {"path": "/x", "digest": "sha256:0"}
    return {"path": "/x", "identity": "x", "type": name[1:]}


@pytest.mark.parametrize("case", HERE, ids=lambda case: f"{case['kind']}: {case['says']}")
def test_what_does_not_go_together_is_refused_and_what_does_is_not(case: dict[str, Any]) -> None:
    declared = schemas.load(f"steps/{case['kind']}.json")
    with pytest.raises(Failure) as failed:
        checked("op", declared, given(case["kind"], case["wrong"]))
    assert case["says"] in failed.value.message
    assert failed.value.failure_class == "config"
    checked("op", declared, given(case["kind"], {**case["wrong"], **case["right"]}))


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("!(a > 1) || a == 2.0", True),
        ("!false && !(a in [1, 3])", True),
        ('"a && b" == text', True),
        ("nothing == null && 1 != 2", True),
        ("-a + 3 * 2 - 1 / 4", 3.75),
        ("size(map) == 2 && map.exists(key, map[key] == 2) && !map.all(key, map[key] == 2)", True),
        ('map.filter(key, map[key] > 1)[0] == "y" && map.x == 1', True),
        ("a > 9 && missing == 1", False),
    ],
)
def test_the_part_of_cel_that_declarations_use(source: str, value: object) -> None:
    names = {"a": 2, "text": "a && b", "nothing": None, "map": {"x": 1, "y": 2}}
    assert refusals.evaluate(source, names) == value


@pytest.mark.parametrize("source", ["a ? 1 : 2", "text.startsWith('a')", "a < 2 < 3", "__import__('os')"])
def test_what_is_not_known_is_no_silent_pass(source: str) -> None:
    with pytest.raises((ValueError, SyntaxError)):
        refusals.evaluate(source, {"a": 1, "text": "a"})
