"""Interrupted = uninterrupted, to the bit: every operation that may run long, cut behind each of its checkpoints."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Bench
from pawl_trainer import encode
from pawl_trainer.cache import Cache
from pawl_trainer.job import Stopped, StopRequest
from safetensors.torch import load_file, save_file

Case = tuple[str, Callable[[Bench], dict[str, Any]]]


def sft(bench: Bench) -> dict[str, Any]:
    settings = {"steps": 7, "batch": 8, "micro_batch": 8, "pairs": 4, "warmup": 2, "lr": 0.003, "kl_weight": 0.1}
    more = {
        "grad_cache": True,
        "schedules": {"temperature": {"from": 0.1}},
        "eval_every": 2,
        "eval_split": "rl",
        "output": "best",
    }
    return {"model": bench.model, "data": bench.dataset, "hard_from": 0.5, "self_from": 0.3, **settings, **more}


def rollout(bench: Bench) -> dict[str, Any]:
    sampling = {"split": "rl", "queries": 3, "group": 4, "min_new": 2, "temperature": 1.0}
    return {"policy": bench.model, "data": bench.dataset, "replay": 5, "chunk": 5, "micro_batch": 6, **sampling}


def update(bench: Bench) -> dict[str, Any]:
    given = {"policy": bench.model, "data": bench.dataset, "reference": bench.model, "beta": 0.1, "micro_batch": 3}
    return {**given, "rollouts": bench.output("r", "rollouts", "rollouts")}


def encoding(bench: Bench) -> dict[str, Any]:
    texts = str(Path(bench.dataset["path"]) / "corpus.jsonl")
    return {"model": bench.model, "texts": texts, "role": "document", "out": "outputs/vectors.f32", "batch": 4}


def reasoning(bench: Bench) -> dict[str, Any]:
    texts = str(Path(bench.dataset["path"]) / "queries.jsonl")
    given = {"model": bench.model, "texts": texts, "mode": "sampled", "samples": 2, "batch": 16}
    return {**given, "out": "outputs/vectors.f32", "samples_out": "outputs/samples.jsonl"}


def several_updates(bench: Bench) -> dict[str, Any]:
    """Several optimizer steps, the KL in the reward, and an auxiliary loss in two passes."""
    change = {"epochs": 2, "mini_batch": 2, "kl": "k1", "kl_in": "reward", "auxiliary_grad_cache": True, "micro_batch": 8}
    return {**update(bench), **change}


CASES: list[Case] = [
    ("sft", sft),
    ("rollout", rollout),
    ("update", update),
    ("update", several_updates),
    ("encode", encoding),
    ("reason", reasoning),
]
every = pytest.mark.parametrize(("op", "given"), CASES, ids=[given.__name__ for _, given in CASES])


@pytest.fixture(scope="module")
def ready(made: Bench, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Rollouts with rewards, and blocks so small that an encoding has several."""
    bench = Bench(tmp_path_factory.mktemp("ready"), dataset=made.dataset, model=made.model)
    bench.run("rollout", "r", rollout(bench))
    folder = bench.folder / "r" / "outputs" / "rollouts"
    samples = json.loads((folder / "manifest.json").read_text())["samples"]
    rewards = [{"rank": 1, "reward": (7 * number % 5) / 5} for number in range(samples)]
    (folder / "rewards.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rewards))
    make_valid(folder / "rollouts.safetensors")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encode, "BLOCK", 10)
        yield bench


def make_valid(path: Path) -> None:
    """Makes every sample count as valid, so that an untrained model gives the update something to do."""
    tensors = load_file(path)
    ones = {name: torch.ones_like(tensors[name]) for name in ("valid", "loss_mask")}
    save_file({**tensors, **ones}, path)


def digests(work: Path) -> dict[str, str]:
    """What an operation left, by file."""
    folder = work / "outputs"
    found = {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    assert found
    return found


def cold(bench: Bench) -> Bench:
    """As another process would begin: nothing in memory."""
    return Bench(bench.folder, Cache(0), dataset=bench.dataset, model=bench.model)


@every
def test_resumed_behind_any_checkpoint_is_straight(ready: Bench, op: str, given: Callable[[Bench], dict[str, Any]]) -> None:
    plain = ready.run(op, f"{given.__name__}-plain", given(ready))
    metrics = ready.run(op, f"{given.__name__}-straight", given(ready), every_steps=1)
    straight = ready.folder / f"{given.__name__}-straight"
    assert (metrics, digests(straight)) == (plain, digests(ready.folder / f"{given.__name__}-plain")), (
        "checkpoints change nothing"
    )
    cuts = sorted((straight / "checkpoints").iterdir(), key=lambda path: int(path.name))
    assert len(cuts) >= 4
    for cut in cuts:
        again = cold(ready)
        assert again.run(op, f"{given.__name__}-again", given(ready), resume=cut) == metrics, f"cut at {cut.name}"
        assert digests(ready.folder / f"{given.__name__}-again") == digests(straight), f"cut at {cut.name}"
        assert not [event for event in again.events.sent if event["type"] == "diverged"], f"cut at {cut.name}"
        shutil.rmtree(ready.folder / f"{given.__name__}-again")


@every
def test_stopped_at_every_step_it_still_comes_to_the_same_end(
    ready: Bench, op: str, given: Callable[[Bench], dict[str, Any]]
) -> None:
    """Each attempt is stopped at its first boundary, so that it gains one step; the next goes on in another process."""
    straight = ready.run(op, f"{given.__name__}-whole", given(ready))
    resume: Path | None = None
    for attempt in range(40):
        stop = StopRequest()
        stop.ask(with_checkpoint=True)
        work = f"{given.__name__}-{attempt}"
        try:
            metrics = cold(ready).run(op, work, given(ready), resume=resume, stop=stop)
            break
        except Stopped as stopped:
            resume = ready.folder / work / "checkpoints" / str(stopped.details["step"])
            assert stopped.details["step"] == attempt + 1
    assert attempt >= 4
    assert metrics == straight
    assert digests(ready.folder / work) == digests(ready.folder / f"{given.__name__}-whole")


@every
def test_a_checkpoint_holds_tensors_and_json_only(ready: Bench, op: str, given: Callable[[Bench], dict[str, Any]]) -> None:
    ready.run(op, f"{given.__name__}-files", given(ready), every_steps=1)
    files = [path for path in (ready.folder / f"{given.__name__}-files" / "checkpoints").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".safetensors", ".json", ".f32"}
