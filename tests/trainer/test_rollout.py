"""Rollouts: what is sampled does not depend on what it is sampled with, and a resumed job ends with the same bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Bench, read_jsonl
from pawl_trainer import schemas
from pawl_trainer.failures import Failure
from pawl_trainer.rollout import part_of_epoch
from safetensors.torch import load_file

SETTINGS = {
    "split": "rl",
    "queries": 3,
    "group": 4,
    "min_new": 2,
    "temperature": 1.0,
    "replay": 5,
    "chunk": 5,
    "micro_batch": 8,
}


def inputs(bench: Bench, **change: Any) -> dict[str, Any]:
    return {"policy": bench.model, "data": bench.dataset, **SETTINGS, **change}


def read(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "outputs" / "rollouts" / "rollouts.safetensors")


def test_the_artifact_holds_together(bench: Bench) -> None:
    metrics = bench.run("rollout", "r", inputs(bench))
    folder = bench.folder / "r" / "outputs" / "rollouts"
    manifest = json.loads((folder / "manifest.json").read_text())
    schemas.require("artifacts/rollouts", manifest, "manifest.json")
    tensors = read(bench.folder / "r")
    queries, samples = manifest["queries"], manifest["samples"]
    rows = samples + manifest["replay"]
    assert samples == queries * 4
    assert len(tensors["prompt_offsets"]) == len(tensors["completion_offsets"]) == rows + 1
    assert len(tensors["completion_ids"]) == tensors["completion_offsets"][-1] == len(tensors["loss_mask"])
    assert tensors["embedding"].shape == (rows, 64)
    assert tensors["plain_embedding"].shape == (queries, 64)
    assert torch.allclose(tensors["embedding"].norm(dim=1), torch.ones(rows), atol=1e-5)
    asked = read_jsonl(folder / "queries.jsonl")
    assert [row["role"] for row in asked] == ["sample"] * queries + ["replay"] * manifest["replay"]
    found = read_jsonl(folder / "samples.jsonl")
    assert [(row["query"], row["sample"]) for row in found] == [
        (row["query"], number) for row in asked if row["role"] == "sample" for number in range(4)
    ]
    assert [row["valid"] for row in found] == tensors["valid"][:samples].bool().tolist()
    assert metrics["valid_fraction"] + metrics["clipped_fraction"] <= 1


def test_only_completions_of_valid_rewarded_samples_are_trained(bench: Bench) -> None:
    bench.run("rollout", "r", inputs(bench))
    tensors = read(bench.folder / "r")
    samples = len(read_jsonl(bench.folder / "r" / "outputs" / "rollouts" / "samples.jsonl"))
    lengths = (tensors["completion_offsets"][1:] - tensors["completion_offsets"][:-1]).tolist()
    for row, part in enumerate(tensors["loss_mask"].split(lengths)):
        trained = bool(tensors["valid"][row]) and row < samples
        assert part.tolist() == [int(trained)] * len(part)


def test_scored_and_sampled_log_probabilities_agree(bench: Bench) -> None:
    bench.run("rollout", "r", inputs(bench))
    tensors = read(bench.folder / "r")
    assert torch.allclose(tensors["sampler_logprobs"], tensors["old_logprobs"], atol=1e-4)


def test_no_completion_ends_before_the_minimum(bench: Bench) -> None:
    bench.run("rollout", "r", inputs(bench, min_new=4))
    offsets = read(bench.folder / "r")["completion_offsets"]
    assert int((offsets[1:] - offsets[:-1]).min()) >= 5


def test_a_sample_does_not_depend_on_the_chunk_it_is_in(bench: Bench) -> None:
    bench.run("rollout", "small", inputs(bench, chunk=2))
    bench.run("rollout", "large", inputs(bench, chunk=100))
    small, large = read(bench.folder / "small"), read(bench.folder / "large")
    assert small["completion_ids"].tolist() == large["completion_ids"].tolist()


def test_the_seed_decides_the_samples_and_not_the_queries(bench: Bench) -> None:
    bench.run("rollout", "one", inputs(bench), seed=1)
    bench.run("rollout", "two", inputs(bench), seed=2)
    one, two = (bench.folder / work / "outputs" / "rollouts" for work in ("one", "two"))
    assert (one / "queries.jsonl").read_bytes() == (two / "queries.jsonl").read_bytes()
    assert (one / "samples.jsonl").read_bytes() != (two / "samples.jsonl").read_bytes()


@pytest.mark.parametrize(("count", "size"), [(700, 32), (5, 2), (3, 8), (64, 64)])
def test_an_epoch_visits_every_query_once(count: int, size: int) -> None:
    ids = [f"q{number}" for number in range(count)]
    parts = -(-count // size)
    for epoch in (0, 1):
        visited = [part_of_epoch(ids, size, epoch * parts + place, "rollout") for place in range(parts)]
        assert sorted(query for part in visited for query in part) == sorted(ids)
        assert max(map(len, visited)) - min(map(len, visited)) <= 1
        assert max(map(len, visited)) <= size
    if count > 3:
        assert part_of_epoch(ids, size, 0, "rollout") != part_of_epoch(ids, size, parts, "rollout")


def test_oversampling_makes_more_groups_and_says_how_many_stay(bench: Bench) -> None:
    metrics = bench.run("rollout", "o", inputs(bench, queries=2, oversample=2))
    manifest = json.loads((bench.folder / "o" / "outputs" / "rollouts" / "manifest.json").read_text())
    assert (metrics["queries"], manifest["queries"], manifest["samples"], manifest["keep"]) == (4, 4, 16, 2)
    bench.run("rollout", "r", inputs(bench))
    assert json.loads((bench.folder / "r" / "outputs" / "rollouts" / "manifest.json").read_text())["keep"] is None


def test_top_k_of_one_takes_the_most_likely_token(bench: Bench) -> None:
    bench.run("rollout", "one", inputs(bench, top_k=1, replay=0))
    tensors = read(bench.folder / "one")
    rows = tensors["completion_ids"].split((tensors["completion_offsets"][1:] - tensors["completion_offsets"][:-1]).tolist())
    for start in range(0, len(rows), 4):
        assert len({tuple(row.tolist()) for row in rows[start : start + 4]}) == 1
    assert float(tensors["old_logprobs"].max()) < 0


def test_a_minimum_that_leaves_no_room_for_the_embed_token_is_refused(bench: Bench) -> None:
    with pytest.raises(Failure, match="`min_new` is 10 of at most 10 new tokens, so no sample could end"):
        bench.run("rollout", "e", inputs(bench, min_new=10, max_new=0))
