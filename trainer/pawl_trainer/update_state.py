"""How far an update is, and all that it has gathered: what its checkpoints hold.

An update is a sequence of units, each a forward pass, a forward and backward pass over a micro-batch, or an optimizer step.
What the units are follows from inputs and from what earlier units left here; so a job that goes on from a checkpoint passes
over the units that are done and ends with the bytes of one that was not interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from pawl_trainer import canary, checkpoint, optimizer, seeds
from pawl_trainer.job import Job
from pawl_trainer.language_model import LanguageModel

Unit = Callable[[], None]


@dataclass
class Progress:
    """
    The gradient so far lies with the weights of `model`. `sums` and `peaks` are figures that add up and largest values;
    `parts` are tensors that units have left for later ones.
    """

    job: Job
    model: LanguageModel
    adamw: torch.optim.AdamW
    prompts: list[list[int]]
    done: int = 0
    steps: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    peaks: dict[str, float] = field(default_factory=dict)
    parts: dict[str, list[Tensor]] = field(default_factory=dict)
    _reached: int = 0

    def through(self, units: Iterable[Unit]) -> None:
        """Does the units that are not done yet, with a boundary behind each."""
        for unit in units:
            self._reached += 1
            if self._reached > self.done:
                unit()
                self.done = self._reached
                self.job.boundary(self.done, self.save)

    def add(self, sums: Mapping[str, float], peaks: Mapping[str, float] | None = None) -> None:
        """Takes figures of a unit."""
        for name, value in sums.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        for name, value in (peaks or {}).items():
            self.peaks[name] = max(self.peaks.get(name, value), value)

    def hold_gradient(self) -> dict[str, Tensor]:
        """Takes the gradient so far off the weights, so that the next term begins with none; returns it by name."""
        held = {name: weight.grad for name, weight in self._named() if weight.grad is not None}
        for _, weight in self._named():
            weight.grad = None
        return held

    def join_gradients(self, held: dict[str, Tensor]) -> float:
        """Adds what was taken off to the gradient since; returns the norm of the latter."""
        norm = norm_of(weight.grad for _, weight in self._named() if weight.grad is not None)
        for name, weight in self._named():
            if name in held:
                weight.grad = held[name] if weight.grad is None else weight.grad.add_(held[name])
        return norm

    def take_step(self, clip: float, before: int) -> None:
        """Takes an optimizer step, the next after the `before` of earlier updates."""
        norm = optimizer.take_step(self.adamw, self.model.network, clip, f"update {before + self.steps}")
        self.add({"grad_norm": norm})
        self.steps += 1

    def _named(self) -> list[tuple[str, Tensor]]:
        return [(name, weight) for name, weight in self.model.network.named_parameters() if weight.requires_grad]

    def save(self, folder: Path) -> None:
        """Writes a checkpoint. Weights and optimizer are in it once a step has changed them."""
        plain, generators = seeds.global_state()
        gradient = {name: _kept(weight.grad) for name, weight in self._named() if weight.grad is not None}
        save_file(gradient, folder / "gradient.safetensors")
        parts = {f"{name}.{place}": _kept(part) for name, parts in self.parts.items() for place, part in enumerate(parts)}
        save_file(parts, folder / "parts.safetensors")
        save_file(generators, folder / "generators.safetensors")
        if self.steps > 0:
            save_file({name: _kept(weight) for name, weight in self._named()}, folder / "weights.safetensors")
            (folder / "optimizer").mkdir()
            optimizer.save(self.adamw, self.model.network, folder / "optimizer", self.steps)
        state = {
            "done": self.done,
            "steps": self.steps,
            "sums": self.sums,
            "peaks": self.peaks,
            "parts": {name: len(parts) for name, parts in self.parts.items()},
            "generators": plain,
        }
        checkpoint.write_json(folder / "update.json", {"schema": 2, **state})
        canary.write(folder, self.small_step())

    def restore(self, folder: Path) -> None:
        """Goes back to a checkpoint."""
        saved = checkpoint.read_json(folder / "update.json")
        self.done, self.steps = saved["done"], saved["steps"]
        self.sums, self.peaks = saved["sums"], saved["peaks"]
        device = self.model.network.device
        parts = load_file(folder / "parts.safetensors")
        self.parts = {
            name: [parts[f"{name}.{place}"].to(device) for place in range(count)] for name, count in saved["parts"].items()
        }
        gradient = load_file(folder / "gradient.safetensors")
        weights = load_file(folder / "weights.safetensors") if self.steps > 0 else {}
        with torch.no_grad():
            for name, weight in self._named():
                if name in weights:
                    weight.copy_(weights[name])
                if name in gradient:
                    weight.grad = gradient[name].to(weight.device)
        if self.steps > 0:
            optimizer.restore(self.adamw, self.model.network, folder / "optimizer")
        seeds.restore_global(saved["generators"], load_file(folder / "generators.safetensors"))
        canary.check(self.job, folder, self.small_step)

    def small_step(self) -> dict[str, float | str]:
        """What the weights give for a few prompts, forward and backward, without a trace; and a checksum of the gradient."""

        def compute() -> tuple[Tensor, Tensor]:
            vectors = self.model.embed(self.prompts[: canary.ROWS], canary.ROWS)
            return vectors.var(dim=0).sum() if len(vectors) > 1 else vectors.sum(), vectors

        values = canary.gradient_of(self.model.network, seeds.derive(self.job.seed, "canary"), compute)
        gradient = [weight.grad for _, weight in self._named() if weight.grad is not None]
        return {**values, "state": canary.checksum(gradient)}


def _kept(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu().contiguous()


def norm_of(gradient: Iterable[Tensor]) -> float:
    """Euclidean norm over all tensors; 0 of none."""
    norms = [part.norm() for part in gradient]
    return float(torch.stack(norms).norm()) if norms else 0.0
