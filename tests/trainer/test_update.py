"""The update as a whole: what it leaves, what it says, and what it refuses."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from conftest import Bench, weights
from pawl_trainer import update
from pawl_trainer.failures import Failure
from pawl_trainer.update_rollouts import read_rollouts
from safetensors.torch import load_file, save_file
from update_bench import inputs, read, reward, sample, settings, untrained


@pytest.fixture(scope="module")
def sampled(made: Bench, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return sample(made, tmp_path_factory.mktemp("sampled"))


def model_in(bench: Bench, work: str) -> bytes:
    return weights(bench.folder / work / "outputs" / "model")


def test_the_rollouts_of_these_tests_have_valid_and_invalid_samples(sampled: Bench) -> None:
    assert 2 <= sum(read(sampled).valid[:16]) < 16


def test_prompt_tokens_have_no_loss(sampled: Bench) -> None:
    """As many log-probabilities as completion tokens: prompts and padding have none that could be trained."""
    rollouts = read(sampled)
    assert [len(mask) for mask in rollouts.masks] == [len(completion) for completion in rollouts.completions]
    assert all(not mask.any() for mask, valid in zip(rollouts.masks, rollouts.valid, strict=True) if not valid)
    assert all(not mask.any() for mask in rollouts.masks[rollouts.samples :])


def test_the_policy_gradient_raises_what_was_rewarded(sampled: Bench) -> None:
    metrics = sampled.run("update", "u", inputs(sampled, auxiliary_weight=0.0))
    assert 0 < metrics["tokens"] < metrics["processed_tokens"]  # prompts are processed, too
    assert metrics["ratio_max"] == pytest.approx(1.0, abs=1e-5)
    assert metrics["clip_fraction"] == 0
    again = sampled.run("update", "v", inputs(sampled, auxiliary_weight=0.0, policy=sampled.output("u", "model", "model")))
    assert again["policy_loss"] < metrics["policy_loss"]
    assert again["ratio_max"] > 1.001
    assert again["policy_shift"] > 0


def test_several_epochs_in_mini_batches_are_several_optimizer_steps(sampled: Bench) -> None:
    change = {"epochs": 2, "mini_batch": 2, "lr": 0.003, "clip_low": 0.01, "clip_high": 0.01}
    metrics = sampled.run("update", "several", inputs(sampled, **change))
    assert metrics["optimizer_steps"] == 4
    assert metrics["clip_low_fraction"] > 0
    assert metrics["clip_high_fraction"] > 0
    assert metrics["clip_fraction"] == pytest.approx(metrics["clip_low_fraction"] + metrics["clip_high_fraction"])
    state = json.loads((sampled.folder / "several" / "outputs" / "state" / "state.json").read_text())
    assert state["step"] == 4
    sampled.run("update", "again", inputs(sampled, **change))
    assert model_in(sampled, "several") == model_in(sampled, "again"), "the order of the mini-batches is no matter of chance"


def test_mini_batches_are_whole_groups_each_once_an_epoch(sampled: Bench) -> None:
    rollouts = read(sampled)
    assert update.mini_batches(settings(sampled), rollouts) == [[0, 1, 2, 3]]
    batches = update.mini_batches(settings(sampled, epochs=3, mini_batch=3), rollouts)
    assert [len(batch) for batch in batches] == [2, 2] * 3
    epochs = [batches[place] + batches[place + 1] for place in (0, 2, 4)]
    assert all(sorted(epoch) == [0, 1, 2, 3] for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1


def test_kl_to_itself_is_nothing_and_grows(sampled: Bench) -> None:
    same = sampled.run("update", "w", inputs(sampled, reference=sampled.model, beta=0.1, lr=0.001))
    assert same["kl"] == pytest.approx(0.0, abs=1e-6)
    moved = inputs(sampled, reference=sampled.model, beta=0.1, policy=sampled.output("w", "model", "model"))
    assert sampled.run("update", "x", moved)["kl"] > 1e-6


def test_the_kl_in_the_reward_lowers_what_is_far_from_the_reference(sampled: Bench) -> None:
    change = {"reference": untrained(sampled), "kl": "k1", "kl_in": "reward", "auxiliary_weight": 0.0}
    gentle = sampled.run("update", "gentle", inputs(sampled, beta=1e-9, **change))
    plain = sampled.run("update", "plain", inputs(sampled, auxiliary_weight=0.0))
    strong = sampled.run("update", "strong", inputs(sampled, beta=1.0, **change))
    assert gentle["policy_loss"] == pytest.approx(plain["policy_loss"], abs=1e-5)
    assert abs(strong["policy_loss"] - plain["policy_loss"]) > 1e-3
    assert strong["kl"] > 0


def test_the_control_without_policy_gradient_trains_all_the_same(sampled: Bench) -> None:
    metrics = sampled.run("update", "c", inputs(sampled, policy_weight=0.0))
    assert metrics["auxiliary"] > 0
    assert (metrics["tokens"], metrics["grad_norm_policy"]) == (0, 0)
    assert metrics["processed_tokens"] > 0
    assert metrics["grad_norm"] == pytest.approx(metrics["grad_norm_auxiliary"])
    assert model_in(sampled, "c") != weights(Path(sampled.model["path"]))


def test_the_optimizer_goes_on_where_it_was(sampled: Bench) -> None:
    sampled.run("update", "one", inputs(sampled))
    state = sampled.output("one", "state", "trainer-state")
    sampled.run("update", "two", inputs(sampled, state=state))
    written = json.loads((sampled.folder / "two" / "outputs" / "state" / "state.json").read_text())
    assert written["step"] == 2
    sampled.run("update", "three", inputs(sampled))
    assert model_in(sampled, "two") != model_in(sampled, "three")


def test_the_state_of_another_model_is_refused(sampled: Bench) -> None:
    sampled.run("update", "own", inputs(sampled))
    folder = sampled.folder / "own" / "outputs" / "state"
    moments = load_file(folder / "optimizer.safetensors")
    save_file({f"other.{name}": value for name, value in moments.items()}, folder / "optimizer.safetensors")
    with pytest.raises(Failure, match=r"The trainer state is of another model: it has other\."):
        sampled.run("update", "foreign", inputs(sampled, state=sampled.output("own", "state", "trainer-state")))


def test_cold_is_warm(sampled: Bench) -> None:
    for work in ("warm1", "warm2"):
        sampled.run("update", work, inputs(sampled))
    cold = Bench(sampled.folder, dataset=sampled.dataset, model=sampled.model)
    cold.run("update", "cold", inputs(cold))
    assert model_in(sampled, "warm1") == model_in(sampled, "warm2") == model_in(sampled, "cold")


def test_broken_numbers_are_counted_and_told_once(sampled: Bench) -> None:
    path = sampled.folder / "r" / "outputs" / "rollouts" / "rollouts.safetensors"
    whole, rewards = path.read_bytes(), [(7 * number % 5) / 5 for number in range(16)]
    tensors = load_file(path)
    tensors["embedding"][1] = math.nan
    tensors["old_logprobs"][0] = math.inf
    try:
        save_file(tensors, path)
        reward(sampled, [None, *rewards[1:]])
        first = sampled.run("update", "broken", inputs(sampled))
        assert first["broken"] == 2
        assert math.isfinite(first["grad_norm"])
        sampled.run("update", "still", inputs(sampled, state=sampled.output("broken", "state", "trainer-state")))
    finally:
        path.write_bytes(whole)
        reward(sampled, rewards)
    told = [event["message"] for event in sampled.events.sent if event["type"] == "warning"]
    assert len([message for message in told if message.startswith("Update: 2 samples have a reward")]) == 1
    state = json.loads((sampled.folder / "still" / "outputs" / "state" / "state.json").read_text())
    assert "broken" in state["told"]


def test_rewards_must_be_there_and_as_many_as_samples(sampled: Bench, tmp_path: Path) -> None:
    source = sampled.folder / "r" / "outputs" / "rollouts"
    for name in ("manifest.json", "queries.jsonl"):
        (tmp_path / name).write_bytes((source / name).read_bytes())
    save_file(load_file(source / "rollouts.safetensors"), tmp_path / "rollouts.safetensors")
    with pytest.raises(Failure, match=r"rewards\.jsonl is missing"):
        read_rollouts(tmp_path)
    (tmp_path / "rewards.jsonl").write_text('{"reward": 1}\n')
    with pytest.raises(Failure, match=r"rewards\.jsonl has 1 lines, and the rollouts have 16 samples"):
        read_rollouts(tmp_path)
