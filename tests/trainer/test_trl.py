"""The adapter for TRL's SFT trainer (pipelines/trl/train.py): what it stores, and that it goes on from it bit for bit."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Bench

needs_trl = pytest.mark.skipif(importlib.util.find_spec("trl") is None, reason="trl is not installed: npm run setup")
program = Path(__file__).resolve().parents[2] / "pipelines" / "trl" / "train.py"


def train(bench: Bench, work: Path, resume: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Runs the adapter for four steps as a worker would; returns its events."""
    for name in ["outputs/model", "checkpoints", "code"]:
        (work / name).mkdir(parents=True)
    inputs = {"model": bench.model, "data": bench.dataset, "steps": 4, "batch": 4, "lr": 1e-3, "max_length": 32, "threads": 1}
    job = {
        "schema": 1, "step": "sft", "attempt": 1, "inputs": inputs, "seed": 3,
        "outputs": {"model": str(work / "outputs" / "model")}, "checkpoints": str(work / "checkpoints"),
        "checkpoint": {"everySteps": 2, "everyMs": None}, "resume": resume, "events": str(work / "events.jsonl"),
    }  # fmt: skip
    (work / "job.json").write_text(json.dumps(job))
    env = {**os.environ, "PAWL_JOB": str(work / "job.json"), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, program], cwd=work / "code", env=env, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in (work / "events.jsonl").read_text().splitlines()]


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@needs_trl
def test_it_goes_on_from_a_checkpoint_without_pickle_bit_for_bit(bench: Bench, tmp_path: Path) -> None:
    straight = train(bench, tmp_path / "straight")
    checkpoint = tmp_path / "straight" / "checkpoints" / "2"
    assert {Path(name).suffix for name in files(checkpoint)} == {".json", ".safetensors"}
    resumed = train(bench, tmp_path / "resumed", {"path": str(checkpoint), "step": 2})
    assert files(tmp_path / "resumed" / "outputs") == files(tmp_path / "straight" / "outputs")
    points = [[event for event in events if event["type"] == "metrics" and event["step"] > 2] for events in (straight, resumed)]
    assert points[0] == points[1]
    assert [event["step"] for event in straight if event["type"] == "checkpoint"] == [2]  # none of the last step
    assert [event["step"] for event in points[0]] == [3, 4]
