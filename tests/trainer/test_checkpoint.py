"""A checkpoint is there whole or not at all."""

from __future__ import annotations

import errno
import threading
from pathlib import Path
from typing import Any

import pytest
from conftest import Bench
from pawl_trainer import checkpoint, optimizer, sft


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


def training(bench: Bench) -> dict[str, Any]:
    return {"model": bench.model, "data": bench.dataset, "steps": 4, "batch": 4, "self_from": 1.0, "warmup": 1, "lr": 0.01}


def files(work: Path) -> dict[str, bytes]:
    return {str(path.relative_to(work)): path.read_bytes() for path in (work / "checkpoints").rglob("*") if path.is_file()}


def test_training_goes_on_while_a_checkpoint_is_written(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.run("sft", "straight", training(bench), every_steps=1)
    went_on = threading.Event()
    write, step = optimizer.Kept.write, sft.train_step

    def late(kept: optimizer.Kept, folder: Path) -> None:
        assert went_on.wait(30), "the step behind the checkpoint waits for it"
        write(kept, folder)

    def train_step(trainer: Any) -> dict[str, float]:
        losses = step(trainer)
        if trainer.state.step == 1:
            went_on.set()
        return losses

    monkeypatch.setattr(optimizer.Kept, "write", late)
    monkeypatch.setattr(sft, "train_step", train_step)
    bench.events.sent.clear()
    bench.run("sft", "behind", training(bench), every_steps=1)
    assert files(bench.folder / "behind") == files(bench.folder / "straight"), "of the state at its step"
    assert [event["step"] for event in bench.events.sent if event["type"] == "checkpoint"] == [1, 2, 3]
    # What comes before a checkpoint counts as covered by it: told earlier, a step would be in the journal twice after a kill.
    told = [(event["type"], event["step"]) for event in bench.events.sent if event["type"] in ("metrics", "checkpoint")]
    assert told == [(kind, step) for step in (1, 2, 3, 4) for kind in ("metrics", "checkpoint")][:-1]


def test_what_a_save_returns_is_called_only_if_it_can_be(bench: Bench) -> None:
    job = bench.job("probe", "user", {}, every_steps=1)
    job.boundary(1, lambda folder: (folder / "state.json").write_text("{}"))
    job.finish()
    assert (bench.folder / "user" / "checkpoints" / "1" / "state.json").read_text() == "{}"


def test_a_checkpoint_that_cannot_be_written_ends_the_job(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_kept: optimizer.Kept, _folder: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(optimizer.Kept, "write", full)
    with pytest.raises(OSError, match="No space left"):
        bench.run("sft", "full", training(bench), every_steps=1)
    assert not [event for event in bench.events.sent if event["type"] == "checkpoint"]
