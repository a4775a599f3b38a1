"""A model whose outputs are broken stops nothing: they are counted, told, and the update stays finite."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from conftest import Bench, read_jsonl
from pawl_trainer import rollout, sampling
from pawl_trainer.completion import Completion, completion_of
from pawl_trainer.generation import Draws, with_network
from pawl_trainer.language_model import LanguageModel
from pawl_trainer.sampled import Drawing
from pawl_trainer.sampling import Sampling
from safetensors.torch import load_file

EMBED, END = 3, 2
ROLLOUT = {"split": "rl", "queries": 3, "group": 4, "min_new": 0, "temperature": 1.0, "replay": 4, "micro_batch": 8}
Break = Callable[[pytest.MonkeyPatch], None]


def of_logits(change: Callable[[torch.Tensor], None]) -> Break:
    """The head gives other logits than it should."""

    def apply(patch: pytest.MonkeyPatch) -> None:
        real = sampling.next_logits

        def broken(*given: Any) -> torch.Tensor:
            logits = real(*given)
            change(logits)
            return logits

        patch.setattr(sampling, "next_logits", broken)

    return apply


def always(token: int) -> Break:
    """The head is certain of one token."""
    return of_logits(lambda logits: logits[:, token].fill_(1e4))


def never_ending(logits: torch.Tensor) -> None:
    logits[:, [EMBED, END]] = -1e4


def no_numbers(logits: torch.Tensor) -> None:
    logits.fill_(math.nan)


def some_nan(logits: torch.Tensor) -> None:
    logits[:, END] = -1e4
    logits[::2, 7] = math.nan


def twice(patch: pytest.MonkeyPatch) -> None:
    """An engine that goes on after the embed token."""

    def generate(model: LanguageModel, prompts: list[list[int]], draws: Draws | None, drawn: Sampling) -> list[Completion]:
        found = with_network(model, prompts, draws, drawn)
        rows = [[90, EMBED, 91, EMBED] for _ in found]
        return [completion_of(row, [-1.0] * len(row), model.contract) for row in rows]

    patch.setattr(rollout, "Drawing", lambda *given, **_: Drawing(*given, generate=generate))


def without_embedding(patch: pytest.MonkeyPatch) -> None:
    """Hidden states at the embed token that are no numbers, in every other row."""
    always(EMBED)(patch)
    of_logits(lambda logits: logits[:, 90].fill_(1e4 + 1) if logits.shape[0] == 7 else None)(patch)
    real = LanguageModel.finish

    def broken(self: LanguageModel, states: torch.Tensor) -> torch.Tensor:
        vectors = real(self, states).clone()
        vectors[::2] = math.nan
        return vectors

    patch.setattr(LanguageModel, "finish", broken)


CASES: dict[str, tuple[Break, str, float]] = {
    "always the embed token": (always(EMBED), "empty_fraction", 1.0),
    "always the end token": (always(END), "no_embed_fraction", 1.0),
    "never an end": (of_logits(never_ending), "clipped_fraction", 1.0),
    "several embed tokens": (twice, "several_fraction", 1.0),
    "logits that are no numbers": (of_logits(no_numbers), "nan_fraction", 1.0),
    "such logits in some rows": (of_logits(some_nan), "nan_fraction", 0.5),
    "embeddings that are no numbers": (without_embedding, "nan_fraction", 0.5),
}


@pytest.mark.parametrize("case", CASES)
def test_the_loop_goes_on(bench: Bench, case: str) -> None:
    breaking, share, least = CASES[case]
    with pytest.MonkeyPatch.context() as patch:
        breaking(patch)
        metrics = bench.run("rollout", "r", {"policy": bench.model, "data": bench.dataset, **ROLLOUT})
    assert metrics[share] >= least
    shares = ["no_embed_fraction", "clipped_fraction", "several_fraction", "empty_fraction", "nan_fraction"]
    assert metrics["valid_fraction"] + sum(metrics[name] for name in shares) == pytest.approx(1)
    warned = [event["message"] for event in bench.events.sent if event["type"] == "warning"]
    assert any("of the samples are malformed" in message for message in warned)

    folder = bench.folder / "r" / "outputs" / "rollouts"
    samples = read_jsonl(folder / "samples.jsonl")
    tensors = load_file(folder / "rollouts.safetensors")
    assert bool(tensors["embedding"].isfinite().all())
    assert tensors["valid"][: len(samples)].bool().tolist() == [row["defect"] is None for row in samples]
    lengths = (tensors["completion_offsets"][1:] - tensors["completion_offsets"][:-1]).tolist()
    for valid, mask in zip(tensors["valid"].tolist(), tensors["loss_mask"].split(lengths), strict=True):
        assert valid or not bool(mask.any())

    rewards = [{"rank": None if row["defect"] else 1, "reward": 0.0 if row["defect"] else 1.0} for row in samples]
    (folder / "rewards.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rewards))
    given = {"policy": bench.model, "data": bench.dataset, "rollouts": bench.output("r", "rollouts", "rollouts")}
    figures = bench.run("update", "u", given)
    assert all(math.isfinite(value) for value in figures.values()), figures
    written = load_file(bench.folder / "u" / "outputs" / "model" / "model.safetensors")
    assert all(bool(weight.isfinite().all()) for weight in written.values())
