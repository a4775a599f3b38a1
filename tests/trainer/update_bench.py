"""Rollouts with rewards for the tests of the update, and its terms as a test takes them apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from conftest import Bench
from pawl_trainer import declaration, language_model, optimizer, update
from pawl_trainer.job import Artifact
from pawl_trainer.language_model import LanguageModel
from pawl_trainer.update_policy import Policy
from pawl_trainer.update_rollouts import Rollouts, read_rollouts
from pawl_trainer.update_settings import Settings
from pawl_trainer.update_state import Progress

ROLLOUT = {"split": "rl", "queries": 4, "group": 4, "min_new": 1, "temperature": 1.0, "replay": 6, "micro_batch": 8}


def sample(made: Bench, folder: Path) -> Bench:
    """A bench with a trained model and rollouts `r` with rewards, some of whose samples are valid and some not."""
    bench = Bench(folder, dataset=made.dataset, model=made.model)
    inputs = {"model": made.model, "data": made.dataset, "steps": 30, "batch": 8, "self_from": 1.0}
    bench.run("sft", "policy", {**inputs, "lr": 0.004, "warmup": 2})
    bench.model = bench.output("policy", "model", "model")
    bench.run("rollout", "r", {"policy": bench.model, "data": bench.dataset, **ROLLOUT})
    reward(bench, [(7 * number % 5) / 5 for number in range(16)])
    return bench


def reward(bench: Bench, rewards: list[float | None]) -> None:
    """Writes the rewards of the rollouts."""
    path = bench.folder / "r" / "outputs" / "rollouts" / "rewards.jsonl"
    path.write_text("".join(json.dumps({"rank": 1, "reward": each}) + "\n" for each in rewards))


def inputs(bench: Bench, **change: Any) -> dict[str, Any]:
    """The inputs of an update of the rollouts `r`."""
    rollouts = bench.output("r", "rollouts", "rollouts")
    return {"policy": bench.model, "rollouts": rollouts, "data": bench.dataset, "micro_batch": 8, **change}


def settings(bench: Bench, **change: Any) -> Settings:
    """The settings of an update; a KL is to the untrained model."""
    given = {"reference": bench.model, **change} if "beta" in change else change
    checked = declaration.checked("update", update.DECLARED, inputs(bench, **given))
    return Settings(**{name: checked[name] for name in Settings.__dataclass_fields__})


def read(bench: Bench) -> Rollouts:
    """The rollouts `r`."""
    return read_rollouts(bench.folder / "r" / "outputs" / "rollouts")


def model_of(bench: Bench, artifact: dict[str, str]) -> LanguageModel:
    """A model, as an update loads it."""
    return language_model.load(bench.job("update", "g", {}), Artifact(Path(artifact["path"]), artifact["identity"], "model"))


def untrained(bench: Bench) -> dict[str, str]:
    """The model before stage 1, as a reference."""
    path = Path(bench.dataset["path"]).parents[2] / "init" / "outputs" / "model"
    return {"path": str(path), "identity": "init/model", "type": "model"}


def policy_of(bench: Bench, rollouts: Rollouts, reference: LanguageModel | None = None, **change: Any) -> Policy:
    """The policy gradient of rollouts, on a fresh copy of the model."""
    model = model_of(bench, bench.model).for_training()
    progress = Progress(bench.job("update", "g", {}), model, optimizer.adamw(model.network, 1e-4, 0.0), rollouts.prompts)
    return Policy.of(settings(bench, **change), rollouts, reference, progress)


def policy_gradients(policy: Policy) -> dict[str, torch.Tensor]:
    """The gradient of all terms of the policy at the weights, over all queries at once."""
    policy.progress.deal_parts("reference", policy.reference_units())
    policy.progress.deal(policy.units(policy.graded(), list(range(len(policy.rollouts.queries)))))
    return gradients(policy.progress.model)


def gradients(model: LanguageModel) -> dict[str, torch.Tensor]:
    """The gradient at each weight; 0 where there is none."""
    return {
        name: torch.zeros_like(weight) if weight.grad is None else weight.grad.clone()
        for name, weight in model.network.named_parameters()
    }
