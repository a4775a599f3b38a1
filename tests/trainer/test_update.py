"""The update: who gets gradient, and that cutting the batch changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Bench, weights
from pawl_trainer import update
from pawl_trainer.failures import Failure
from pawl_trainer.update_state import Gathered
from safetensors.torch import load_file, save_file

ROLLOUT = {"split": "rl", "queries": 4, "group": 4, "min_new": 1, "temperature": 1.0, "replay": 6, "micro_batch": 8}


@pytest.fixture(scope="module")
def sampled(made: Bench, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Rollouts with rewards, some of whose samples are valid and some not."""
    bench = Bench(tmp_path_factory.mktemp("sampled"), dataset=made.dataset, model=made.model)
    inputs = {"model": made.model, "data": made.dataset, "steps": 30, "batch": 8, "self_from": 1.0}
    bench.run("sft", "policy", {**inputs, "lr": 0.004, "warmup": 2})
    bench.model = bench.output("policy", "model", "model")
    bench.run("rollout", "r", {"policy": bench.model, "data": bench.dataset, **ROLLOUT})
    folder = bench.folder / "r" / "outputs" / "rollouts"
    rewards = [(7 * number % 5) / 5 for number in range(16)]
    (folder / "rewards.jsonl").write_text("".join(json.dumps({"rank": 1, "reward": reward}) + "\n" for reward in rewards))
    return bench


def inputs(bench: Bench, **change: Any) -> dict[str, Any]:
    rollouts = bench.output("r", "rollouts", "rollouts")
    return {"policy": bench.model, "rollouts": rollouts, "data": bench.dataset, "micro_batch": 8, **change}


def gradients(bench: Bench, rollouts: update.Rollouts, **change: Any) -> dict[str, torch.Tensor]:
    """The policy gradient alone."""
    job = bench.job("update", "g", {})
    given = {"beta": 0.0, "clip_low": 0.2, "clip_high": 0.28, "advantage": "group", "aggregation": "token", "lr": 1e-4}
    settings = update.Settings(
        weight_decay=0.0,
        clip=1.0,
        policy_weight=1.0,
        auxiliary_weight=0.0,
        auxiliary_temperature=0.05,
        dtype="float32",
        **{"micro_batch": 8, **given, **change},
    )
    model = update.language_model.load(job, update_artifact(bench)).for_training()
    update.policy_gradient(Gathered(job, model, rollouts.prompts), settings, None, rollouts)
    return {name: weight.grad.clone() for name, weight in model.network.named_parameters()}


def update_artifact(bench: Bench) -> Any:
    from pawl_trainer.job import Artifact

    return Artifact(Path(bench.model["path"]), bench.model["identity"], "model")


def read(bench: Bench) -> update.Rollouts:
    return update.read_rollouts(bench.folder / "r" / "outputs" / "rollouts")


def test_the_rollouts_of_these_tests_have_valid_and_invalid_samples(sampled: Bench) -> None:
    valid = read(sampled).valid[:16]
    assert 2 <= sum(valid) <= 16


def test_cutting_the_batch_changes_nothing(sampled: Bench) -> None:
    """Accumulating one by eight is four by two."""
    for aggregation in ("token", "sequence", "constant"):
        whole = gradients(sampled, read(sampled), micro_batch=16, aggregation=aggregation)
        for size in (1, 2, 8):
            part = gradients(sampled, read(sampled), micro_batch=size, aggregation=aggregation)
            for name, gradient in whole.items():
                assert torch.allclose(part[name], gradient, atol=1e-6, rtol=1e-4), (aggregation, size, name)


def test_what_an_untrained_token_loses_moves_nothing(sampled: Bench) -> None:
    """The loss of a masked token may be anything, even not a number; the gradient stays to the bit."""
    rollouts = read(sampled)
    silent = [mask * (torch.arange(len(mask)) > 0).to(mask.dtype) for mask in rollouts.masks]
    fields = {**vars(rollouts), "masks": silent}
    before = gradients(sampled, update.Rollouts(**fields))
    for loss in (5.0, -1e4, float("nan")):
        strange = [old + torch.where(mask > 0, 0.0, loss) for old, mask in zip(rollouts.old_logprobs, silent, strict=True)]
        after = gradients(sampled, update.Rollouts(**{**fields, "old_logprobs": strange}))
        for name, gradient in before.items():
            assert torch.equal(after[name], gradient), name
    trained = gradients(sampled, rollouts)
    assert any(not torch.equal(trained[name], gradient) for name, gradient in before.items())


