"""The shapes that Python shares with TypeScript: read from schemas/, never written down a second time."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from pawl_trainer.failures import Failure, FailureClass

FOLDER = Path(__file__).resolve().parents[2] / "schemas"


@cache
def load(name: str) -> dict[str, Any]:
    """The JSON of schemas/<name>, read once."""
    content: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return content


def problem_of(name: str, value: object) -> str | None:
    """What is wrong with `value` under schemas/<name>.schema.json, with the place in it; None when it fits."""
    import jsonschema

    validator = jsonschema.Draft202012Validator(load(f"{name}.schema.json"))
    error = jsonschema.exceptions.best_match(validator.iter_errors(value))
    if error is None:
        return None
    place = "/".join(str(part) for part in error.absolute_path)
    return f"{place or 'top level'}: {error.message}"


def require(name: str, value: object, where: str, failure_class: FailureClass = "data") -> None:
    """Raises Failure of the given class, naming `where`, unless `value` fits schemas/<name>.schema.json."""
    problem = problem_of(name, value)
    if problem is not None:
        raise Failure(failure_class, f"{where} is not what schemas/{name}.schema.json asks for: {problem}.")


def exit_code(failure_class: FailureClass) -> int:
    """The exit code of a process that ends with a failure of this class."""
    code = load("failure-classes.json")[failure_class]["exitCode"]
    return 1 if code is None else int(code)
