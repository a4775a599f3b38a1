"""What a step kind refuses: combinations of inputs, declared beside the inputs (`refuses` in schemas/steps/<kind>.json).

The conditions are CEL. The worker evaluates them before it sends a job; here they are evaluated again, for whoever else drives
the trainer, in the part of CEL that declarations use: names, literals, selection, comparison, arithmetic, && || !, size, and
all, exists, filter over the keys of a map or the items of a list. Anything else raises ValueError.
"""

from __future__ import annotations

import ast
import json
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from pawl_trainer.failures import Failure

PLACEHOLDER = re.compile(r"\$\{\{(.+?)\}\}")
# Outside of texts, what CEL writes differently from Python; `!` binds like `~`, not like `not`.
TOKEN = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|&&|\|\||!(?!=)|\b(?:null|true|false)\b")
IN_PYTHON = {"&&": " and ", "||": " or ", "!": "~", "null": "None", "true": "True", "false": "False"}

ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
COMPARISON: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda item, among: item in among,
}


def refuse(refusals: Iterable[Mapping[str, str]], inputs: Mapping[str, Any]) -> None:
    """Raises Failure(config) that says all that is wrong with inputs whose defaults are written in."""
    seen = {name: names_of(value) for name, value in inputs.items()}
    found = [
        f"{written(refusal['says'], seen)}; {written(refusal['help'], seen)}."
        for refusal in refusals
        if evaluate(refusal["when"], seen) is True
    ]
    if found:
        raise Failure("config", " ".join(found))


def names_of(value: Any) -> Any:
    """An artifact, a file or a folder as the empty list of names; any other value as it is."""
    is_file = isinstance(value, dict) and "path" in value and ("identity" in value or "digest" in value)
    return [] if is_file else value


def written(text: str, names: Mapping[str, Any]) -> str:
    """The text with the values of its expressions."""

    def show(found: re.Match[str]) -> str:
        value = evaluate(found[1].strip(), names)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))

    return PLACEHOLDER.sub(show, text)


def evaluate(source: str, names: Mapping[str, Any]) -> Any:
    """The value of an expression; raises ValueError for what is not in this part of CEL."""
    return value_of(parsed(source), names)


@cache
def parsed(source: str) -> ast.expr:
    """The expression as a tree of Python's."""
    text = TOKEN.sub(lambda token: IN_PYTHON.get(token[0], token[0]), source)
    return ast.parse(text.strip(), mode="eval").body


def value_of(node: ast.expr, names: Mapping[str, Any]) -> Any:
    """The value of a node."""
    match node:
        case ast.Constant(value):
            return value
        case ast.Name(name):
            return names[name]
        case ast.List(items):
            return [value_of(item, names) for item in items]
        case ast.Dict(keys, values):
            pairs = [(key, value) for key, value in zip(keys, values, strict=True) if key is not None]
            return {value_of(key, names): value_of(value, names) for key, value in pairs}
        case ast.Attribute(whole, name):
            return value_of(whole, names)[name]
        case ast.Subscript(whole, place):
            return value_of(whole, names)[value_of(place, names)]
        case ast.Call():
            return called(node, names)
    return computed(node, names)


def computed(node: ast.expr, names: Mapping[str, Any]) -> Any:
    """What an operator makes; `&&` and `||` leave the rest out where the first side decides."""
    match node:
        case ast.BoolOp(ast.And(), sides):
            return all(value_of(side, names) for side in sides)
        case ast.BoolOp(ast.Or(), sides):
            return any(value_of(side, names) for side in sides)
        case ast.UnaryOp(ast.Invert(), side):
            return not value_of(side, names)
        case ast.UnaryOp(ast.USub(), side):
            return -value_of(side, names)
        case ast.BinOp(left, operation, right) if type(operation) in ARITHMETIC:
            return ARITHMETIC[type(operation)](value_of(left, names), value_of(right, names))
        case ast.Compare(left, [operation], [right]) if type(operation) in COMPARISON:
            return COMPARISON[type(operation)](value_of(left, names), value_of(right, names))
    raise ValueError(f"a refusal uses what refusals.py does not know: {ast.unparse(node)}")


def called(node: ast.Call, names: Mapping[str, Any]) -> Any:
    """What a function or a method makes."""
    match node:
        case ast.Call(ast.Name("size"), [whole]):
            return len(value_of(whole, names))
        case ast.Call(ast.Attribute(whole, "all" | "exists" | "filter" as each), [ast.Name(variable), test]):
            items = list(value_of(whole, names))
            kept = [item for item in items if value_of(test, {**names, variable: item})]
            return kept if each == "filter" else len(kept) == len(items) if each == "all" else bool(kept)
    raise ValueError(f"a refusal uses what refusals.py does not know: {ast.unparse(node)}")
