"""A checkpoint is there whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from pawl_trainer import checkpoint


def test_a_save_that_fails_leaves_no_checkpoint(tmp_path: Path) -> None:
    def save(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise RuntimeError("the disk is gone")

    with pytest.raises(RuntimeError):
        checkpoint.write(tmp_path, 3, save)
    assert not (tmp_path / "checkpoints" / "3").exists()


def test_a_rest_of_an_earlier_attempt_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "checkpoints" / "3.tmp").mkdir(parents=True)
    (tmp_path / "checkpoints" / "3.tmp" / "rest").write_text("x")
    path = checkpoint.write(tmp_path, 3, lambda folder: checkpoint.write_json(folder / "state.json", {"step": 3}))
    assert path == "checkpoints/3"
    assert [entry.name for entry in (tmp_path / path).iterdir()] == ["state.json"]
