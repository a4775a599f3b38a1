"""Stage 1: the loss falls, and an interrupted run ends with the bytes of a straight one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import Bench
from pawl_trainer import language_model, sft
from pawl_trainer.failures import Failure
from pawl_trainer.job import Stopped, StopRequest

SETTINGS = {
    "steps": 10,
    "batch": 8,
    "micro_batch": 8,
    "pairs": 4,
    "hard_from": 0.5,
    "self_from": 0.3,
    "warmup": 2,
    "lr": 0.003,
    "kl_weight": 0.1,
}


def inputs(bench: Bench, **change: Any) -> dict[str, Any]:
    return {"model": bench.model, "data": bench.dataset, **SETTINGS, **change}


def test_the_loss_falls(bench: Bench) -> None:
    metrics = bench.run("sft", "sft", inputs(bench, steps=40, kl_weight=0.0))
    assert metrics["loss"] < 0.8 * metrics["first_loss"]
    assert metrics["infonce"] < 1.0
    steps = [event["step"] for event in bench.events.sent if event["type"] == "metrics"]
    assert steps == list(range(1, 41))


def test_a_loss_that_is_not_finite_ends_the_step(bench: Bench) -> None:
    with pytest.raises(Failure, match=r"is not finite at .*Lower the learning rate") as caught:
        bench.run("sft", "sft", inputs(bench, lr=1e30, clip=1e30, warmup=0))
    assert caught.value.failure_class == "non_finite"


def test_a_step_that_no_loss_applies_to_leaves_the_model_as_it_is(bench: Bench) -> None:
    change = {"ce_weight": 0.0, "kl_weight": 0.0, "infonce_weight": 0.0, "triplet_weight": 0.0, "self_from": 0.5}
    bench.run("sft", "sft", inputs(bench, steps=4, pairs=0, **change))
    losses = [event["values"]["loss"] for event in bench.events.sent if event["type"] == "metrics"]
    assert losses[:2] == [0.0, 0.0]


def test_without_a_weight_for_own_reasonings_none_is_sampled(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    taught: list[int] = []
    batch_of = sft.step_batch

    def noting(*given: Any) -> Any:
        found = batch_of(*given)
        taught.append(len(found.taught))
        return found

    monkeypatch.setattr(sft, "step_batch", noting)
    monkeypatch.setattr(sft, "sample_own", lambda trainer: pytest.fail("was sampled for nothing"))
    bench.run("sft", "sft", inputs(bench, steps=4, infonce_reason_weight=0.0))
    assert taught == [8, 8, 8, 8]


def test_own_reasonings_are_sampled_for_a_weight_that_comes_later(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    sampled: list[int] = []
    sample = sft.sample_own

    def noting(trainer: Any) -> Any:
        sampled.append(trainer.state.step)
        return sample(trainer)

    monkeypatch.setattr(sft, "sample_own", noting)
    later = {"infonce_reason_weight": {"from": 0.0, "begin": 0.75, "end": 0.75}}  # from the fourth step on; an epoch is two
    bench.run("sft", "sft", inputs(bench, steps=4, self_from=0.0, infonce_reason_weight=1.0, schedules=later))
    assert sampled == [2]


def test_hard_negatives_are_mined_without_dropout(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[bool] = []
    embed = language_model.LanguageModel.embed

    def noting(self: Any, *given: Any, **named: Any) -> Any:
        modes.append(self.network.training)
        return embed(self, *given, **named)

    monkeypatch.setattr(language_model.LanguageModel, "embed", noting)
    bench.run("sft", "sft", inputs(bench, steps=1, hard_from=0.0, self_from=1.0))
    assert modes == [False, False]


def test_micro_batches_change_nothing_but_rounding(bench: Bench) -> None:
    one = bench.run("sft", "one", inputs(bench, steps=1, micro_batch=2))
    other = bench.run("sft", "other", inputs(bench, steps=1, micro_batch=64))
    assert one["loss"] == pytest.approx(other["loss"], rel=1e-5)


def test_a_stop_writes_a_checkpoint_from_which_it_goes_on(bench: Bench) -> None:
    stop = StopRequest()
    stop.ask(with_checkpoint=True)
    with pytest.raises(Stopped) as stopped:
        bench.run("sft", "sft", inputs(bench), stop=stop)
    assert stopped.value.failure_class == "preempted"
    assert json.loads((bench.folder / "sft" / "checkpoints" / "1" / "sft.json").read_text())["step"] == 1


def test_a_split_without_queries_is_named(bench: Bench) -> None:
    with pytest.raises(Failure, match="no query in the split `dev`; it has rl, sft, test"):
        bench.run("sft", "sft", inputs(bench, split="dev"))


def test_the_trained_model_keeps_tokenizer_and_contract(bench: Bench) -> None:
    bench.run("sft", "sft", inputs(bench, steps=1))
    for name in ("pawl.json", "tokenizer.json", "config.json"):
        trained = bench.folder / "sft" / "outputs" / "model" / name
        assert trained.read_bytes() == (Path(bench.model["path"]) / name).read_bytes()
