"""What jobs that have ended leave in memory: nothing, at once, whether or not Python collects cycles meanwhile."""

from __future__ import annotations

import gc
import json
import shutil
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Bench
from pawl_trainer import language_model, sampled, serve, sft
from pawl_trainer.cache import Cache
from pawl_trainer.job import Job


@pytest.fixture(autouse=True)
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def noted(monkeypatch: pytest.MonkeyPatch, of: Any, name: str) -> list[weakref.ref[Any]]:
    """References to what a function returns from now on."""
    made: list[weakref.ref[Any]] = []
    function = getattr(of, name)

    def noting(*given: Any, **named: Any) -> Any:
        found = function(*given, **named)
        made.append(weakref.ref(found))
        return found

    monkeypatch.setattr(of, name, noting)
    return made


def test_a_job_that_was_stopped_is_gone_before_the_next(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    trainers = noted(monkeypatch, sft, "prepare")
    boundary = Job.boundary

    def stopping(self: Job, step: int, *given: Any, **named: Any) -> None:
        if step == 1:
            self.stop.ask(with_checkpoint=True)
        boundary(self, step, *given, **named)

    monkeypatch.setattr(Job, "boundary", stopping)
    server = serve.Server(bench.events)
    server.cache = Cache(0)
    inputs = {"model": bench.model, "data": bench.dataset, "steps": 4, "batch": 4, "self_from": 1.0}
    line = {"type": "run", "id": "one", "op": "sft", "inputs": inputs, "seed": 1, "workDir": str(bench.folder / "one")}
    failure = serve.serve(server, {**line, "checkpoint": {"everySteps": None, "everyMs": None}, "resume": None})
    assert failure is not None and failure.failure_class == "preempted"
    assert [trainer() for trainer in trainers] == [None]


def test_samples_are_gone_with_their_model(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    drawings = noted(monkeypatch, sampled.Sampled, "opened")
    models = noted(monkeypatch, language_model, "load")
    texts = bench.folder / "texts.jsonl"
    texts.write_text("".join(json.dumps({"_id": str(number), "text": "find apple"}) + "\n" for number in range(4)))
    bench.cache = Cache(0)
    inputs = {"model": bench.model, "texts": str(texts), "mode": "greedy", "out": "o.f32", "samples_out": "s.jsonl"}
    bench.run("reason", "reason", inputs)
    assert [kept() for kept in (*drawings, *models)] == [None, None]


def test_a_model_in_memory_is_saved_from_where_it_is_now(bench: Bench, tmp_path: Path) -> None:
    """Between clicks a loop holds artifacts in folders that go when they are stored; what was read there stays in memory."""
    held, stored, out = tmp_path / "held", tmp_path / "stored", tmp_path / "out"
    for folder in (held, stored):
        shutil.copytree(bench.model["path"], folder)
    first, second = (
        bench.job("x", f"read-{folder.name}", {"policy": {"path": str(folder), "identity": "k/model", "type": "model"}})
        for folder in (held, stored)
    )
    language_model.load(first, first.artifact("policy"))
    shutil.rmtree(held)
    model = language_model.load(second, second.artifact("policy"))
    assert model.network is language_model.load(second, second.artifact("policy")).network, "read once"
    out.mkdir()
    language_model.save(model, out)
    assert (out / "tokenizer.json").read_bytes() == (stored / "tokenizer.json").read_bytes()
