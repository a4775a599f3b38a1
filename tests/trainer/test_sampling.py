"""Draws by inverse distribution function, and what may not be drawn."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from conftest import Bench
from pawl_trainer.encoding import Contract, read_contract
from pawl_trainer.sampling import Sampling, cut, distribution, draw
from torch import tensor


@pytest.fixture
def contract(bench: Bench) -> Contract:
    return read_contract(Path(bench.model["path"]))


def test_a_draw_is_where_the_distribution_function_passes_the_uniform() -> None:
    logits = tensor([0.25, 0.0, 0.5, 0.25]).log().expand(5, 4)
    tokens, logprobs = draw(logits, tensor([0.0, 0.24, 0.25, 0.74, 0.9999999]))
    assert tokens.tolist() == [0, 0, 2, 2, 3]
    assert logprobs.exp().tolist() == pytest.approx([0.25, 0.25, 0.5, 0.5, 0.25])


def test_draws_have_the_frequencies_of_the_distribution() -> None:
    logits = torch.randn(1, 50, generator=torch.Generator().manual_seed(1))
    uniforms = torch.rand(20_000, generator=torch.Generator().manual_seed(2))
    tokens, _ = draw(logits.expand(20_000, 50), uniforms)
    found = torch.bincount(tokens, minlength=50) / 20_000
    assert float((found - logits.softmax(-1)[0]).abs().max()) < 0.01


def test_without_uniforms_the_most_likely_token_is_taken() -> None:
    assert draw(tensor([[0.1, 2.0, 0.3]]), None)[0].tolist() == [1]


def test_padding_never_and_ends_not_too_early(contract: Contract) -> None:
    logits = torch.zeros(2, 6)
    found = distribution(logits, contract, Sampling(0.5, 3, 9), tensor([True, False])).softmax(-1)
    ends = [contract.embed_id, contract.end_id]
    assert found[:, contract.pad_id].tolist() == [0, 0]
    assert found[0, ends].tolist() == [0, 0]
    assert found[1, ends].tolist() == pytest.approx([0.2, 0.2])


def test_a_row_is_cut_at_the_token_that_ends_it(contract: Contract) -> None:
    embed, end = contract.embed_id, contract.end_id
    assert cut([9, embed, 8], [-1, -2, -3], contract).finish == "embed"
    assert cut([9, embed, 8], [-1, -2, -3], contract).ids == [9, embed]
    assert cut([9, end, 8], [-1, -2, -3], contract).finish == "eos"
    assert cut([9, 7, 8], [-1, -2, -3], contract).finish == "length"
    assert not cut([9, 7, 8], [-1, -2, -3], contract).valid
