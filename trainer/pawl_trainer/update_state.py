"""What an update has gathered before its one optimizer step: the gradient so far, and the sums over its micro-batches.

The weights do not move until the end, so a checkpoint is the gradient, the sums and the generators. A micro-batch is a step.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from pawl_trainer import canary, checkpoint, seeds
from pawl_trainer.job import Job
from pawl_trainer.language_model import LanguageModel


@dataclass
class Gathered:
    """The gradient lies with the weights of `model`; `auxiliary` is the value of that loss once it is in."""

    job: Job
    model: LanguageModel
    prompts: list[list[int]]
    done: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    auxiliary: float | None = None

    def add(self, part: dict[str, float]) -> None:
        """Takes the sums of a micro-batch whose gradient was added."""
        for name, value in part.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.done += 1
        self.job.boundary(self.done, self.save)

    def close(self, auxiliary: float) -> None:
        """Takes the value of the auxiliary loss, whose gradient was added last."""
        self.auxiliary = auxiliary
        self.job.boundary(self.done + 1, self.save)

    def save(self, folder: Path) -> None:
        """Writes a checkpoint."""
        plain, generators = seeds.global_state()
        gradient = {
            name: weight.grad.detach().cpu().contiguous()
            for name, weight in self.model.network.named_parameters()
            if weight.grad is not None
        }
        save_file(gradient, folder / "gradient.safetensors")
        save_file(generators, folder / "generators.safetensors")
        state = {"done": self.done, "sums": self.sums, "auxiliary": self.auxiliary, "generators": plain}
        checkpoint.write_json(folder / "update.json", {"schema": 1, **state})
        canary.write(folder, self.small_step())

    def restore(self, folder: Path) -> None:
        """Goes back to a checkpoint."""
        saved = checkpoint.read_json(folder / "update.json")
        self.done, self.sums, self.auxiliary = saved["done"], saved["sums"], saved["auxiliary"]
        gradient = load_file(folder / "gradient.safetensors")
        for name, weight in self.model.network.named_parameters():
            if name in gradient:
                weight.grad = gradient[name].to(weight.device)
        seeds.restore_global(saved["generators"], load_file(folder / "generators.safetensors"))
        canary.check(self.job, folder, self.small_step)

    def small_step(self) -> dict[str, float | str]:
        """What the weights give for a few prompts, forward and backward, without a trace; and a checksum of the gradient."""

        def compute() -> tuple[Tensor, Tensor]:
            vectors = self.model.embed(self.prompts[: canary.ROWS], canary.ROWS)
            return vectors.var(dim=0).sum() if len(vectors) > 1 else vectors.sum(), vectors

        values = canary.gradient_of(self.model.network, seeds.derive(self.job.seed, "canary"), compute)
        gradient = [weight.grad for weight in self.model.network.parameters() if weight.grad is not None]
        return {**values, "state": canary.checksum(gradient)}
