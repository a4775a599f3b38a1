"""model_lora: a model gets adapters beside its weights; what trains it from here on trains them."""

from __future__ import annotations

from dataclasses import dataclass

from pawl_trainer import language_model, lora
from pawl_trainer.failures import Failure
from pawl_trainer.job import Job


@dataclass(frozen=True)
class Settings:
    rank: int
    alpha: int
    dropout: float
    targets: list[str]
    embed_row: bool


def run(job: Job) -> dict[str, float]:
    """Writes the model with fresh adapters; returns how many parameters learn, and of how many."""
    settings = job.settings(Settings)
    artifact = job.artifact("model")
    if lora.exists(artifact.path):
        message = "The model has adapters already, and training goes on with them. To add others, put `model.merge` between."
        raise Failure("config", message, input="model")
    model = language_model.load(job, artifact).for_training()
    rows = (model.contract.embed_id,) if settings.embed_row else ()
    wanted = lora.Adapters(settings.rank, settings.alpha, settings.dropout, tuple(settings.targets), rows)
    before = sum(weight.numel() for weight in model.network.parameters())
    lora.attach(model.network, wanted)
    with job.timed("save"):
        language_model.save(model, job.output("model"))
    return {
        "trainable": sum(weight.numel() for weight in model.network.parameters() if weight.requires_grad),
        "parameters": before,
    }
