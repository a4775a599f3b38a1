"""The policy gradient against a plain implementation of its own: one completion at a time, one token at a time."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from conftest import Bench
from pawl_trainer.language_model import LanguageModel
from pawl_trainer.update_policy import Policy
from pawl_trainer.update_rollouts import Rollouts
from pawl_trainer.update_settings import Settings
from update_bench import model_of, policy_gradients, policy_of, read, sample, settings, untrained


@pytest.fixture(scope="module")
def sampled(made: Bench, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return sample(made, tmp_path_factory.mktemp("sampled"))


def apart(rollouts: Rollouts) -> Rollouts:
    """The same samples as if another policy had drawn them, so that ratios are not 1 and some are clipped."""
    chance = torch.Generator().manual_seed(1)
    old = [row + 0.5 * torch.randn(len(row), generator=chance) for row in rollouts.old_logprobs]
    return replace(rollouts, old_logprobs=old)


def plain_logprobs(model: LanguageModel, rollouts: Rollouts, row: int) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Log-probability and entropy of each token of a completion, by a forward pass over that sequence alone."""
    prompt, completion = rollouts.prompts[row], rollouts.completions[row]
    ids = torch.tensor([[*prompt, *completion]])
    logits = model.network(input_ids=ids).logits[0] / rollouts.sampling.temperature
    logprobs, entropies = [], []
    for step, token in enumerate(completion):
        forbidden = {model.contract.pad_id} - {model.contract.embed_id, model.contract.end_id}
        if step < rollouts.sampling.min_new:
            forbidden |= {model.contract.embed_id, model.contract.end_id}
        allowed = [word for word in range(logits.shape[1]) if word not in forbidden]
        here = logits[len(prompt) + step - 1]
        log_sum = torch.logsumexp(here[allowed], 0)
        logprobs.append(here[token] - log_sum)
        entropies.append(-((here[allowed] - log_sum).exp() * (here[allowed] - log_sum)).sum())
    return logprobs, entropies


def plain_advantages(rewards: list[list[float]], kind: str) -> list[float]:
    """By the formulas, with sums and loops."""
    everything = [reward for group in rewards for reward in group]
    found = []
    for group in rewards:
        mean = sum(group) / len(group)
        spread = math.sqrt(sum((reward - mean) ** 2 for reward in group) / (len(group) - 1))
        for number, reward in enumerate(group):
            if spread <= 1e-6:
                found.append(0.0)
            elif kind == "leave-one-out":
                others = group[:number] + group[number + 1 :]
                found.append(reward - sum(others) / len(others))
            else:
                centre = sum(everything) / len(everything)
                batch = math.sqrt(sum((each - centre) ** 2 for each in everything) / (len(everything) - 1))
                found.append((reward - mean) / {"group": spread + 1e-6, "batch": batch + 1e-6, "none": 1.0}[kind])
    return found


def plain_kl(kind: str, reference: Any, policy: Any) -> Any:
    d = reference - policy
    return {"k1": lambda: -d, "k2": lambda: d * d / 2, "k3": lambda: torch.exp(d) - d - 1}[kind]()


def plain_trained(settings: Settings, rollouts: Rollouts, embed_id: int, row: int) -> list[int]:
    """Which tokens of a completion are trained."""
    completion = rollouts.completions[row]
    is_overlong = len(completion) == rollouts.sampling.max_new
    if not rollouts.valid[row] and (settings.mask == "malformed" or (settings.mask == "overlong" and is_overlong)):
        return []
    return [place for place, token in enumerate(completion) if settings.embed_token_gradient or token != embed_id]


