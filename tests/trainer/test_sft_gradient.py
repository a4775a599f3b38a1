"""What must not change the gradient of a step of stage 1: micro-batches, token budgets, GradCache, chunks of positions."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Bench
from pawl_trainer import likelihood, sft, sft_losses, sft_schedule
from pawl_trainer.batching import buckets
from pawl_trainer.encoding import read_contract
from pawl_trainer.losses import info_nce
from pawl_trainer.sft_batch import step_batch
from safetensors.torch import load_file

ALL_LOSSES = {"steps": 1, "batch": 12, "micro_batch": 5, "pairs": 4, "self_from": 0.0, "self_share": 0.5, "negatives": 2}
ALL_LOSSES |= {"infonce_target_weight": 1.0}


@pytest.fixture
def rich(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A bench on which every loss applies: hard negatives in the dataset, reasonings of its own, dropout, a moved model."""
    data = tmp_path / "rich-data"
    shutil.copytree(bench.dataset["path"], data)
    rows = [
        {"query": f"q{number:02}", "negatives": [f"d{(number + far) % 24:02}" for far in (1, 2, 5)]} for number in range(16)
    ]
    (data / "negatives.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    model = tmp_path / "rich-model"
    shutil.copytree(bench.model["path"], model)
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "attention_dropout": 0.2}))
    embed = read_contract(model).embed_id

    def own(trainer: Any) -> dict[str, list[int]]:
        return {query: [7, 9, 11, embed] for query in trainer.material.queries}

    monkeypatch.setattr(sft, "sample_own", own)
    return Bench(
        tmp_path,
        dataset={"path": str(data), "identity": "rich-data", "type": "dataset"},
        model={"path": str(model), "identity": "rich-model", "type": "model"},
    )


def gradient(bench: Bench, work: str, **change: Any) -> tuple[dict[str, float], torch.Tensor]:
    """The metrics of one step and its gradient, from the first moment of the optimizer."""
    given = {"model": bench.model, "data": bench.dataset, "clip": 1e9, "warmup": 0, **ALL_LOSSES, **change}
    bench.run("sft", work, given)
    values = next(event["values"] for event in bench.events.sent if event["type"] == "metrics")
    bench.events.sent.clear()
    moments = load_file(bench.folder / work / "outputs" / "state" / "optimizer.safetensors")
    return values, torch.cat([moments[name].flatten() for name in sorted(moments) if name.endswith(":exp_avg")]) / 0.1


