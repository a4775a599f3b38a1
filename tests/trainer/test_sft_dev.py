"""Evaluation while stage 1 trains: its figures, the best model, and the early end."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Bench, weights
from pawl_trainer import dataset, language_model, sft_dev
from pawl_trainer.job import Artifact
from pawl_trainer.sft_state import Settings
from safetensors.torch import load_file

SETTINGS = {"steps": 6, "batch": 8, "warmup": 2, "lr": 0.003, "self_from": 1.0, "eval_split": "rl"}


def inputs(bench: Bench, **change: Any) -> dict[str, Any]:
    return {"model": bench.model, "data": bench.dataset, **SETTINGS, **change}


def scripted(monkeypatch: pytest.MonkeyPatch, values: list[float]) -> None:
    """Makes the evaluations give these values, one after the other."""
    left = iter(values)
    monkeypatch.setattr(sft_dev, "evaluate", lambda trainer, dev: {"dev_ndcg_at_10": next(left), "dev_accuracy": 0.0})


def seen(bench: Bench) -> dict[int, float]:
    """The evaluations by step, as they were reported."""
    points = {event["step"]: event["values"] for event in bench.events.sent if event["type"] == "metrics"}
    return {step: values["dev_ndcg_at_10"] for step, values in points.items() if "dev_ndcg_at_10" in values}


def test_evaluations_change_nothing_of_what_is_trained(bench: Bench) -> None:
    bench.run("sft", "without", inputs(bench))
    bench.events.sent.clear()
    metrics = bench.run("sft", "with", inputs(bench, eval_every=4, eval_mode="greedy"))
    assert sorted(seen(bench)) == [4, 6], "every so many steps, and after the last"
    assert metrics["dev_ndcg_at_10"] == seen(bench)[6]
    trained = [weights(bench.folder / work / "outputs" / "model") for work in ("without", "with")]
    assert trained[0] == trained[1]


def test_figures_are_those_of_a_ranking_of_the_whole_corpus(bench: Bench, tmp_path: Path) -> None:
    data = tmp_path / "graded"
    shutil.copytree(bench.dataset["path"], data)
    twin = json.loads((data / "corpus.jsonl").read_text().splitlines()[16])  # d16, relevant to q16 of the split
    with (data / "corpus.jsonl").open("a") as corpus:
        corpus.write(json.dumps({**twin, "_id": "twin"}) + "\n")
    with (data / "qrels.jsonl").open("a") as judged:
        judged.write('{"query": "q17", "document": "d03", "grade": 3}\n{"query": "q18", "document": "d04", "grade": 0}\n')
    bench.dataset = {"path": str(data), "identity": "graded", "type": "dataset"}
    assert dev(bench).ignored == [[24], [], [], []], "the copy of an answer that nobody judged"
    metrics = bench.run("sft", "sft", inputs(bench, steps=2, eval_every=2))
    model = language_model.load(
        bench.job("sft", "read", {}), Artifact(bench.folder / "sft" / "outputs" / "model", "trained", "model")
    )
    texts = {row["_id"]: row["text"] for row in map(json.loads, (data / "corpus.jsonl").read_text().splitlines())}
    ids = sorted(texts)
    asked = {
        f"q{number}": row["text"]
        for number, row in enumerate(map(json.loads, (data / "queries.jsonl").read_text().splitlines()))
    }
    with torch.inference_mode():
        documents = model.embed(model.text.plain("document", [texts[name] for name in ids]), 8)
        queries = model.embed(model.text.plain("query", [asked[f"q{number}"] for number in (16, 17, 18, 19)]), 8)
    grades = [{"d16": 1}, {"d17": 1, "d03": 3}, {"d18": 1}, {"d19": 1}]
    total, first = 0.0, 0
    for vector, relevant in zip(queries, grades, strict=True):
        hidden = {"twin"} if "d16" in relevant else set()
        order = sorted(
            (name for name in ids if name not in hidden), key=lambda name: -float(documents[ids.index(name)] @ vector)
        )
        gain = sum(relevant.get(name, 0) / torch.log2(torch.tensor(2.0 + place)) for place, name in enumerate(order[:10]))
        ideal = sum(
            grade / torch.log2(torch.tensor(2.0 + place)) for place, grade in enumerate(sorted(relevant.values())[::-1])
        )
        total += float(gain / ideal)
        first += order[0] in relevant
    assert metrics["dev_ndcg_at_10"] == pytest.approx(total / 4, abs=1e-6)
    assert metrics["dev_accuracy"] == first / 4


def dev(bench: Bench, **change: Any) -> sft_dev.Dev:
    """What is evaluated under these inputs."""
    job = bench.prepared("sft", "sft", inputs(bench, **change))
    text = language_model.load(job, job.artifact("model")).text
    return sft_dev.material(text, dataset.load(job, job.artifact("data")), job.settings(Settings))


def test_the_judged_corpus_and_a_part_of_the_queries(bench: Bench) -> None:
    assert [len(dev(bench, eval_corpus=corpus).documents) for corpus in ("all", "judged")] == [24, 4]
    assert [len(dev(bench, eval_queries=queries).queries) for queries in (0, 2)] == [4, 2]


def test_the_best_model_comes_out_with_its_optimizer(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, [0.2, 0.5, 0.4])
    metrics = bench.run("sft", "sft", inputs(bench, eval_every=2, output="best"), every_steps=1)
    assert (metrics["best_step"], metrics["dev_ndcg_at_10"], metrics["steps"]) == (4, 0.5, 6)
    outputs, checkpoint = bench.folder / "sft" / "outputs", bench.folder / "sft" / "checkpoints" / "4"
    kept, trained = load_file(checkpoint / "weights.safetensors"), load_file(outputs / "model" / "model.safetensors")
    assert all(torch.equal(kept[name], trained[name]) for name in kept if name in trained)
    assert sum(name in trained for name in kept) > 5
    for name in ("optimizer.safetensors", "state.json"):
        assert (outputs / "state" / name).read_bytes() == (checkpoint / "optimizer" / name).read_bytes()


def test_it_ends_when_evaluations_get_no_better(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, [0.2, 0.5, 0.5, 0.3, 0.9])
    metrics = bench.run("sft", "sft", inputs(bench, eval_every=1, patience=2), every_steps=1)
    assert (metrics["steps"], metrics["best_step"], metrics["dev_ndcg_at_10"]) == (4, 2, 0.3)
    assert sorted(path.name for path in (bench.folder / "sft" / "checkpoints").iterdir()) == ["1", "2", "3"]


def test_an_early_end_is_the_same_after_a_resume(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    given = inputs(bench, eval_every=1, patience=2, output="best")
    scripted(monkeypatch, [0.2, 0.5, 0.5, 0.3, 0.9])
    straight = bench.run("sft", "straight", given, every_steps=1)
    scripted(monkeypatch, [0.3, 0.9])
    assert bench.run("sft", "again", given, resume=bench.folder / "straight" / "checkpoints" / "3") == straight
    assert weights(bench.folder / "again" / "outputs" / "model") == weights(bench.folder / "straight" / "outputs" / "model")