def plain_loss(settings: Settings, rollouts: Rollouts, model: LanguageModel, reference: LanguageModel) -> torch.Tensor:
    """The whole loss, token by token."""
    trained = [plain_trained(settings, rollouts, model.contract.embed_id, row) for row in range(rollouts.samples)]
    frozen = [[float(value) for value in plain_logprobs(reference, rollouts, row)[0]] for row in range(rollouts.samples)]
    rewards = [list(map(float, group)) for group in rollouts.rewards]
    if settings.kl_in == "reward":
        for row in range(rollouts.samples):
            for place in trained[row]:
                estimate = plain_kl(settings.kl, torch.tensor(frozen[row][place]), rollouts.old_logprobs[row][place])
                rewards[row // 4][row % 4] -= settings.beta * float(estimate)
    advantages = plain_advantages(rewards, settings.advantage)
    samples = sum(1 for places in trained if places)
    tokens = sum(len(places) for places in trained)
    loss = torch.zeros(())
    for row in range(rollouts.samples):
        logprobs, entropies = plain_logprobs(model, rollouts, row)
        for place in trained[row]:
            ratio = torch.exp(logprobs[place] - rollouts.old_logprobs[row][place])
            advantage = advantages[row]
            bounded = min(max(ratio, torch.tensor(1 - settings.clip_low)), torch.tensor(1 + settings.clip_high))
            value = -min(ratio * advantage, bounded * advantage)
            if settings.dual_clip > 0 and advantage < 0:
                value = min(value, torch.tensor(-settings.dual_clip * advantage))
            value = settings.policy_weight * value - settings.entropy_weight * entropies[place]
            if settings.kl_in == "loss":
                value = value + settings.beta * plain_kl(settings.kl, frozen[row][place], logprobs[place])
            divisor = {
                "token": tokens,
                "sequence": samples * len(trained[row]),
                "constant": samples * rollouts.sampling.max_new,
            }[settings.aggregation]
            loss = loss + value / divisor
    return loss


CASES: list[dict[str, Any]] = [
    {},
    {"advantage": "batch", "aggregation": "sequence", "clip_high": 0.2},
    {"advantage": "leave-one-out", "aggregation": "constant", "dual_clip": 1.3},
    {"advantage": "none", "mask": "none", "entropy_weight": 0.05},
    {"beta": 0.2, "kl": "k3", "mask": "overlong", "embed_token_gradient": False},
    {"beta": 0.2, "kl": "k2", "policy_weight": 0.5, "aggregation": "sequence"},
    {"beta": 0.2, "kl": "k1", "kl_in": "reward", "mask": "none"},
    {"beta": 0.2, "kl": "k3", "kl_in": "reward", "aggregation": "constant", "entropy_weight": 0.01},
]


@pytest.mark.parametrize("change", CASES, ids=[" ".join(map(str, case.values())) or "as declared" for case in CASES])
def test_loss_and_gradient_are_those_of_a_plain_loop(sampled: Bench, change: dict[str, Any]) -> None:
    rollouts, start = apart(read(sampled)), model_of(sampled, untrained(sampled))
    policy = policy_of(sampled, rollouts, start, **change)
    found = policy_gradients(policy)
    assert policy.progress.sums["clip_low"] + policy.progress.sums["clip_high"] > 0
    own = model_of(sampled, sampled.model).for_training()
    loss = plain_loss(settings(sampled, **change), rollouts, own, start)
    loss.backward()
    sums = policy.progress.sums
    value = policy.settings.policy_weight * sums["policy_loss"] + policy.settings.kl_loss * sums.get("kl_loss", 0.0)
    assert value - policy.settings.entropy_weight * sums.get("entropy_bonus", 0.0) == pytest.approx(
        float(loss.detach()), abs=1e-5
    )
    for name, weight in own.network.named_parameters():
        assert torch.allclose(found[name], weight.grad, atol=2e-6, rtol=1e-3), name


@pytest.mark.parametrize("aggregation", ["token", "sequence", "constant"])
def test_cutting_the_batch_changes_nothing(sampled: Bench, aggregation: str) -> None:
    """Accumulating one by eight is four by two: denominators are those of the whole batch."""
    whole = policy_gradients(policy_of(sampled, apart(read(sampled)), micro_batch=16, aggregation=aggregation))
    for size in (1, 2, 8):
        part = policy_gradients(policy_of(sampled, apart(read(sampled)), micro_batch=size, aggregation=aggregation))
        for name, gradient in whole.items():
            assert torch.allclose(part[name], gradient, atol=1e-6, rtol=1e-4), (size, name)


def test_samples_without_an_advantage_are_passed_over_and_change_nothing(
    sampled: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollouts = read(sampled)
    rewards = rollouts.rewards.clone()
    rewards[1:] = 0.4
    rollouts = replace(rollouts, rewards=rewards)
    passed: list[int] = []
    plain = Policy.scored

    def counted(self: Policy, model: LanguageModel, rows: list[int], **more: Any) -> Any:
        passed.extend(rows)
        return plain(self, model, rows, **more)

    monkeypatch.setattr(Policy, "scored", counted)
    short = policy_gradients(policy_of(sampled, rollouts))
    assert passed and set(passed) <= set(range(4))
    passed.clear()
    all_rows = policy_gradients(policy_of(sampled, rollouts, entropy_weight=1e-30))
    assert max(passed) > 4
    for name, gradient in short.items():
        assert torch.allclose(all_rows[name], gradient, atol=1e-7, rtol=1e-5), name


def test_what_an_untrained_token_loses_moves_nothing(sampled: Bench) -> None:
    """The loss of a masked token may be anything; the gradient stays to the bit."""
    rollouts = read(sampled)
    silent = [mask * (torch.arange(len(mask)) > 0).to(mask.dtype) for mask in rollouts.masks]
    before = policy_gradients(policy_of(sampled, replace(rollouts, masks=silent)))
    for loss in (5.0, -1e4):
        strange = [old + torch.where(mask > 0, 0.0, loss) for old, mask in zip(rollouts.old_logprobs, silent, strict=True)]
        after = policy_gradients(policy_of(sampled, replace(rollouts, masks=silent, old_logprobs=strange)))
        for name, gradient in before.items():
            assert torch.equal(after[name], gradient), name
    trained = policy_gradients(policy_of(sampled, rollouts))
    assert any(not torch.equal(trained[name], gradient) for name, gradient in before.items())


def test_a_sample_whose_numbers_are_broken_is_left_out(sampled: Bench) -> None:
    """A reward, or log-probabilities, that are no numbers: as if no token of the sample were trained."""
    rollouts = read(sampled)
    row = next(row for row in range(16) if rollouts.valid[row])
    rewards = rollouts.rewards.clone()
    rewards.view(-1)[row] = math.nan
    old = [torch.full_like(each, math.nan) if number == row else each for number, each in enumerate(rollouts.old_logprobs)]
    none = [mask * 0 if number == row else mask for number, mask in enumerate(rollouts.masks)]
    for broken, same in (
        ({"rewards": rewards}, {"rewards": rewards, "masks": none}),
        ({"old_logprobs": old}, {"masks": none}),
    ):
        found = policy_gradients(policy_of(sampled, replace(rollouts, **broken)))
        expected = policy_gradients(policy_of(sampled, replace(rollouts, **same)))
        for name, gradient in found.items():
            assert bool(gradient.isfinite().all())
            assert torch.equal(gradient, expected[name]), name


def test_a_completion_for_which_the_weights_give_no_numbers_is_counted_and_left_out(
    sampled: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollouts = read(sampled)
    policy = policy_of(sampled, rollouts)
    bad = policy.trained[0]
    plain = Policy.scored

    def broken(self: Policy, model: LanguageModel, rows: list[int], **more: Any) -> Any:
        found = plain(self, model, rows, **more)
        spoiled = torch.cat([torch.full((len(self.masks[row]),), math.nan if row == bad else 0.0) for row in rows])
        return replace(found, logprobs=found.logprobs + spoiled)

    with monkeypatch.context() as patch:
        patch.setattr(Policy, "scored", broken)
        found = policy_gradients(policy)
    assert policy.progress.sums["broken_passes"] == 1
    assert all(bool(gradient.isfinite().all()) for gradient in found.values())
    assert any(bool(gradient.any()) for gradient in found.values())


def test_advantages_dealt_at_random_are_a_control_with_the_same_advantages(sampled: Bench) -> None:
    plain = policy_of(sampled, read(sampled)).graded().advantages
    dealt = policy_of(sampled, read(sampled), shuffle_advantages=True).graded().advantages
    assert dealt.tolist() != plain.tolist()
    assert dealt.sort(dim=1).values.tolist() == plain.sort(dim=1).values.tolist()
