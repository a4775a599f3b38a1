"""The control of the loop benchmark: the mathematics of stage 2 in one plain Python process, everything in memory.

It calls the trainer's own functions for sampling, scoring and gradients, and does with NumPy what retrieval/ does in
TypeScript: the documents to re-encode, ranks and rewards. Nothing is written, hashed, loaded or scheduled; what that would
cost is measured apart, on the model at the end. Does as many iterations as each line of its input says, so that it can take
turns with what it is compared with, and prints one JSON line each time: seconds by part of every iteration. At the end of its
input it prints the seconds to serialise, hash and load.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pawl_trainer import dataset as datasets
from pawl_trainer import language_model, optimizer, rollout, update
from pawl_trainer.cache import Cache
from pawl_trainer.job import Artifact, Job, StopRequest
from pawl_trainer.likelihood import score
from pawl_trainer.protocol import Events
from pawl_trainer.sampled import Drawing
from pawl_trainer.sampling import Sampling
from pawl_trainer.update_auxiliary import auxiliary_of
from pawl_trainer.update_policy import Policy
from pawl_trainer.update_rollouts import Rollouts
from pawl_trainer.update_settings import Settings
from pawl_trainer.update_state import Progress

TIE = 1e-6


class Clock:
    """Seconds by part of the work."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started


