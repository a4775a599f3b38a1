"""A sequence has the same states however it is padded and whatever is in its batch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from conftest import Bench
from pawl_trainer.batching import buckets, hidden_at, pad
from pawl_trainer.job import Artifact
from pawl_trainer.language_model import LanguageModel, load

SEQUENCES = [[5, 6, 7], [9, 8, 7, 6, 5, 4, 10, 11, 12, 13], [20], [31, 32, 33, 34, 35]]


@pytest.fixture
def model(bench: Bench) -> LanguageModel:
    artifact = Artifact(Path(bench.model["path"]), bench.model["identity"], "model")
    return load(bench.job("encode", "w", {}), artifact)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("rows", [1, 3, 4])
def test_padded_is_unpadded(model: LanguageModel, side: str, rows: int) -> None:
    wanted = [[len(sequence) - 1, 0] for sequence in SEQUENCES]
    with torch.no_grad():
        padded = hidden_at(model.network, SEQUENCES, wanted, rows=rows, side=side, pad_id=0)
        for number, sequence in enumerate(SEQUENCES):
            alone = model.network.base_model(input_ids=torch.tensor([sequence])).last_hidden_state[0]
            assert torch.allclose(padded[2 * number], alone[-1], atol=1e-5)
            assert torch.allclose(padded[2 * number + 1], alone[0], atol=1e-5)


def test_positions_count_real_tokens() -> None:
    batch = pad(SEQUENCES[:2], "left", 0, torch.device("cpu"), round_to=1)
    assert batch.positions.tolist() == [[0] * 8 + [1, 2], list(range(10))]
    assert batch.first == [7, 0]


def test_widths_are_rounded_up() -> None:
    assert pad(SEQUENCES, "right", 0, torch.device("cpu")).ids.shape == (4, 16)


def test_buckets_are_by_length() -> None:
    assert buckets([3, 10, 1, 5], 3) == [[2, 0, 3], [1]]
