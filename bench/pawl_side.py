"""Pawl's side of the benchmark beside TRL: the operations of the trainer as a worker calls them, files and all."""

from __future__ import annotations

import itertools
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from beside_trl import Setup, reward
from pawl_trainer import dataset as datasets
from pawl_trainer import declaration, language_model, operations, seeds
from pawl_trainer.cache import Cache
from pawl_trainer.job import Artifact, Job, StopRequest
from pawl_trainer.protocol import Events
from safetensors.torch import load_file, save_file


class TimedEvents(Events):
    """Keeps the metrics of each step and when they came."""

    def __init__(self) -> None:
        super().__init__(-1)
        self.steps: list[tuple[float, dict[str, float]]] = []

    def send(self, kind: str, **fields: Any) -> None:
        if kind == "metrics":
            self.steps.append((time.perf_counter(), fields["values"]))


class Offline:
    """Runs operations in this process, each in a folder below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cache = Cache(1 << 30)
        self.events = TimedEvents()

    def run(self, op: str, name: str, inputs: dict[str, Any], seed: int = 1, every: int | None = None) -> dict[str, float]:
        """Runs an operation; its outputs are in folder/name/outputs. `every` so many steps it takes a checkpoint."""
        shutil.rmtree(self.folder / name, ignore_errors=True)
        function, declared = operations.find(op)
        job = self.job(name, op, declaration.checked(op, declared or {}, inputs), seed, every)
        seeds.set_global(seed)
        self.events.steps = []
        metrics = function(job)
        job.finish()
        return metrics

    def job(self, name: str, op: str, inputs: dict[str, Any], seed: int, every: int | None = None) -> Job:
        """A job with a folder of its own."""
        work = self.folder / name
        work.mkdir(parents=True, exist_ok=True)
        return Job(name, op, inputs, seed, work, every, None, None, self.events, StopRequest(), self.cache)

    def artifact(self, path: Path, kind: str, identity: str | None = None) -> dict[str, str]:
        """A folder as an input; two of one identity are the same to the trainer's memory."""
        return {"path": str(path), "identity": identity or str(path), "type": kind}


class Side:
    """Answers the tasks of beside_trl.py."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self._folder = tempfile.TemporaryDirectory()
        self.offline = Offline(Path(self._folder.name))
        self.model = self.offline.artifact(setup.model, "model")
        self.data = self.offline.artifact(setup.data, "dataset")
        self.iteration = 0

    def sft(self, steps: int) -> dict[str, Any]:
        """Cross-entropy on the reasoning targets, as train.sft takes it, and nothing else."""
        weights = {"ce_weight": 1.0, "infonce_weight": 0.0, "infonce_reason_weight": 0.0, "triplet_weight": 0.0}
        sizes = {"steps": steps, "batch": self.setup.batch, "micro_batch": self.setup.micro_batch, "warmup": 0}
        chosen = {"lr": self.setup.lr, "self_from": 1.0, "weight_decay": 0.0}
        self.offline.run("sft", "sft", {"model": self.model, "data": self.data, **weights, **sizes, **chosen}, self.setup.seed)
        times = [at for at, _ in self.offline.events.steps]
        first = self.offline.events.steps[0][1]
        seconds = [after - before for before, after in itertools.pairwise(times)]
        tokens = sum(len(prompt) + len(answer) for prompt, answer in examples(self.setup))
        return {"seconds": seconds, "tokens": tokens, "loss": first["loss"], "grad_norm": first["grad_norm"]}

    def grpo(self, steps: int) -> dict[str, Any]:
        """Rollout, reward and update, each policy written and read again by the next."""
        policy, seconds = self.model, []
        for _ in range(steps):
            started = time.perf_counter()
            policy, _, _ = self.iterate(policy)
            seconds.append(time.perf_counter() - started)
        setup = self.setup
        return {"seconds": seconds[1:], "tokens": setup.queries * setup.group * setup.new}

    def first_grpo(self) -> dict[str, Any]:
        """Loss and gradient norm of one batch, and the batch: prompts and completions as ids."""
        _, figures, batch = self.iterate(self.model)
        return {"loss": figures["loss"], "grad_norm": figures["grad_norm"], "batch": batch}

    def iterate(self, policy: dict[str, str]) -> tuple[dict[str, str], dict[str, float], list[Any]]:
        """One iteration; every sample has all its tokens and is trained on them, however it ends."""
        setup, number = self.setup, self.iteration
        self.iteration += 1
        sizes = {"queries": setup.queries, "group": setup.group, "min_new": setup.new - 1, "max_new": setup.new}
        more = {"temperature": 1.0, "chunk": setup.queries * setup.group, "micro_batch": setup.micro_batch}
        self.offline.run(
            "rollout", f"r{number % 2}", {"policy": policy, "data": self.data, **sizes, **more}, setup.seed + number
        )
        folder = self.offline.folder / f"r{number % 2}" / "outputs" / "rollouts"
        batch = reward_all(folder)
        given = {
            "policy": policy,
            "rollouts": self.offline.artifact(folder, "rollouts", f"rollouts {number}"),
            "data": self.data,
        }
        chosen = {"lr": setup.lr, "auxiliary_weight": 0.0, "micro_batch": setup.micro_batch}
        figures = self.offline.run("update", f"u{number % 2}", {**given, **chosen}, setup.seed)
        made = self.offline.folder / f"u{number % 2}" / "outputs" / "model"
        return self.offline.artifact(made, "model", f"policy {number}"), figures, batch


def reward_all(folder: Path) -> list[Any]:
    """Writes the rewards, and that all samples are whole; returns prompts and completions."""
    tensors = load_file(folder / "rollouts.safetensors")
    tensors["loss_mask"] = torch.ones_like(tensors["loss_mask"])
    tensors["valid"] = torch.ones_like(tensors["valid"])
    save_file(tensors, folder / "rollouts.safetensors")
    ragged = {
        name: [part.tolist() for part in tensors[f"{name}_ids"].tensor_split(tensors[f"{name}_offsets"][1:-1].long())]
        for name in ("prompt", "completion")
    }
    found = [reward(completion) for completion in ragged["completion"]]
    known = {"rank": 1, "format": 1.0, "length": 0.0, "overlong": False, "kept": True}
    lines = [json.dumps({**known, "reward": value, "score": value}) + "\n" for value in found]
    (folder / "rewards.jsonl").write_text("".join(lines))
    return [ragged["prompt"], ragged["completion"]]


def examples(setup: Setup) -> list[tuple[list[int], list[int]]]:
    """Prompt and answer of every supervised query, as train.sft tokenises them."""
    text, dataset = text_and_data(setup)
    ends = [text.contract.embed_id, text.contract.end_id]
    queries = [query for query in dataset.split("sft") if query in dataset.reasoning]
    prompts = text.prompts([dataset.queries[query] for query in queries])
    answers = text.reasoning([dataset.reasoning[query] for query in queries])
    return [(prompt, [*answer, *ends]) for prompt, answer in zip(prompts, answers, strict=True)]


def text_and_data(setup: Setup) -> tuple[Any, datasets.Dataset]:
    """The tokenizer with its contract, and the dataset."""
    job = Job("", "", {}, 0, Path(), None, None, None, TimedEvents(), StopRequest(), Cache(1 << 30))
    dataset = datasets.load(job, Artifact(setup.data, "data", "dataset"))
    return language_model.text_encoder(job, setup.model), dataset
