"""Training in the real process: killed by SIGKILL, it goes on in another one to the bytes of a straight run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from conftest import Bench
from test_interrupted import digests
from trainer_process import Process

SFT = {"steps": 9, "batch": 8, "micro_batch": 8, "pairs": 2, "hard_from": 0.5, "self_from": 0.4, "warmup": 2, "lr": 0.003}


def inputs(bench: Bench) -> dict[str, Any]:
    return {"model": bench.model, "data": bench.dataset, **SFT}


def test_training_that_is_killed_ends_with_the_bytes_of_a_straight_run(bench: Bench, tmp_path: Path) -> None:
    bench.run("sft", "straight", inputs(bench), seed=3)
    first = Process(tmp_path / "first")
    try:
        first.run("a", inputs(bench), op="sft")
        for _ in range(4):
            written = first.until("checkpoint")
    finally:
        first.close()  # by SIGKILL, wherever it is now
    second = Process(tmp_path / "second")
    try:
        second.run("a", inputs(bench), op="sft", resume=tmp_path / "first" / written["path"])
        seen = second.until("metrics", "diverged", "failed")
        assert (seen["type"], seen["step"]) == ("metrics", written["step"] + 1)
        assert second.until("done", "failed", "diverged")["type"] == "done"
    finally:
        second.close()
    assert digests(tmp_path / "second") == digests(bench.folder / "straight")
