"""The benchmark beside TRL (bench/beside_trl.py): both sides train on the same, and compute the same from it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
from conftest import Bench

needs_trl = pytest.mark.skipif(importlib.util.find_spec("trl") is None, reason="trl is not installed: npm run setup")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))


@needs_trl
def test_both_sides_have_the_same_first_loss_and_gradient_norm(bench: Bench) -> None:
    import beside_trl
    import pawl_side
    import trl_side

    model, data = Path(bench.model["path"]), bench.folder / "cut"
    setup = beside_trl.Setup(model, data, batch=8, queries=4, group=4, new=6, micro_batch=4)
    beside_trl.cut(Path(bench.dataset["path"]), setup)
    pawl, trl = pawl_side.Side(setup), trl_side.Side(setup)
    taught, of_trl = pawl.sft(2), trl.sft(2)
    assert taught["tokens"] == of_trl["tokens"] > 0
    assert [len(side["seconds"]) for side in (taught, of_trl)] == [1, 1]
    assert taught["loss"] == pytest.approx(of_trl["loss"], abs=1e-3)
    assert taught["grad_norm"] == pytest.approx(of_trl["grad_norm"], rel=1e-3)
    sampled = pawl.first_grpo()
    given = trl.first_grpo(sampled["batch"])
    assert given["tokens"] == 4 * 4 * 6 == sum(len(completion) for completion in sampled["batch"][1])
    assert sampled["loss"] == pytest.approx(given["loss"], abs=1e-3)
    assert sampled["grad_norm"] == pytest.approx(given["grad_norm"], rel=1e-3)
    assert sampled["grad_norm"] > 0.1
    assert len(pawl.grpo(2)["seconds"]) == len(trl.grpo(2)["seconds"]) == 1
