"""bench/trainer_profile.py at a size that runs anywhere: the parts of each operation, and nothing left behind."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from conftest import Bench

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))


def test_a_part_inside_another_is_not_the_others() -> None:
    from trainer_profile import Clock

    ticks = iter([0.0, 1.0, 4.0, 9.0])
    clock = Clock(lambda: next(ticks))
    with clock.part("whole"), clock.part("inner"):
        pass
    assert clock.seconds == {"whole": 1.0 + 5.0, "inner": 3.0}


def test_every_operation_is_split_into_its_parts(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    import trainer_profile
    from pawl_trainer import sampling

    for name, made, output in (
        ("corpus", bench.dataset, "dataset"),
        ("taught", bench.model, "model"),
        ("base", bench.model, "model"),
    ):
        (bench.folder / name / "outputs").mkdir(parents=True)
        (bench.folder / name / "outputs" / output).symlink_to(made["path"])
    before = (sampling.draw, torch.Tensor.backward)
    sizes = [
        "--batch",
        "4",
        "--pairs",
        "4",
        "--steps",
        "3",
        "--checkpoint",
        "2",
        "--queries",
        "2",
        "--group",
        "2",
        "--replay",
        "2",
    ]
    assert trainer_profile.main(["--folder", str(bench.folder), "--preset", "test", "--iterations", "2", *sizes]) == 0
    assert (sampling.draw, torch.Tensor.backward) == before
    head, _, *lines, seconds = capsys.readouterr().out.splitlines()
    kinds = [cell.strip() for cell in head.split("|")[2:-1]]
    assert kinds == ["train.sft", "rl.rollout", "index.refresh", "rl.update"]
    rows = {line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]] for line in lines}
    has = {name: {kind for kind, cell in zip(kinds, cells, strict=True) if cell} for name, cells in rows.items()}
    assert has["backward"] == {"train.sft", "rl.update"}
    assert has["forward: layers"] == set(kinds)
    assert has["sampling: network"] == {"train.sft", "rl.rollout"}
    assert has["checkpoints"] == {"train.sft"}
    for column in range(len(kinds)):
        assert 80 < sum(float(cells[column] or 0) for cells in rows.values()) <= 100.5
    # The others may take less than the hundredth of a second that is printed.
    assert float(seconds.split("|")[2]) > 0
