"""Inputs of an operation against their declaration: schemas/steps/<kind>.json, or the operation's own of the same shape."""

from __future__ import annotations

import difflib
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pawl_trainer import refusals
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
    """
    `given` with defaults filled in, also below an input. `declared` has the `inputs`, and what the kind `refuses` of them
    together. Raises Failure(config) that names the first input that does not fit, or what does not go together. Pure.
    """
    inputs = declared["inputs"]
    for name in given:
        if name not in inputs:
            raise Failure("config", f"`{op}` has no input `{name}`. {_meant(name, inputs)}", input=name)
    values = {name: _checked_value(op, name, rule, given.get(name)) for name, rule in inputs.items()}
    refusals.refuse(declared.get("refuses", ()), values)
    return values


def _meant(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"Did you mean `{close[0]}`?" if close else f"It takes {', '.join(sorted(known))}."


def _checked_value(op: str, name: str, rule: Mapping[str, Any], value: Any) -> Any:
    if "artifact" in rule:
        return _checked_artifact(op, name, rule, value)
    if value is None:
        if "default" not in rule and rule.get("required", True):
            raise Failure("config", f"`{op}` needs the input `{name}`: {rule['help']}", input=name)
        value = rule.get("default")
        if value is None:
            return None
    kinds = _PYTHON_TYPES[rule["type"]]
    is_flag = isinstance(value, bool) and rule["type"] != "boolean"
    if is_flag or not isinstance(value, kinds):
        raise Failure("config", f"`{op}`: `{name}` must be of type {rule['type']}, but is {value!r}.", input=name)
    _require_range(op, name, rule, value)
    return _checked_map(op, name, rule, value) if rule["type"] == "object" else value


def _checked_map(op: str, name: str, rule: Mapping[str, Any], value: Any) -> dict[str, Any]:
    """A map with the defaults of its declared entries."""
    fields, each = rule.get("fields", {}), rule.get("values")
    known = rule.get("keys", fields or None)
    for key in value:
        if known is not None and key not in known:
            raise Failure("config", f"`{op}`: `{name}` has no `{key}`. {_meant(key, known)}", input=name)
    entries = {**{key: each for key in value if each is not None}, **fields}
    return {**value, **{key: _checked_value(op, f"{name}.{key}", of, value.get(key)) for key, of in entries.items()}}


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
