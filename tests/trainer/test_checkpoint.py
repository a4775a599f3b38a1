"""A checkpoint is there whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Bench
from pawl_trainer import checkpoint


def test_a_save_that_fails_leaves_no_checkpoint(bench: Bench) -> None:
    def save(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise RuntimeError("the disk is gone")

    with pytest.raises(RuntimeError):
        bench.job("probe", "failed", {}, every_steps=3).boundary(3, save)
    assert not (bench.folder / "failed" / "checkpoints" / "3").exists()


def test_a_rest_of_an_earlier_attempt_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "checkpoints" / "3.tmp").mkdir(parents=True)
    (tmp_path / "checkpoints" / "3.tmp" / "rest").write_text("x")
    checkpoint.begin(tmp_path, 3)
    checkpoint.write_json(checkpoint.being_written(tmp_path, 3) / "state.json", {"step": 3})
    path = checkpoint.complete(tmp_path, 3)
    assert path == "checkpoints/3"
    assert [entry.name for entry in (tmp_path / path).iterdir()] == ["state.json"]


@pytest.mark.parametrize(("every", "due"), [(1, [2, 4, 6, 7]), (3, [4, 6]), (4, [4])])
def test_steps_that_are_done_together_pass_over_no_checkpoint(bench: Bench, every: int, due: list[int]) -> None:
    job = bench.job("probe", f"every-{every}", {}, every_steps=every)
    for step, done in ((2, 2), (4, 2), (6, 2), (7, 1)):
        job.boundary(step, lambda folder: None, done=done)
    assert [event["step"] for event in bench.events.sent if event["type"] == "checkpoint"] == due
