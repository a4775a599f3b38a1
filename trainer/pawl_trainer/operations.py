"""The operations by the name that a job gives, each loaded when it is first asked for: torch takes seconds to load."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from pawl_trainer import schemas
from pawl_trainer.failures import Failure
from pawl_trainer.job import Job

# operation -> (module, step kind whose declaration it follows; None = the module's DECLARED)
OPERATIONS: dict[str, tuple[str, str | None]] = {
    "code_search_data": ("code_search", "data.code-search"),
    "model_init": ("model_init", "model.init"),
    "model_load": ("model_load", "model.load"),
    "model_lora": ("model_lora", "model.lora"),
    "model_merge": ("model_merge", "model.merge"),
    "model_export": ("export", "model.export"),
    "sft": ("sft", "train.sft"),
    "rollout": ("rollout", "rl.rollout"),
    "update": ("update", None),
    "encode": ("encode", None),
    "reason": ("reason", None),
    "probe": ("probe", None),
}

# Those that all processes of a slot do together; the others are done by the first alone.
SHARED = frozenset({"sft", "rollout", "update", "encode", "reason"})

# How an operation outside this package is named: this, then its module.
MODULE = "module:"


def find(op: str) -> tuple[Callable[[Job], dict[str, float]], Mapping[str, Any] | None]:
    """The function of an operation and its declaration, for declaration.checked; None = its inputs are checked elsewhere."""
    if op.startswith(MODULE):
        return _outside(op.removeprefix(MODULE)), None
    if op not in OPERATIONS:
        raise Failure("worker_outdated", f"This trainer has no operation `{op}`; it has {', '.join(OPERATIONS)}.")
    module_name, kind = OPERATIONS[op]
    module = importlib.import_module(f"pawl_trainer.{module_name}")
    declared: Mapping[str, Any] = module.DECLARED if kind is None else schemas.load(f"steps/{kind}.json")
    return module.run, declared


def _outside(name: str) -> Callable[[Job], dict[str, float]]:
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        message = f"The trainer cannot import `{name}`: {error}. It is named under `kinds` in temporal.config.ts."
        raise Failure("config", message) from error
    run: Callable[[Job], dict[str, float]] | None = getattr(module, "run", None)
    if run is None:
        raise Failure("config", f"The module `{name}` has no function `run(job)`.")
    return run
