"""The state of stage 1: what a step works with, and what a checkpoint of it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from pawl_trainer import canary, checkpoint, devices, optimizer, seeds
from pawl_trainer.failures import Failure
from pawl_trainer.job import Job
from pawl_trainer.language_model import LanguageModel
from pawl_trainer.losses import info_nce
from pawl_trainer.sft_draw import Draw
from pawl_trainer.sft_material import Dev, Material
from pawl_trainer.sft_schedule import Schedule


@dataclass(frozen=True)
class Settings:
    split: str
    steps: int
    batch: int
    micro_batch: int
    micro_tokens: int
    homogeneous: bool
    grad_cache: bool
    lr: float
    warmup: int
    weight_decay: float
    clip: float
    temperature: float
    margin: float
    false_negative_margin: float
    directions: str
    ce_weight: float
    kl_weight: float
    infonce_weight: float
    infonce_reason_weight: float
    infonce_target_weight: float
    triplet_weight: float
    schedules: dict[str, Any]
    kl_vocabulary: str
    kl_direction: str
    pairs: int
    negatives: int
    hard_from: float
    hard_margin: float
    self_from: float
    self_share: float
    sampling_temperature: float
    min_new: int
    dtype: str
    gradient_checkpointing: bool
    parallel: str
    eval_every: int
    eval_split: str
    eval_queries: int
    eval_corpus: str
    eval_mode: str
    select: str
    patience: int
    output: str


@dataclass(frozen=True)
class Best:
    """The best evaluation so far: its value, after how many steps it was, and how many others came since."""

    value: float
    step: int
    since: int = 0


@dataclass
class State:
    """What changes from step to step, beside weights and optimizer."""

    step: int = 0
    losses: list[dict[str, float]] = field(default_factory=list)
    hard: dict[str, list[str]] = field(default_factory=dict)
    own: dict[str, list[int]] = field(default_factory=dict)
    best: Best | None = None


@dataclass
class Trainer:
    """All that a step works with."""

    job: Job
    settings: Settings
    model: LanguageModel
    start: LanguageModel
    material: Material
    dev: Dev | None
    schedules: dict[str, Schedule]
    optimizer: torch.optim.AdamW
    state: State

    @property
    def batch(self) -> int:
        """Queries a step."""
        return min(self.settings.batch, len(self.material.queries))

    @property
    def draw(self) -> Draw:
        """Which queries each step reads."""
        material, settings = self.material, self.settings
        return Draw(material.queries, material.sets, material.weights, self.batch, settings.homogeneous, self.job.seed)

    @property
    def own_rows(self) -> int:
        """Rows at the front of a batch that use their own reasoning, once there is some."""
        return round(self.settings.self_share * self.batch)


def check_sets(trainer: Trainer) -> None:
    """Raises Failure(config) when a batch of one set cannot be filled, or when nothing would be drawn."""
    draw = trainer.draw
    if draw.weights and not any(draw.weights.get(name, 0.0) for name in draw.pools):
        raise Failure(
            "config", "All sets of the dataset have the weight 0: nothing would be drawn. Give data.mix other `weights`."
        )
    if not trainer.settings.homogeneous:
        return
    for name, queries in sorted(draw.pools.items()):
        if len(queries) < trainer.batch:
            which = f"the set `{name}`" if name else "the dataset, which has no sets,"
            message = f"`homogeneous` takes a batch from one set, and {which} has {len(queries)} queries, fewer than `batch`"
            raise Failure("config", f"{message} ({trainer.batch}). Lower `batch`.", input="batch")


def learning_rate(trainer: Trainer, step: int) -> float:
    """What step `step` learns with."""
    settings = trainer.settings
    return optimizer.warm_cosine(step, settings.steps, settings.warmup, settings.lr)


def save(trainer: Trainer, folder: Path) -> Callable[[], None]:
    """Writes a checkpoint but for weights and optimizer, of which copies are taken; what it returns writes those."""
    state = trainer.state
    plain, generators = seeds.global_state()
    weights, kept, values = gathered(trainer)
    (folder / "optimizer").mkdir()
    save_file(generators, folder / "generators.safetensors")
    checkpoint.write_json(
        folder / "sft.json",
        {
            "schema": 1,
            "step": state.step,
            "losses": state.losses,
            "hard": state.hard,
            "own": state.own,
            "best": None if state.best is None else asdict(state.best),
            "generators": plain,
        },
    )
    canary.write(folder, values)

    def rest() -> None:
        save_file(weights, folder / "weights.safetensors")
        kept.write(folder / "optimizer")

    return rest


def gathered(trainer: Trainer) -> tuple[dict[str, torch.Tensor], optimizer.Kept, dict[str, float | str]]:
    """Weights, optimizer and the values of the canary; of weights in parts all processes gather them together."""
    kept = optimizer.keep(trainer.optimizer, trainer.model.network, trainer.state.step)
    return trainer.model.learnt(), kept, small_step(trainer)


def restore(trainer: Trainer, folder: Path) -> None:
    """Puts everything back to a checkpoint."""
    saved = checkpoint.read_json(folder / "sft.json")
    trainer.model.relearn(load_file(folder / "weights.safetensors"))
    optimizer.restore(trainer.optimizer, trainer.model.network, folder / "optimizer")
    best = None if saved["best"] is None else Best(**saved["best"])
    trainer.state = State(saved["step"], saved["losses"], saved["hard"], saved["own"], best)
    if trainer.state.step > 0:
        optimizer.set_lr(trainer.optimizer, learning_rate(trainer, trainer.state.step - 1))
    seeds.restore_global(saved["generators"], load_file(folder / "generators.safetensors"))
    canary.check(trainer.job, folder, lambda: small_step(trainer))


def small_step(trainer: Trainer) -> dict[str, float | str]:
    """
    What the weights give for a few pairs of the last batch, forward and backward, without a trace; and a checksum of weights
    and moments.
    """
    network, material, settings = trainer.model.network, trainer.material, trainer.settings
    queries = trainer.draw.at(max(0, trainer.state.step - 1))[: canary.ROWS]
    sequences = [material.plain[query] for query in queries]
    sequences += [material.documents[material.positives[query][0]] for query in queries]

    def compute() -> tuple[torch.Tensor, torch.Tensor]:
        with devices.arithmetic(settings.dtype):
            vectors = trainer.model.embed(sequences, settings.micro_batch)
        count = len(queries)
        known = torch.zeros(count, count, dtype=torch.bool, device=vectors.device)
        return info_nce(vectors[:count], vectors[count:], settings.temperature, known), vectors

    values = canary.gradient_of(network, seeds.derive(trainer.job.seed, "canary", trainer.state.step), compute)
    kept = [*network.parameters(), *(moment for state in trainer.optimizer.state.values() for moment in state.values())]
    return {**values, "state": canary.checksum(kept)}
