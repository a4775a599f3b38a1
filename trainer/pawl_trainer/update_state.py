"""How far an update is, and all that it has gathered: what its checkpoints hold.

An update is a sequence of units, each a forward pass, a forward and backward pass over a micro-batch, or an optimizer step.
What the units are follows from inputs and from what earlier units left here; so a job that goes on from a checkpoint passes
over the units that are done and ends with the bytes of one that was not interrupted.

Of several processes each does some of the units that can be dealt, and all do the others together. The gradient is the sum
of what lies with the weights in all of them, and so are the figures. Each adds its part to a checkpoint; any number of
processes can share them out again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from pawl_trainer import canary, checkpoint, dealing, distributed, optimizer, seeds
from pawl_trainer.job import Job
from pawl_trainer.language_model import LanguageModel

Unit = Callable[[], None]
Making = Callable[[], Tensor]


@dataclass
class Progress:
    """
    The gradient so far lies with the weights of `model`. `sums` and `peaks` are figures that add up and largest values;
    `parts` are tensors that units have left for later ones, the same in all processes.
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

    def together(self, unit: Unit) -> None:
        """A unit that all processes do together, unless it is done, with a boundary behind it."""
        self._reached += 1
        if self._reached > self.done:
            with self._chance(self._reached):
                unit()
            self._behind(1)

    def deal(self, units: Sequence[Unit]) -> None:
        """Units that are not done yet, each in one process; a boundary is behind each round."""
        for turn in self._rounds(len(units)):
            place = dealing.own(turn)
            if place is not None:
                with self._chance(self._reached + place + 1):
                    units[place]()
            self._behind(len(turn))
        self._reached += len(units)

    def deal_parts(self, name: str, units: Sequence[Making]) -> None:
        """As `deal`, for units that make the tensors parts[name]."""
        for turn in self._rounds(len(units)):
            made = dealing.make(turn, lambda place: units[place](), dealing.tensors(self.model.network.device))
            self.parts.setdefault(name, []).extend(made)
            self._behind(len(turn))
        self._reached += len(units)

    def _rounds(self, count: int) -> Iterable[range]:
        return dealing.rounds(max(0, self.done - self._reached), count)

    def _chance(self, unit: int) -> AbstractContextManager[None]:
        return distributed.own_chance(self.job.seed, "unit", unit)

    def _behind(self, units: int) -> None:
        self.done += units
        self.job.boundary(self.done, self.save, self.save_part, units)

    def add(self, sums: Mapping[str, float], peaks: Mapping[str, float] | None = None) -> None:
        """Takes figures of a unit that this process has done."""
        for name, value in sums.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        for name, value in (peaks or {}).items():
            self.peaks[name] = max(self.peaks.get(name, value), value)

    def add_once(self, sums: Mapping[str, float]) -> None:
        """Takes figures of a unit that all processes have done together."""
        if self.job.leads:
            self.add(sums)

    def add_up(self) -> None:
        """Takes the figures of all processes, at the end."""
        others = dealing.exchanged(json.dumps([self.sums, self.peaks]).encode())
        self.sums, self.peaks = {}, {}
        for content in others:
            self.add(*json.loads(content))

    def collect_gradient(self) -> float:
        """Lets the whole gradient lie with the weights of the first process; returns its norm, 0 in the others."""
        distributed.collect_gradients([weight for _, weight in self._named()])
        return norm_of(weight.grad for _, weight in self._named() if weight.grad is not None)

    def hold_gradient(self) -> dict[str, Tensor]:
        """Takes the gradient so far off the weights, so that the next term begins with none; returns it by name."""
        held = {name: weight.grad for name, weight in self._named() if weight.grad is not None}
        for _, weight in self._named():
            weight.grad = None
        return held

    def join_gradients(self, held: dict[str, Tensor]) -> None:
        """Adds what was taken off to the gradient since."""
        for name, weight in self._named():
            if name in held:
                weight.grad = held[name] if weight.grad is None else weight.grad.add_(held[name])

    def take_step(self, clip: float, before: int) -> None:
        """Takes an optimizer step, the next after the `before` of earlier updates."""
        norm = optimizer.take_step(self.adamw, self.model.network, clip, f"update {before + self.steps}")
        self.add_once({"grad_norm": norm})
        self.steps += 1

    def _named(self) -> list[tuple[str, Tensor]]:
        return [(name, weight) for name, weight in self.model.network.named_parameters() if weight.requires_grad]

    def save(self, folder: Path) -> None:
        """Writes a checkpoint. Weights and optimizer are in it once a step has changed them."""
        plain, generators = seeds.global_state()
        save_file(self._gradient(), folder / "gradient.safetensors")
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
            "processes": distributed.world().size,
            "sums": self.sums,
            "peaks": self.peaks,
            "parts": {name: len(parts) for name, parts in self.parts.items()},
            "generators": plain,
        }
        checkpoint.write_json(folder / "update.json", {"schema": 2, **state})
        canary.write(folder, self.small_step(self._gradient()))

    def save_part(self, folder: Path) -> None:
        """Adds to a checkpoint what only this process has; for those that do not lead."""
        own = part_in(folder, distributed.world().rank)
        own.mkdir()
        save_file(self._gradient(), own / "gradient.safetensors")
        checkpoint.write_json(own / "figures.json", {"sums": self.sums, "peaks": self.peaks})

    def _gradient(self) -> dict[str, Tensor]:
        return {name: _kept(weight.grad) for name, weight in self._named() if weight.grad is not None}

    def restore(self, folder: Path) -> None:
        """Goes back to a checkpoint."""
        saved = checkpoint.read_json(folder / "update.json")
        self.done, self.steps = saved["done"], saved["steps"]
        device = self.model.network.device
        parts = load_file(folder / "parts.safetensors")
        self.parts = {
            name: [parts[f"{name}.{place}"].to(device) for place in range(count)] for name, count in saved["parts"].items()
        }
        weights = load_file(folder / "weights.safetensors") if self.steps > 0 else {}
        with torch.no_grad():
            for name, weight in self._named():
                if name in weights:
                    weight.copy_(weights[name])
        self._take_parts(folder, saved)
        if self.steps > 0:
            optimizer.restore(self.adamw, self.model.network, folder / "optimizer")
        seeds.restore_global(saved["generators"], load_file(folder / "generators.safetensors"))
        canary.check(self.job, folder, lambda: self.small_step(load_file(folder / "gradient.safetensors")))

    def _take_parts(self, folder: Path, saved: Mapping[str, Any]) -> None:
        """Takes this process's share of what those that wrote the checkpoint had."""
        self.sums, self.peaks = {}, {}
        weights = dict(self._named())
        for process in distributed.share(saved.get("processes", 1)):
            place = part_in(folder, process)
            figures = saved if process == 0 else checkpoint.read_json(place / "figures.json")
            self.add(figures["sums"], figures["peaks"])
            for name, part in load_file(place / "gradient.safetensors").items():
                there, part = weights[name].grad, part.to(weights[name].device)
                weights[name].grad = part if there is None else there.add_(part)

    def small_step(self, gradient: Mapping[str, Tensor]) -> dict[str, float | str]:
        """What the weights give for a few prompts, forward and backward, without a trace; and a checksum of `gradient`."""

        def compute() -> tuple[Tensor, Tensor]:
            vectors = self.model.embed(self.prompts[: canary.ROWS], canary.ROWS)
            return vectors.var(dim=0).sum() if len(vectors) > 1 else vectors.sum(), vectors

        values = canary.gradient_of(self.model.network, seeds.derive(self.job.seed, "canary"), compute)
        return {**values, "state": canary.checksum(gradient.values())}


def part_in(folder: Path, process: int) -> Path:
    """Where in a checkpoint the gradient of a process lies."""
    return folder if process == 0 else folder / f"process-{process}"


def _kept(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu().contiguous()


def norm_of(gradient: Iterable[Tensor]) -> float:
    """Euclidean norm over all tensors; 0 of none."""
    norms = [part.norm() for part in gradient]
    return float(torch.stack(norms).norm()) if norms else 0.0
