"""Pawl's trainer or TRL's trainers on one model and the same batches, in turns: each line of the input is a task.

Tasks: {"task": "sft" | "grpo", "steps": n} answers seconds by step, the first left out, and the tokens of a step.
{"task": "first_grpo"} on Pawl's side answers loss and gradient norm of its first batch, and the batch; given back to TRL's
side with that batch, the same of TRL. Both sides of `sft` answer loss and gradient norm of their first batch.
`--prepare` makes model and data instead: the quickstart's model, and as many queries as the batches have.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Setup:
    """Both sides are given the same."""

    model: Path
    data: Path
    batch: int  # examples a step of sft
    queries: int  # queries a step of grpo
    group: int  # samples a query
    new: int  # tokens a sample; it ends there, whatever it says
    micro_batch: int
    lr: float = 1e-4
    seed: int = 1


def reward(completion: list[int]) -> float:
    """A reward that both sides can compute from token ids alone, and that differs within a group."""
    return float(sum(completion[:4]) % 2)


def prepare(setup: Setup, preset: str) -> None:
    """Makes the model and a dataset of `batch` supervised and `queries` rewarded queries from Python's standard library."""
    import tempfile

    from pawl_side import Offline

    with tempfile.TemporaryDirectory() as work:
        offline = Offline(Path(work))
        offline.run("code_search_data", "data", {"source": "python-stdlib"})
        whole = Path(work) / "data" / "outputs" / "dataset"
        offline.run("model_init", "init", {"data": offline.artifact(whole, "dataset"), "preset": preset})
        setup.model.parent.mkdir(parents=True, exist_ok=True)
        (Path(work) / "init" / "outputs" / "model").rename(setup.model)
        cut(whole, setup)


def cut(whole: Path, setup: Setup) -> None:
    """The first queries of a dataset that fill one batch of each kind, with what belongs to them."""
    rows = {name: read(whole / f"{name}.jsonl") for name in ("corpus", "queries", "qrels", "reasoning", "pairs")}
    taught = {row["query"] for row in rows["reasoning"]}
    sft = [row for row in rows["queries"] if row["split"] == "sft" and row["_id"] in taught][: setup.batch]
    rl = [row for row in rows["queries"] if row["split"] == "rl"][: setup.queries]
    kept = {row["_id"] for row in [*sft, *rl]}
    judged = [row for row in rows["qrels"] if row["query"] in kept]
    documents = {row["document"] for row in judged}
    parts = {
        "corpus": [row for row in rows["corpus"] if row["_id"] in documents],
        "queries": [*sft, *rl],
        "qrels": judged,
        "reasoning": [row for row in rows["reasoning"] if row["query"] in kept],
        "pairs": [],
    }
    setup.data.mkdir(parents=True)
    for name, part in parts.items():
        (setup.data / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in part))


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSONL file; none when there is no file."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def main() -> None:
    """Serves one side until its input ends."""
    sys.path.insert(0, str(Path(__file__).parent))
    parser = argparse.ArgumentParser()
    parser.add_argument("--side", choices=["pawl", "trl"], default="pawl")
    parser.add_argument("--prepare", metavar="PRESET")
    for name in ("model", "data"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("batch", "queries", "group", "new", "micro-batch"):
        parser.add_argument(f"--{name}", type=int, required=True)
    options = parser.parse_args()
    setup = Setup(options.model, options.data, options.batch, options.queries, options.group, options.new, options.micro_batch)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # a library may print
    if options.prepare is not None:
        prepare(setup, options.prepare)
        return
    side = importlib.import_module(f"{options.side}_side").Side(setup)
    for line in sys.stdin:
        task = json.loads(line)
        answers.write(json.dumps(getattr(side, task.pop("task"))(**task)) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
