"""model_merge: the weights of a model with its adapters in them, as a model without adapters."""

from __future__ import annotations

from pawl_trainer import language_model, lora
from pawl_trainer.failures import Failure
from pawl_trainer.job import Job


def run(job: Job) -> dict[str, float]:
    """Writes the model; returns its number of parameters."""
    artifact = job.artifact("model")
    if not lora.exists(artifact.path):
        raise Failure("config", "The model has no adapters: there is nothing to merge. Use it as it is.", input="model")
    text = language_model.text_encoder(job, artifact.path)
    with job.timed("load"):
        network = language_model.read_weights(artifact.path, text.contract)
    with job.timed("merge"):
        network = lora.merged(network, artifact.path)
    model = language_model.LanguageModel(artifact.path, network, text.contract, text)
    with job.timed("save"):
        language_model.save(model, job.output("model"))
    return {"parameters": sum(weight.numel() for weight in network.parameters())}
