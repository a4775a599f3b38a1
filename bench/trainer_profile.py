"""Where the time of the trainer goes on the settings of the quickstart.

    OMP_NUM_THREADS=2 PYTHONPATH=trainer .pawl/python/bin/python bench/trainer_profile.py

Runs the operations of train.sft, rl.rollout, index.refresh (what of it is the trainer's: encoding 5 % of the corpus) and
rl.update as a worker does, files and memory of the process included, with a clock around the functions of TIMED. The seconds
of a function are its own: what it calls that is timed, too, counts there. So the shares of an operation add up to 1. On an
accelerator the clock waits for the device at every change, which makes the whole a little slower. Prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pawl_side import Offline
from pawl_trainer import dataset as datasets
from pawl_trainer import jsonl, language_model, operations
from pawl_trainer.job import Artifact
from plain_loop import Index, rewards_of
from safetensors.torch import load_file

REST = "everything else"
FILES = "model, optimizer and rollout files"
BATCH = "batches: drawing, padding, masks"
# Where a name is looked up -> part. What is imported by name is timed where it was imported to.
TIMED = {
    "sft.sample": "sampling: the loop itself",
    "generation.sample": "sampling: the loop itself",
    "generation.seeds.uniforms": "sampling: uniforms",
    "sampling.prefill": "sampling: prompts",
    "sampling.next_logits": "sampling: network",
    "sampling.distribution": "sampling: distribution and draw",
    "sampling.draw": "sampling: distribution and draw",
    "sampling.completion_of": "sampling: completions as lists",
    "batching.states_of": "forward: layers",
    "batching.pad": BATCH,
    "batching.buckets": BATCH,
    "batching.Passes.states": BATCH,
    "batching.Passes.together": BATCH,
    "sft.step_batch": BATCH,
    "sft.step_losses": "losses",
    "sft_losses.in_parts": "forward: head",
    "likelihood.in_parts": "forward: head",
    "update_policy.score": BATCH,
    "rollout.score": BATCH,
    "update_policy.Policy.units": BATCH,
    "update_auxiliary.Auxiliary.loss": "losses",
    "update_policy.Policy.add_gradient": "losses",
    "update_state.Progress.collect_gradient": "gradient norms",
    "update_state.Progress.join_gradients": "gradient norms",
    "optimizer.take_step": "optimizer",
    "sft.save_all": "checkpoints",
    "job.checkpoint.complete": "checkpoints",
    "job.Behind.finish": "checkpoints",
    "language_model.LanguageModel.for_training": "copy of the weights for training",
    "language_model.read_folder": FILES,
    "language_model.save": FILES,
    "language_model.text_encoder": "tokenizer",
    "language_model.TextEncoder.prompts": "tokenizer",
    "language_model.TextEncoder.plain": "tokenizer",
    "language_model.TextEncoder.text": "tokenizer",
    "sft.tokenise": "tokenizer",
    "optimizer.save": FILES,
    "optimizer.restore": FILES,
    "rollout.save_file": FILES,
    "rollout.tensors_of": FILES,
    "rollout.write_rows": FILES,
    "update.read_rollouts": FILES,
    "encode.jsonl.read_rows": FILES,
    "rollout.figures_of": "figures",
    "rollout.defects_of": "figures",
    "update.figures_of": "figures",
}


class Clock:
    """Seconds by part; those of a part inside another are not the other's."""

    def __init__(self, read: Callable[[], float]) -> None:
        self.seconds: dict[str, float] = {}
        self._read = read
        self._open: list[str] = []
        self._since = 0.0

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Adds the seconds of the block."""
        self._settle()
        self._open.append(name)
        try:
            yield
        finally:
            self._settle()
            self._open.pop()

    def _settle(self) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        now = self._read()
        if self._open:
            self.seconds[self._open[-1]] = self.seconds.get(self._open[-1], 0.0) + now - self._since
        self._since = now

    def around(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        """The function, timed where a part is open: not in the thread that writes a checkpoint."""

        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            if not self._open:
                return function(*args, **kwargs)
            with self.part(name):
                return function(*args, **kwargs)

        return timed


@contextmanager
def watched(clock: Clock) -> Iterator[None]:
    """A block in which the functions of TIMED, and backward passes, are timed."""
    kept: list[tuple[Any, str, Any]] = []

    def watch(owner: Any, name: str, part: str) -> None:
        kept.append((owner, name, getattr(owner, name)))
        setattr(owner, name, clock.around(getattr(owner, name), part))

    for path, part in TIMED.items():
        module, *way, name = path.split(".")
        owner = functools.reduce(getattr, way, importlib.import_module(f"pawl_trainer.{module}"))
        watch(owner, name, part)
    watch(torch.Tensor, "backward", "backward")
    try:
        yield
    finally:
        for owner, name, function in reversed(kept):
            setattr(owner, name, function)


@dataclass(frozen=True)
class Setup:
    """What is run: sizes of pipelines/quickstart.yaml unless told otherwise."""

    preset: str = "tiny"
    functions: int = 0
    taught: int = 48  # steps of stage 1 before what is measured
    steps: int = 24
    batch: int = 96
    pairs: int = 256
    checkpoint: int = 20  # steps
    queries: int = 32
    group: int = 8
    replay: int = 64
    iterations: int = 4  # of stage 2; the first is not counted


class Bench:
    """The inputs, made once, and the operations on them."""

    def __init__(self, setup: Setup, folder: Path, read: Callable[[], float]) -> None:
        self.setup, self.offline, self.read = setup, Offline(folder), read
        self.data = self._made("code_search_data", "corpus", "dataset", {"source": "python-stdlib", "limit": setup.functions})
        base = self._made("model_init", "base", "model", {"data": self.data, "preset": setup.preset})
        self.model = self._made("sft", "taught", "model", self._sft(base, setup.taught, 1.0))
        self._loaded()  # with the first model come libraries that take seconds

    def _made(self, op: str, name: str, output: str, inputs: dict[str, Any]) -> dict[str, str]:
        path = self.offline.folder / name / "outputs" / output
        if not path.exists():
            self.offline.run(op, name, inputs)
        return self.offline.artifact(path, output)

    def _sft(self, model: dict[str, str], steps: int, self_from: float) -> dict[str, Any]:
        sizes = {"steps": steps, "batch": self.setup.batch, "pairs": self.setup.pairs}
        return {"model": model, "data": self.data, **sizes, "self_from": self_from}

    def measured(self, op: str, name: str, inputs: dict[str, Any], every: int | None = None) -> dict[str, float]:
        """Runs an operation; returns its seconds by part."""
        operations.find(op)  # loading its module is no part of it
        clock = Clock(self.read)
        with watched(clock), clock.part(REST):
            self.offline.run(op, name, inputs, every=every)
        return clock.seconds

    def sft(self) -> list[dict[str, float]]:
        """Stage 1 with own samples from the first step on, so as its later part is."""
        inputs = self._sft(self.model, self.setup.steps, 0.0)
        return [self.measured("sft", "sft", inputs, self.setup.checkpoint)]

    def loop(self) -> list[tuple[str, dict[str, float]]]:
        """Iterations of stage 2 but the first: each reads what the one before wrote."""
        policy, state, found = self.model, {}, []
        index = self._index()
        for number in range(self.setup.iterations):
            seconds, policy, state = self._iterate(policy, state, index, number)
            found += [] if number == 0 else [*seconds.items()]
        return found

    def _iterate(
        self, policy: dict[str, str], state: dict[str, Any], index: Index, number: int
    ) -> tuple[dict[str, dict[str, float]], dict[str, str], dict[str, Any]]:
        setup, offline, place = self.setup, self.offline, number % 2
        sizes = {"queries": setup.queries, "group": setup.group, "replay": setup.replay}
        inputs = {"policy": policy, "data": self.data, "iteration": number, **sizes}
        seconds = {"rl.rollout": self.measured("rollout", f"r{place}", inputs)}
        folder = offline.folder / f"r{place}" / "outputs" / "rollouts"
        rows = self._reward(folder, index, number)
        (offline.folder / "rows.json").write_text(json.dumps(rows))
        corpus = str(Path(self.data["path"]) / "corpus.jsonl")
        asked = {"texts": corpus, "rows": str(offline.folder / "rows.json"), "role": "document", "out": "vectors.f32"}
        seconds["index.refresh"] = self.measured("encode", "refresh", {"model": policy, **asked})
        rollouts = offline.artifact(folder, "rollouts", f"rollouts {number}")
        given = {"policy": policy, "rollouts": rollouts, "data": self.data, "lr": 1e-4, **state}
        seconds["rl.update"] = self.measured("update", f"u{place}", given)
        outputs = offline.folder / f"u{place}" / "outputs"
        after = {"state": offline.artifact(outputs / "state", "trainer-state", f"state {number}")}
        return seconds, offline.artifact(outputs / "model", "model", f"policy {number}"), after

    def _loaded(self) -> language_model.LanguageModel:
        job = self.offline.job("loaded", "encode", {}, 0)
        return language_model.load(job, Artifact(Path(self.model["path"]), self.model["identity"], "model"))

    def _index(self) -> Index:
        """The corpus as the taught model embeds it, in memory; it stands in for the index."""
        job = self.offline.job("index", "encode", {}, 0)
        model = self._loaded()
        dataset = datasets.load(job, Artifact(Path(self.data["path"]), self.data["identity"], "dataset"))
        return Index(model, dataset, 0.05)

    def _reward(self, folder: Path, index: Index, number: int) -> list[int]:
        """Writes the rewards by rank; returns the rows that a refresh would encode again."""
        asked = [row for row in jsonl.read(folder / "queries.jsonl", {}) if row["role"] == "sample"]
        positives = [[index.row_of[gold] for gold in row["positives"]] for row in asked for _ in range(self.setup.group)]
        tensors = load_file(folder / "rollouts.safetensors")
        embeddings, valid = tensors["embedding"].numpy()[: len(positives)], tensors["valid"].bool().tolist()
        rewards = rewards_of(index, embeddings, positives, valid)
        known = {"rank": 1, "format": 1.0, "length": 0.0, "overlong": False, "kept": True}
        jsonl.write(folder / "rewards.jsonl", ({**known, "reward": float(value), "score": float(value)} for value in rewards))
        golds = [row for wanted in positives for row in wanted]
        return [int(row) for row in index.neighbourhood(embeddings, golds, np.random.default_rng(number))]


def medians(runs: list[dict[str, float]]) -> dict[str, float]:
    """The median seconds of each part, largest first."""
    names = {name for run in runs for name in run}
    found = {name: float(np.median([run.get(name, 0.0) for run in runs])) for name in names}
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def table(kinds: dict[str, dict[str, float]]) -> str:
    """The shares of each kind in percent, as Markdown; parts below half a percent everywhere are left out."""
    shares = {kind: {name: 100 * value / sum(parts.values()) for name, value in parts.items()} for kind, parts in kinds.items()}
    names = sorted({name for parts in shares.values() for name in parts}, key=lambda name: (name == REST, name))
    lines = [f"| % of | {' | '.join(shares)} |", f"|---|{'---|' * len(shares)}"]
    for name in names:
        row = [parts.get(name, 0.0) for parts in shares.values()]
        if max(row) >= 0.5:
            lines.append(f"| {name} | {' | '.join(f'{value:.1f}' if value >= 0.05 else '' for value in row)} |")
    lines.append(f"| seconds | {' | '.join(f'{sum(parts.values()):.2f}' for parts in kinds.values())} |")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Prints where the time goes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in vars(Setup()).items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    parser.add_argument("--clock", choices=["wall", "processor"], default="wall", help="processor: of all threads")
    parser.add_argument("--only", choices=["sft", "loop"])
    parser.add_argument("--folder", type=Path, help="keep what is made there, and use what is there already")
    given = parser.parse_args(arguments)
    setup = Setup(**{name: getattr(given, name) for name in vars(Setup())})
    read = time.perf_counter if given.clock == "wall" else time.process_time
    with tempfile.TemporaryDirectory() as own:
        bench = Bench(setup, given.folder or Path(own), read)
        runs: dict[str, list[dict[str, float]]] = {}
        if given.only != "loop":
            runs["train.sft"] = bench.sft()
        if given.only != "sft":
            for kind, seconds in bench.loop():
                runs.setdefault(kind, []).append(seconds)
    sys.stdout.write(f"{table({kind: medians(found) for kind, found in runs.items()})}\n")
    return 0


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # as a worker has it
    sys.exit(main(sys.argv[1:]))
