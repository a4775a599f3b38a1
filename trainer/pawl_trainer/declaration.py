"""Inputs of an operation against their declaration: schemas/steps/<kind>.json, or the operation's own of the same shape."""

from __future__ import annotations

import difflib
import operator
from collections.abc import Callable, Mapping
from typing import Any

from pawl_trainer.failures import Failure

_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "list": (list,),
    "object": (dict,),
    "duration": (str, int),
    "file": (str, dict),
    "folder": (str, dict),
}

_BOUNDS: tuple[tuple[str, str, Callable[[float, float], bool]], ...] = (
    ("minimum", "at least", operator.ge),
    ("maximum", "at most", operator.le),
    ("exclusiveMinimum", "above", operator.gt),
    ("exclusiveMaximum", "below", operator.lt),
)


def checked(op: str, declared: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """`given` with defaults filled in; raises Failure(config) that names the first input that does not fit. Pure."""
    for name in given:
        if name not in declared:
            close = difflib.get_close_matches(name, declared, n=1)
            hint = f"Did you mean `{close[0]}`?" if close else f"It takes {', '.join(sorted(declared))}."
            raise Failure("config", f"`{op}` has no input `{name}`. {hint}", input=name)
    return {name: _checked_value(op, name, rule, given.get(name)) for name, rule in declared.items()}


def _checked_value(op: str, name: str, rule: Mapping[str, Any], value: Any) -> Any:
    if "artifact" in rule:
        return _checked_artifact(op, name, rule, value)
    if value is None:
        if "default" not in rule and rule.get("required", True):
            raise Failure("config", f"`{op}` needs the input `{name}`: {rule['help']}", input=name)
        return rule.get("default")
    kinds = _PYTHON_TYPES[rule["type"]]
    is_flag = isinstance(value, bool) and rule["type"] != "boolean"
    if is_flag or not isinstance(value, kinds):
        raise Failure("config", f"`{op}`: `{name}` must be of type {rule['type']}, but is {value!r}.", input=name)
    _require_range(op, name, rule, value)
    return value


def _checked_artifact(op: str, name: str, rule: Mapping[str, Any], value: Any) -> Any:
    if value is None:
        if rule["required"]:
            raise Failure("config", f"`{op}` needs the input `{name}`: {rule['help']}", input=name)
        return None
    if not isinstance(value, dict) or not {"path", "identity", "type"} <= value.keys():
        raise Failure("config", f"`{op}`: `{name}` must be an artifact {{path, identity, type}}.", input=name)
    if value["type"] != rule["artifact"]:
        message = f"`{op}`: `{name}` must be a {rule['artifact']}, but is a {value['type']}."
        raise Failure("config", message, input=name)
    return value


def _require_range(op: str, name: str, rule: Mapping[str, Any], value: Any) -> None:
    allowed = rule.get("enum")
    if allowed is not None and value not in allowed:
        raise Failure("config", f"`{op}`: `{name}` must be one of {', '.join(allowed)}, but is {value!r}.", input=name)
    for key, words, holds in _BOUNDS:
        if key in rule and not holds(value, rule[key]):
            raise Failure("config", f"`{op}`: `{name}` must be {words} {rule[key]}, but is {value}.", input=name)
