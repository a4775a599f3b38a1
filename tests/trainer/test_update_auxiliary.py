"""The auxiliary InfoNCE: its pairs, its documents, and that cutting or caching it changes nothing but rounding."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Bench
from pawl_trainer import dataset as datasets
from pawl_trainer.batching import Passes
from pawl_trainer.job import Artifact
from pawl_trainer.update_auxiliary import Auxiliary, auxiliary_of
from pawl_trainer.update_rollouts import Rollouts
from update_bench import ROLLOUT, gradients, inputs, policy_of, read, reward, sample


@pytest.fixture(scope="module")
def sampled(made: Bench, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return sample(made, tmp_path_factory.mktemp("sampled"))


def dataset_of(bench: Bench) -> datasets.Dataset:
    return datasets.load(bench.job("update", "g", {}), Artifact(Path(bench.dataset["path"]), "data", "dataset"))


def auxiliary(
    bench: Bench, rollouts: Rollouts | None = None, indexed: dict[str, torch.Tensor] | None = None, **change: Any
) -> Auxiliary:
    policy = policy_of(bench, rollouts or read(bench), **change)
    found = auxiliary_of(policy.settings, policy.progress, dataset_of(bench), policy.rollouts, indexed)
    assert found is not None
    return found


def done(of: Auxiliary) -> tuple[dict[str, torch.Tensor], dict[str, float]]:
    """The gradient at the weights, and the figures."""
    of.progress.together(of.add_gradient)
    return gradients(of.progress.model), of.progress.sums


def plain_info_nce(queries: torch.Tensor, documents: torch.Tensor, temperature: float) -> float:
    """Both ways round, one exponential at a time."""
    total = 0.0
    count = len(queries)
    for i in range(count):
        here = math.exp(float(queries[i] @ documents[i]) / temperature)
        total -= math.log(here / sum(math.exp(float(queries[i] @ documents[j]) / temperature) for j in range(count)))
        total -= math.log(here / sum(math.exp(float(queries[j] @ documents[i]) / temperature) for j in range(count)))
    return total / (2 * count)


def test_half_of_it_is_without_reasoning_and_half_after(sampled: Bench) -> None:
    rollouts, dataset = read(sampled), dataset_of(sampled)
    found = auxiliary(sampled)
    _, sums = done(found)
    model = found.progress.model
    queries = rollouts.replayed
    with torch.no_grad():
        documents = model.embed(model.text.plain("document", [dataset.corpus[dataset.positives[one][0]] for one in queries]), 1)
        plain = model.embed(model.text.plain("query", [dataset.queries[one] for one in queries]), 1)
        rows = [row for row in range(len(queries)) if rollouts.valid[16 + row]]
        after = model.embed([[*rollouts.prompts[16 + row], *rollouts.completions[16 + row]] for row in rows], 1)
    assert len(rows) >= 2
    expected = plain_info_nce(plain, documents, 0.05) / 2 + plain_info_nce(after, documents[rows], 0.05) / 2
    assert sums["auxiliary"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("on", ["replay", "batch"])
def test_caching_and_cutting_change_nothing(sampled: Bench, on: str) -> None:
    """Negatives are those of the whole batch, whatever goes through the network at once."""
    whole, sums = done(auxiliary(sampled, auxiliary_on=on, micro_batch=64))
    for change in ({"micro_batch": 3}, {"auxiliary_grad_cache": True, "micro_batch": 3}, {"auxiliary_grad_cache": True}):
        found, figures = done(auxiliary(sampled, auxiliary_on=on, **change))
        assert figures["auxiliary"] == pytest.approx(sums["auxiliary"], rel=1e-5)
        assert figures["auxiliary_norm"] == pytest.approx(sums["auxiliary_norm"], rel=1e-4)
        for name, gradient in whole.items():
            assert torch.allclose(found[name], gradient, atol=1e-5, rtol=1e-3), (change, name)


def test_what_came_before_stays_in_the_gradient(sampled: Bench) -> None:
    alone, _ = done(auxiliary(sampled))
    for cached in (False, True):
        found = auxiliary(sampled, auxiliary_grad_cache=cached)
        for weight in found.progress.model.network.parameters():
            weight.grad = torch.full_like(weight, 0.25)
        together, figures = done(found)
        for name, gradient in alone.items():
            assert torch.allclose(together[name], gradient + 0.25, atol=1e-4), name
        elements = sum(weight.numel() for weight in found.progress.model.network.parameters())
        assert figures["policy_norm"] == pytest.approx(0.25 * math.sqrt(elements), rel=1e-4)


def test_on_the_batch_each_valid_sample_is_a_query(sampled: Bench) -> None:
    rollouts = read(sampled)
    found = auxiliary(sampled, auxiliary_on="batch")
    assert found.pairs == 4
    assert sum(len(part) for part in found.rounds) == sum(rollouts.valid[:16])
    assert all(len({query for query, _ in part}) == len(part) for part in found.rounds)
    for part in found.rounds:
        for query, place in part:
            rows = range(4 * query, 4 * query + 4)
            assert found.sequences[place] in [[*rollouts.prompts[row], *rollouts.completions[row]] for row in rows]


def test_documents_out_of_the_index_have_no_gradient(sampled: Bench) -> None:
    """With the embeddings that the model would give, the loss is the same, and the gradient is that of the queries alone."""
    dataset, encoded = dataset_of(sampled), auxiliary(sampled)
    names = list(dataset.corpus)
    with torch.no_grad():
        vectors = encoded.progress.model.embed(encoded.progress.model.text.plain("document", list(dataset.corpus.values())), 8)
    indexed = dict(zip(names, vectors, strict=True))
    gradient, sums = done(auxiliary(sampled, indexed=indexed))
    whole, same = done(encoded)
    assert sums["auxiliary"] == pytest.approx(same["auxiliary"], rel=1e-4)
    assert any(not torch.allclose(gradient[name], whole[name], atol=1e-4) for name in whole)
    again, _ = done(auxiliary(sampled, indexed=indexed, auxiliary_grad_cache=True))
    for name, each in gradient.items():
        assert torch.allclose(again[name], each, atol=1e-5, rtol=1e-3), name


@pytest.mark.parametrize("cached", [False, True])
def test_an_embedding_that_is_no_number_is_left_out(sampled: Bench, monkeypatch: pytest.MonkeyPatch, cached: bool) -> None:
    """The pair of a broken query is as if it were not there; nothing of it reaches a gradient."""
    found = auxiliary(sampled, auxiliary_grad_cache=cached)
    place = found.pairs + 1  # the second query without reasoning
    with torch.no_grad():
        vectors = found.progress.model.embed(found.sequences, 8)
        expected = float(found.loss({row: vectors[row] for row in range(len(vectors)) if row != place}))
    plain = Passes.states

    def broken(self: Passes, network: Any, number: int) -> torch.Tensor:
        bad = [self.sequences[row] == found.sequences[place] for row in self.groups[number]]
        return plain(self, network, number) * torch.where(torch.tensor(bad)[:, None], math.nan, 1.0)

    with monkeypatch.context() as patch:
        patch.setattr(Passes, "states", broken)
        gradient, sums = done(found)
    assert sums["broken_passes"] == 1
    assert sums["auxiliary"] == pytest.approx(expected, rel=1e-5)
    assert all(bool(each.isfinite().all()) for each in gradient.values())
    assert any(bool(each.any()) for each in gradient.values())


def test_nothing_replayed_is_no_auxiliary(sampled: Bench) -> None:
    policy = policy_of(sampled, replace(read(sampled), replayed=[]))
    assert auxiliary_of(policy.settings, policy.progress, dataset_of(sampled), policy.rollouts, None) is None


def test_nothing_replayed_is_said(sampled: Bench, tmp_path: Path) -> None:
    bench = Bench(tmp_path, dataset=sampled.dataset, model=sampled.model)
    bench.run("rollout", "r", {"policy": bench.model, "data": bench.dataset, **ROLLOUT, "replay": 0})
    reward(bench, [(7 * number % 5) / 5 for number in range(16)])
    bench.run("update", "u", inputs(bench))
    bench.run("update", "without", inputs(bench, auxiliary_weight=0.0))
    told = [event["message"] for event in bench.events.sent if event["type"] == "warning"]
    assert sum("no replayed pairs" in message for message in told) == 1
