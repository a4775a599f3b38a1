"""The canary: a checkpoint whose state was altered, or that goes on on another machine, is reported with what differs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Bench
from pawl_trainer import canary, schemas
from pawl_trainer.cache import Cache
from safetensors.torch import load_file, save_file

SFT = {"steps": 4, "batch": 8, "micro_batch": 8, "pairs": 0, "hard_from": 1.0, "self_from": 1.0, "kl_weight": 0.0}


def inputs(bench: Bench) -> dict[str, Any]:
    return {"model": bench.model, "data": bench.dataset, **SFT}


@pytest.fixture(scope="module")
def trained(made: Bench, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A straight run with its checkpoints."""
    bench = Bench(tmp_path_factory.mktemp("trained"), dataset=made.dataset, model=made.model)
    bench.run("sft", "straight", inputs(bench), every_steps=1)
    return bench


@pytest.fixture
def cut(trained: Bench, tmp_path: Path) -> Path:
    """A copy of the checkpoint after step 2."""
    return Path(shutil.copytree(trained.folder / "straight" / "checkpoints" / "2", tmp_path / "2"))


def resumed(bench: Bench, cut: Path, work: Path) -> list[dict[str, Any]]:
    """What is reported when a run goes on from the checkpoint."""
    again = Bench(work, Cache(0), dataset=bench.dataset, model=bench.model)
    again.run("sft", "again", inputs(bench), resume=cut)
    found = [event for event in again.events.sent if event["type"] == "diverged"]
    for event in found:
        assert schemas.problem_of("event", event) is None
    assert len(found) <= 1
    return found


def test_nothing_is_reported_where_nothing_changed(trained: Bench, cut: Path, tmp_path: Path) -> None:
    assert resumed(trained, cut, tmp_path) == []


def test_one_flipped_bit_of_a_weight_is_seen(trained: Bench, cut: Path, tmp_path: Path) -> None:
    """As after a memory error before the digests were made: the files agree with their digests."""
    weights = load_file(cut / "weights.safetensors")
    name = max(weights, key=lambda key: weights[key].numel())
    weights[name].view(torch.int32).reshape(-1)[7] ^= 1
    save_file(weights, cut / "weights.safetensors")
    (event,) = resumed(trained, cut, tmp_path)
    assert "state" in [item["name"] for item in event["values"]]
    assert event["differs"] == []
    assert "bits have changed" in event["message"]


def test_one_flipped_bit_of_the_optimizer_is_seen(trained: Bench, cut: Path, tmp_path: Path) -> None:
    path = cut / "optimizer" / "optimizer.safetensors"
    moments = load_file(path)
    moments[next(name for name in moments if name.endswith("exp_avg_sq"))].view(torch.int32).reshape(-1)[0] ^= 1
    save_file(moments, path)
    (event,) = resumed(trained, cut, tmp_path)
    assert [item["name"] for item in event["values"]] == ["state"]


def test_another_machine_that_computes_otherwise_is_named(trained: Bench, cut: Path, tmp_path: Path) -> None:
    kept = json.loads((cut / canary.FILE).read_text())
    kept["provenance"] |= {"torch": "2.1.0", "gpu": "NVIDIA L4"}
    kept["values"] |= {"loss": kept["values"]["loss"] * (1 + 1e-7), "forward": "0" * 16}
    (cut / canary.FILE).write_text(json.dumps(kept))
    (event,) = resumed(trained, cut, tmp_path)
    assert [item["name"] for item in event["values"]] == ["forward", "loss"]
    assert {(item["name"], item["was"]) for item in event["differs"]} == {("gpu", "NVIDIA L4"), ("torch", "2.1.0")}
    assert "gpu is absent and was NVIDIA L4" in event["message"]
    assert "and was 2.1.0" in event["message"]


def test_another_machine_that_computes_the_same_is_not_reported(trained: Bench, cut: Path, tmp_path: Path) -> None:
    kept = json.loads((cut / canary.FILE).read_text())
    kept["provenance"]["cpu"] = "another one"
    (cut / canary.FILE).write_text(json.dumps(kept))
    assert resumed(trained, cut, tmp_path) == []


def test_a_difference_with_nothing_to_explain_it_is_reported_too(trained: Bench, cut: Path, tmp_path: Path) -> None:
    kept = json.loads((cut / canary.FILE).read_text())
    kept["values"]["grad_norm"] *= 1.5
    (cut / canary.FILE).write_text(json.dumps(kept))
    (event,) = resumed(trained, cut, tmp_path)
    assert "memory is faulty" in event["message"]


def test_a_checkpoint_without_a_canary_is_taken_as_it_is(trained: Bench, cut: Path, tmp_path: Path) -> None:
    (cut / canary.FILE).unlink()
    assert resumed(trained, cut, tmp_path) == []


def test_a_rollout_whose_last_chunk_comes_out_otherwise_is_reported(trained: Bench, tmp_path: Path) -> None:
    sampling = {"split": "rl", "queries": 3, "group": 4, "min_new": 2, "temperature": 1.0, "chunk": 5}
    given = {"policy": trained.model, "data": trained.dataset, **sampling}
    bench = Bench(tmp_path, dataset=trained.dataset, model=trained.model)
    bench.run("rollout", "r", given, every_steps=1)
    saved = tmp_path / "r" / "checkpoints" / "1" / canary.FILE
    saved.write_text(saved.read_text().replace('"completions": "', '"completions": "x'))
    bench.run("rollout", "again", given, resume=saved.parent)
    (event,) = [event for event in bench.events.sent if event["type"] == "diverged"]
    assert [item["name"] for item in event["values"]] == ["completions"]


def test_the_checksum_sees_any_bit_and_no_order() -> None:
    values = torch.linspace(-3, 5, 1001)
    other = values.clone()
    assert canary.checksum([values]) == canary.checksum([other.flip(0)]) == canary.checksum([values[:400], values[400:]])
    other.view(torch.int32)[500] ^= 1
    assert canary.checksum([values]) != canary.checksum([other])