class Index:
    """Embeddings of the corpus in memory, and which row is which document."""

    def __init__(self, model: language_model.LanguageModel, dataset: datasets.Dataset, fraction: float) -> None:
        self.texts = list(dataset.corpus.values())
        self.row_of = {document: row for row, document in enumerate(dataset.corpus)}
        self.budget = max(1, int(len(self.texts) * fraction))
        self.vectors = np.zeros((len(self.texts), model.contract.dimension), dtype=np.float32)
        self.encode(model, list(range(len(self.texts))))

    def encode(self, model: language_model.LanguageModel, rows: list[int]) -> None:
        """Re-encodes these rows with the model."""
        with torch.inference_mode():
            sequences = model.text.plain("document", [self.texts[row] for row in rows])
            self.vectors[rows] = model.embed(sequences, 128).cpu().numpy()

    def neighbourhood(self, embeddings: np.ndarray, golds: list[int], chance: np.random.Generator) -> list[int]:
        """Golds, candidates of the rollouts, their neighbours, and a uniform probe, up to the budget."""
        candidates = top_rows(embeddings @ self.vectors.T, 5)
        seeds = list(dict.fromkeys([*golds, *candidates]))
        ring = top_rows(self.vectors[seeds] @ self.vectors.T, 10)
        probe = chance.choice(len(self.texts), size=self.budget // 5, replace=False).tolist()
        return list(dict.fromkeys([*probe, *seeds, *ring]))[: self.budget]


def top_rows(scores: np.ndarray, count: int) -> list[int]:
    """The rows with the highest scores of each line, after each other."""
    return np.argpartition(-scores, count, axis=1)[:, :count].flatten().tolist()


def rewards_of(index: Index, embeddings: np.ndarray, positives: list[list[int]], valid: list[bool]) -> np.ndarray:
    """1 / log2(1 + rank) of the best positive of each sample; 0 for a sample without an embedding."""
    scores = embeddings @ index.vectors.T
    rewards = np.zeros(len(embeddings), dtype=np.float32)
    for row, wanted in enumerate(positives):
        if not valid[row]:
            continue
        best = scores[row, wanted].max()
        above = ~(scores[row] < best - TIE)
        above[wanted] = False
        rewards[row] = 1.0 / np.log2(2.0 + above.sum())
    return rewards


def defaults(schemas: Path, kind: str, **changes: Any) -> dict[str, Any]:
    """The inputs of a step kind with their declared defaults."""
    declared = json.loads((schemas / "steps" / f"{kind}.json").read_text())["inputs"]
    return {name: item.get("default") for name, item in declared.items()} | changes


def iterate(job: Job, model: Any, adamw: Any, dataset: datasets.Dataset, index: Index, number: int, inputs: Any) -> Clock:
    """One iteration in place; returns where its time went."""
    clock = Clock()
    names = rollout.Settings.__dataclass_fields__
    sampled = rollout.Settings(**{name: inputs["rollout"][name] for name in names} | {"iteration": number})
    trained = Settings(**{name: inputs["update"][name] for name in Settings.__dataclass_fields__})
    sampling = Sampling(sampled.temperature, sampled.min_new, model.contract.max_tokens["reason"])
    with clock.part("sample"):
        queries = rollout.part_of_epoch(dataset.split("rl"), sampled.queries, number, "rollout")
        replayed = rollout.replayed_queries(dataset, sampled)
        rows = [rollout.Row(query, sample, "sample") for query in queries for sample in range(sampled.group)]
        rows += [rollout.Row(query, 0, "replay") for query in replayed]
        prompts = model.text.prompts([dataset.queries[row.query] for row in rows])
        keys: list[tuple[str | int, ...]] = [(row.role, row.query, row.sample) for row in rows]
        drawing = Drawing(job, model, prompts, keys, sampling, sampled.chunk, sampled.dtype)
        completions = [found for batch in range(drawing.batches) for found in drawing.batch(batch)]
        ids = [found.ids for found in completions]
    with clock.part("score"), torch.inference_mode():
        scored = score(model, prompts, ids, sampling, sampled.micro_batch)
        model.embed(model.text.plain("query", [dataset.queries[query] for query in queries]), sampled.micro_batch)
    samples = len(queries) * sampled.group
    embeddings = scored.embeddings[:samples].float().cpu().numpy()
    valid = [found.valid for found in completions]
    positives = [[index.row_of[document] for document in dataset.positives[row.query]] for row in rows[:samples]]
    with clock.part("refresh"):
        golds = [row for wanted in positives for row in wanted]
        index.encode(model, index.neighbourhood(embeddings, golds, np.random.default_rng(number)))
    with clock.part("reward"):
        rewards = rewards_of(index, embeddings, positives, valid)
    with clock.part("update"):
        lengths = [len(found) for found in ids]
        masks = [torch.full((length,), int(found)) for length, found in zip(lengths, valid, strict=True)]
        rollouts = Rollouts(
            sampling=sampling,
            iteration=number,
            samples=samples,
            prompts=prompts,
            completions=ids,
            old_logprobs=list(scored.logprobs.float().cpu().clone().split(lengths)),
            masks=masks,
            valid=valid,
            embeddings=scored.embeddings.float().cpu().clone(),
            rewards=torch.from_numpy(rewards).reshape(len(queries), sampled.group),
            queries=queries,
            replayed=replayed,
        )
        progress = Progress(job, model, adamw, prompts)
        policy = Policy.of(trained, rollouts, None, progress)
        update.optimise(policy, auxiliary_of(trained, progress, dataset, rollouts, None), number)
    return clock


def storage(model: Any, adamw: Any, text: Any) -> dict[str, float]:
    """Seconds to write, hash and load what one iteration leaves: the policy and its optimizer."""
    clock = Clock()
    with tempfile.TemporaryDirectory() as root:
        folders = [Path(root) / "model", Path(root) / "state"]
        for folder in folders:
            folder.mkdir()
        with clock.part("serialise"):
            language_model.save(model, folders[0])
            optimizer.save(adamw, model.network, folders[1], 1)
        with clock.part("hash"):
            for folder in folders:
                for path in folder.iterdir():
                    hashlib.sha256(path.read_bytes()).hexdigest()
        with clock.part("load"):
            loaded = language_model.read_folder(folders[0], text).for_training()
            optimizer.restore(optimizer.adamw(loaded.network, 1e-4, 0.0), loaded.network, folders[1])
    return clock.seconds


def main() -> None:
    """Runs the loop as asked and prints its times."""
    parser = argparse.ArgumentParser()
    for name in ("model", "data", "schemas"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    artifacts = {
        name: {"path": str(path), "identity": name, "type": kind}
        for name, path, kind in (("model", options.model, "model"), ("data", options.data, "dataset"))
    }
    with tempfile.TemporaryDirectory() as work:
        events = Events(os.open(os.devnull, os.O_WRONLY))
        job = Job("plain", "loop", artifacts, 1, Path(work), None, None, None, events, StopRequest(), Cache(1 << 30))
        model = language_model.load(job, Artifact(options.model, "model", "model")).for_training()
        dataset = datasets.load(job, job.artifact("data"))
        inputs = {
            "rollout": defaults(options.schemas, "rl.rollout", replay=64),
            "update": defaults(options.schemas, "rl.update"),
        }
        adamw = optimizer.adamw(model.network, inputs["update"]["lr"], inputs["update"]["weight_decay"])
        index = Index(model, dataset, 0.05)
        number = 0
        for line in sys.stdin:
            numbers = range(number, number + int(line))
            number = numbers.stop
            say([iterate(job, model, adamw, dataset, index, each, inputs).seconds for each in numbers])
        say(storage(model, adamw, model.text))


def say(value: Any) -> None:
    """Prints one line of JSON."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
