"""The operations by the name that a job gives, each loaded when it is first asked for: torch takes seconds to load."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from pawl_trainer import schemas
from pawl_trainer.failures import Failure
from pawl_trainer.job import Job

# operation -> (module, step kind whose declaration its inputs follow; None = the module's INPUTS)
OPERATIONS: dict[str, tuple[str, str | None]] = {
    "code_search_data": ("code_search", "data.code-search"),
    "model_init": ("model_init", "model.init"),
    "model_load": ("model_load", "model.load"),
    "sft": ("sft", "train.sft"),
    "rollout": ("rollout", "rl.rollout"),
    "update": ("update", "rl.update"),
    "encode": ("encode", None),
    "reason": ("reason", None),
    "probe": ("probe", None),
}


def find(op: str) -> tuple[Callable[[Job], dict[str, float]], Mapping[str, Any]]:
    """The function of an operation and the declaration of its inputs."""
    if op not in OPERATIONS:
        raise Failure("worker_outdated", f"This trainer has no operation `{op}`; it has {', '.join(OPERATIONS)}.")
    module_name, kind = OPERATIONS[op]
    module = importlib.import_module(f"pawl_trainer.{module_name}")
    declared = module.INPUTS if kind is None else schemas.load(f"steps/{kind}.json")["inputs"]
    return module.run, declared