def test_prompt_tokens_have_no_loss(sampled: Bench) -> None:
    """As many log-probabilities as completion tokens: prompts and padding have none that could be trained."""
    rollouts = read(sampled)
    assert [len(mask) for mask in rollouts.masks] == [len(completion) for completion in rollouts.completions]
    assert all(not mask.any() for mask, valid in zip(rollouts.masks, rollouts.valid, strict=True) if not valid)
    assert all(not mask.any() for mask in rollouts.masks[rollouts.samples :])


def test_the_policy_gradient_raises_what_was_rewarded(sampled: Bench) -> None:
    metrics = sampled.run("update", "u", inputs(sampled, auxiliary_weight=0.0))
    assert metrics["tokens"] > 0
    assert metrics["policy_loss"] == pytest.approx(0.0, abs=1.0)
    again = sampled.run("update", "v", inputs(sampled, auxiliary_weight=0.0, policy=sampled.output("u", "model", "model")))
    assert again["policy_loss"] < metrics["policy_loss"]


def test_kl_to_itself_is_nothing_and_grows(sampled: Bench) -> None:
    same = sampled.run("update", "w", inputs(sampled, reference=sampled.model, beta=0.1, lr=0.001))
    assert same["kl"] == pytest.approx(0.0, abs=1e-6)
    moved = inputs(sampled, reference=sampled.model, beta=0.1, policy=sampled.output("w", "model", "model"))
    assert sampled.run("update", "x", moved)["kl"] > 1e-6


def test_the_control_without_policy_gradient_trains_all_the_same(sampled: Bench) -> None:
    metrics = sampled.run("update", "c", inputs(sampled, policy_weight=0.0))
    assert metrics["auxiliary"] > 0
    assert weights(sampled.folder / "c" / "outputs" / "model") != weights(Path(sampled.model["path"]))


def test_the_optimizer_goes_on_where_it_was(sampled: Bench) -> None:
    sampled.run("update", "one", inputs(sampled))
    state = sampled.output("one", "state", "trainer-state")
    sampled.run("update", "two", inputs(sampled, state=state))
    written = json.loads((sampled.folder / "two" / "outputs" / "state" / "state.json").read_text())
    assert written["step"] == 2
    fresh = sampled.run("update", "three", inputs(sampled))
    assert fresh["tokens"] > 0
    assert weights(sampled.folder / "two" / "outputs" / "model") != weights(sampled.folder / "three" / "outputs" / "model")


def test_cold_is_warm(sampled: Bench) -> None:
    for work in ("warm1", "warm2"):
        sampled.run("update", work, inputs(sampled))
    cold = Bench(sampled.folder, dataset=sampled.dataset, model=sampled.model)
    cold.run("update", "cold", inputs(cold))
    one, two, three = (weights(sampled.folder / work / "outputs" / "model") for work in ("warm1", "warm2", "cold"))
    assert one == two == three


def test_beta_asks_for_a_reference(sampled: Bench) -> None:
    with pytest.raises(Failure, match="needs the input `reference`"):
        sampled.run("update", "e", inputs(sampled, beta=0.1))


def test_rewards_must_be_there_and_as_many_as_samples(sampled: Bench, tmp_path: Path) -> None:
    source = sampled.folder / "r" / "outputs" / "rollouts"
    for name in ("manifest.json", "queries.jsonl"):
        (tmp_path / name).write_bytes((source / name).read_bytes())
    save_file(load_file(source / "rollouts.safetensors"), tmp_path / "rollouts.safetensors")
    with pytest.raises(Failure, match=r"rewards\.jsonl is missing"):
        update.read_rollouts(tmp_path)
    (tmp_path / "rewards.jsonl").write_text('{"reward": 1}\n')
    with pytest.raises(Failure, match=r"rewards\.jsonl has 1 lines, and the rollouts have 16 samples"):
        update.read_rollouts(tmp_path)
