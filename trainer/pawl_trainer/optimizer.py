"""AdamW, and its state on disk: optimizer.safetensors and state.json (schemas/artifacts/trainer-state.schema.json)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from pawl_trainer import checkpoint, distributed, schemas, sharding
from pawl_trainer.failures import Failure

BETAS = (0.9, 0.98)
MOMENTS = ("exp_avg", "exp_avg_sq", "step")


def adamw(network: Any, lr: float, weight_decay: float) -> torch.optim.AdamW:
    """AdamW over all weights; only matrices decay."""
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    matrices = [weight for weight in weights if weight.ndim > 1]
    vectors = [weight for weight in weights if weight.ndim <= 1]
    groups = [
        {"params": [weight for weight in part if distributed.is_in_parts(weight) == in_parts], "weight_decay": decay, "of": of}
        for of, part, decay in (("matrices", matrices, weight_decay), ("vectors", vectors, 0.0))
        for in_parts in (False, True)  # a group is of one sort
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=lr, betas=BETAS, fused=True)


def set_lr(optimizer: torch.optim.AdamW, lr: float) -> None:
    """Sets the learning rate of all groups."""
    for group in optimizer.param_groups:
        group["lr"] = lr


def warm_cosine(step: int, steps: int, warmup: int, peak: float) -> float:
    """Learning rate of step `step` of `steps`: linear to the peak over `warmup` steps, then cosine down to 2 % of it."""
    rise = min(1.0, (step + 1) / max(1, warmup))
    return peak * rise * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / max(1, steps))))


def take_step(optimizer: torch.optim.AdamW, network: Any, clip: float, what: str) -> float:
    """Clips the gradient, takes the step and clears the gradient; returns its norm before. Raises when it is not finite."""
    distributed.add_gradients(network.parameters())
    if sharding.in_parts(network):
        norm = sharding.clip(network.parameters(), clip)
    else:
        norm = float(torch.nn.utils.clip_grad_norm_(network.parameters(), clip))
    if not math.isfinite(norm):
        raise Failure("non_finite", f"The gradient is not finite at {what}. Lower the learning rate.")
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return norm


@dataclass(frozen=True)
class Kept:
    """The state of an optimizer as it was: moments by weight, and what goes into state.json."""

    tensors: dict[str, Tensor]
    state: dict[str, Any]

    def write(self, folder: Path) -> None:
        """Writes optimizer.safetensors and state.json."""
        save_file(self.tensors, folder / "optimizer.safetensors")
        checkpoint.write_json(folder / "state.json", self.state)


def save(optimizer: torch.optim.AdamW, network: Any, folder: Path, step: int, told: list[str] | None = None) -> None:
    """Writes the state after `step` steps, and what a person was warned of."""
    keep(optimizer, network, step, told).write(folder)


def keep(optimizer: torch.optim.AdamW, network: Any, step: int, told: list[str] | None = None) -> Kept:
    """
    A copy of the state after `step` steps, in the memory of the processor, and what a person was warned of. Of weights in parts
    the first process has it, and all call it together.
    """
    names = {id(weight): name for name, weight in network.named_parameters()}
    places = {name: place for place, name in enumerate(names.values())}
    tensors: dict[str, Tensor] = {}
    groups: dict[str, dict[str, Any]] = {}
    for group in optimizer.param_groups:
        members = [names[id(weight)] for weight in group["params"]]
        kept = groups.setdefault(group["of"], {"params": [], "lr": group["lr"], "weight_decay": group["weight_decay"]})
        kept["params"] = sorted([*kept["params"], *members], key=lambda name: places[name])
        for name, weight in zip(members, group["params"], strict=True):
            state = optimizer.state.get(weight, {})
            tensors |= sharding.on_host((f"{name}:{moment}", state[moment]) for moment in state)
    more = {"told": told} if told else {}
    return Kept(tensors, {"schema": 1, "optimizer": "adamw", "step": step, "groups": [*groups.values()], **more})


def told(folder: Path) -> list[str]:
    """What a person was warned of by the update that left this state."""
    found: list[str] = checkpoint.read_json(folder / "state.json").get("told", [])
    return found


def restore(optimizer: torch.optim.AdamW, network: Any, folder: Path) -> int:
    """Puts a saved state into a fresh optimizer of the same network; returns its step. Hyper-parameters stay as they are."""
    state = checkpoint.read_json(folder / "state.json")
    schemas.require("artifacts/trainer-state", state, "state.json")
    tensors = load_file(folder / "optimizer.safetensors")
    known = {name for name, weight in network.named_parameters() if weight.requires_grad}
    foreign = sorted({name.rpartition(":")[0] for name in tensors} - known)
    if foreign:
        message = f"The trainer state is of another model: it has {foreign[0]}, which this one has not, or does not train."
        raise Failure("data", message)
    for name, weight in network.named_parameters():
        moments = {moment: tensors[f"{name}:{moment}"] for moment in MOMENTS if f"{name}:{moment}" in tensors}
        if not moments:
            continue
        if moments["exp_avg"].shape != weight.shape:
            raise Failure("data", f"The trainer state is of another model: {name} has another shape.")
        optimizer.state[weight] = {
            key: value.to(weight.device if weight.is_cuda else "cpu") if key == "step" else sharding.part_like(value, weight)
            for key, value in moments.items()
        }
    return int(state["step"])