def close(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Equal but for the order in which float32 sums are taken."""
    return float((one - other).abs().max()) <= 2e-5 * float(other.abs().max())


def test_grad_cache_gives_the_plain_gradient_with_dropout_and_all_losses(rich: Bench) -> None:
    plain, expected = gradient(rich, "plain")
    assert {"infonce", "triplet", "infonce_reason", "infonce_target", "infonce_pairs", "ce"} <= plain.keys()
    cached, found = gradient(rich, "cached", grad_cache=True)
    assert cached == pytest.approx(plain, rel=1e-5)
    assert close(found, expected)
    _, otherwise = gradient(rich, "otherwise", grad_cache=True, micro_batch=6)
    assert not close(otherwise, expected), "dropout draws other masks in other groups: it is on in this test"


@pytest.mark.parametrize(
    "change",
    [
        {"micro_batch": 3},
        {"micro_batch": 64},
        {"micro_tokens": 64},
        {"micro_tokens": 9999},
        {"micro_tokens": 1, "grad_cache": True},
    ],
    ids=str,
)
def test_how_a_batch_is_cut_changes_nothing_but_rounding(
    bench: Bench, change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    found, cut = gradient(bench, "cut", **change)
    monkeypatch.setattr(sft, "buckets", lambda lengths, rows, tokens: [[number] for number in range(len(lengths))])
    expected, plain = gradient(bench, "in-order")  # sequence by sequence, in the order of the batch, without padding
    assert found == pytest.approx(expected, rel=1e-5)
    assert close(cut, plain)


def test_a_token_budget_is_kept() -> None:
    lengths = [3, 30, 9, 8, 17, 1]
    groups = buckets(lengths, rows=2, tokens=32)
    assert groups == [[5, 0, 3], [2], [4], [1]], "8 + 8 + 8 padded tokens, then 16, 24 and 32"
    assert buckets(lengths, rows=2, tokens=1) == [[5], [0], [3], [2], [4], [1]], "one sequence at least"
    assert buckets(lengths, rows=4) == [[5, 0, 3, 2], [4, 1]]


def moved(bench: Bench, **change: Any) -> sft.Trainer:
    """A trainer whose model has left its start, and whose step has a KL."""
    given = {"model": bench.model, "data": bench.dataset, **ALL_LOSSES, "kl_weight": 1.0, **change}
    trainer = sft.prepare(bench.prepared("sft", "moved", given))
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in trainer.model.network.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    return trainer


@pytest.mark.parametrize("vocabulary", ["old", "full"])
@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_chunks_of_positions_change_nothing(
    bench: Bench, vocabulary: str, direction: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def step() -> tuple[float, torch.Tensor]:
        trainer = moved(bench, kl_vocabulary=vocabulary, kl_direction=direction, infonce_weight=0, triplet_weight=0, clip=1e9)
        values = sft.train_step(trainer)
        return values["kl"], torch.cat([state["exp_avg"].flatten() for state in trainer.optimizer.state.values()])

    whole, expected = step()
    monkeypatch.setattr(likelihood, "LOGITS_AT_ONCE", 320 * 3)
    chunked, found = step()
    assert whole > 1e-3
    assert chunked == pytest.approx(whole, rel=1e-5)
    assert close(found, expected)


@pytest.mark.parametrize("change", [{"ce_weight": 1.0}, {"ce_weight": 0.0, "infonce_weight": 0.0, "triplet_weight": 0.0}])
def test_infonce_after_targets_is_that_of_their_embeddings(bench: Bench, change: dict[str, float]) -> None:
    trainer = moved(bench, self_from=1.0, pairs=0, kl_weight=0.0, **change)
    material, embed_id = trainer.material, trainer.model.contract.embed_id
    queries = trainer.draw.at(0)
    told = [[*material.prompts[query], *material.targets[query], embed_id] for query in queries]
    with torch.no_grad():
        vectors = trainer.model.embed(told, 16)
        documents = trainer.model.embed([material.documents[material.positives[query][0]] for query in queries], 16)
    known = torch.zeros(len(queries), len(queries), dtype=torch.bool)
    expected = info_nce(vectors, documents, 0.05, known)
    values = sft.train_step(trainer)
    assert values["infonce_target"] == pytest.approx(float(expected), rel=1e-4)
    assert ("ce" in values) == (change["ce_weight"] > 0)


def test_kl_leaves_out_where_the_embed_token_is_next_or_was_last(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = moved(bench)
    only_kl = dict.fromkeys(("ce", "infonce", "infonce_reason", "infonce_target", "triplet"), 0.0)
    batch = step_batch(trainer, {**only_kl, "kl": 1.0})
    places = torch.cat([torch.arange(len(answer)) - len(answer) for answer in batch.answers])
    values = torch.where(places >= -2, 1000.0, 1.0)
    monkeypatch.setattr(sft_losses, "divergence", lambda frozen, logits, **options: values + 0 * logits.sum(-1))
    states = torch.zeros(batch.view.rows, trainer.model.contract.dimension)
    now = sft_schedule.at(trainer.schedules, 0, 1)
    now.weights["infonce_target"] = 0.0
    assert sft_losses.step_losses(trainer, batch, now, states)["kl"].item() == pytest.approx(1.0)
    for answer in batch.answers:
        assert answer[-2:] == [trainer.model.contract.embed_id, trainer.model.contract.end_id]
