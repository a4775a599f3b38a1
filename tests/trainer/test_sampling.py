"""Draws by inverse distribution function, what may not be drawn, and prompts that are read once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Bench
from pawl_trainer import language_model, sampling
from pawl_trainer.batching import pad
from pawl_trainer.completion import Completion
from pawl_trainer.encoding import Contract, read_contract
from pawl_trainer.job import Artifact
from pawl_trainer.sampling import Sampling, cut_tail, distribution, draw, prefill
from torch import tensor
from transformers import DynamicCache

ALL = Sampling(1.0, 0, 9)
CUTS = [(1.0, 0), (1.0, 2), (1.0, 1), (0.6, 0), (0.6, 1)]


@pytest.fixture
def contract(bench: Bench) -> Contract:
    return read_contract(Path(bench.model["path"]))


def test_a_draw_is_where_the_distribution_function_passes_the_uniform() -> None:
    logits = tensor([0.25, 0.0, 0.5, 0.25]).log().expand(5, 4)
    tokens, logprobs = draw(logits, tensor([0.0, 0.24, 0.25, 0.74, 0.9999999]), ALL)
    assert tokens.tolist() == [0, 0, 2, 2, 3]
    assert logprobs.exp().tolist() == pytest.approx([0.25, 0.25, 0.5, 0.5, 0.25])


def test_draws_have_the_frequencies_of_the_distribution() -> None:
    logits = torch.randn(1, 50, generator=torch.Generator().manual_seed(1))
    uniforms = torch.rand(20_000, generator=torch.Generator().manual_seed(2))
    tokens, _ = draw(logits.expand(20_000, 50), uniforms, ALL)
    found = torch.bincount(tokens, minlength=50) / 20_000
    assert float((found - logits.softmax(-1)[0]).abs().max()) < 0.01


def test_without_uniforms_the_most_likely_token_is_taken() -> None:
    assert draw(tensor([[0.1, 2.0, 0.3]]), None, ALL)[0].tolist() == [1]


def test_padding_never_and_ends_not_too_early(contract: Contract) -> None:
    logits = torch.zeros(2, 6)
    found = distribution(logits, contract, Sampling(0.5, 3, 9), tensor([True, False])).softmax(-1)
    ends = [contract.embed_id, contract.end_id]
    assert found[:, contract.pad_id].tolist() == [0, 0]
    assert found[0, ends].tolist() == [0, 0]
    assert found[1, ends].tolist() == pytest.approx([0.2, 0.2])


def test_top_k_and_top_p_cut_what_may_be_drawn_and_no_log_probability() -> None:
    probabilities = tensor([[0.1, 0.4, 0.2, 0.3]])
    kept = [cut_tail(probabilities, Sampling(1, 0, 9, top_p, top_k))[0].tolist() for top_p, top_k in CUTS]
    expected = [[0.1, 0.4, 0.2, 0.3], [0, 0.4, 0, 0.3], [0, 0.4, 0, 0], [0, 0.4, 0, 0.3], [0, 0.4, 0, 0]]
    assert kept == [pytest.approx(row) for row in expected]
    tokens, logprobs = draw(probabilities.log().expand(3, 4), tensor([0.0, 0.6, 0.99]), Sampling(1, 0, 9, 1.0, 2))
    assert tokens.tolist() == [1, 3, 3]
    assert logprobs.exp().tolist() == pytest.approx([0.4, 0.3, 0.3])


def test_a_row_of_nan_is_told_by_its_log_probability_and_touches_no_other() -> None:
    logits = torch.zeros(2, 4)
    logits[0, 1] = float("nan")
    for cut in (ALL, Sampling(1, 0, 9, 0.5, 3)):
        tokens, logprobs = draw(logits, tensor([0.5, 0.5]), cut)
        assert logprobs.isnan().tolist() == [True, False]
        assert all(0 <= token < 4 for token in tokens.tolist())


def test_a_prompt_that_several_rows_have_is_read_once_and_gives_the_same(bench: Bench) -> None:
    # To rounding, not to the bit: the matrix library takes another kernel for another number of rows.
    model = language_model.load(bench.job("encode", "w", {}), Artifact(Path(bench.model["path"]), "m", "model"))
    prompts = [[1, 30, 31, 2], [1, 40, 2], [1, 50, 51, 52, 53, 2]]
    grouped = [prompt for prompt in prompts for _ in range(4)]
    read: list[int] = []
    wrapped = sampling.next_logits

    def counted(network: Any, ids: torch.Tensor, *rest: Any) -> torch.Tensor:
        read.append(len(ids))
        return wrapped(network, ids, *rest)

    with torch.inference_mode(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampling, "next_logits", counted)
        logits, cache, mask, positions = prefill(model, grouped)
        assert read == [3]
        batch = pad(grouped, "left", model.contract.pad_id, model.network.device)
        plain = DynamicCache(config=model.network.config)
        expected = wrapped(model.network, batch.ids, batch.mask, batch.positions, plain)
    assert torch.allclose(logits, expected, atol=1e-5)
    assert torch.equal(mask, batch.mask)
    assert torch.equal(positions, batch.positions[:, -1:])
    for own, other in zip(cache.layers, plain.layers, strict=True):
        assert torch.allclose(own.keys, other.keys, atol=1e-5)
        assert torch.allclose(own.values, other.values, atol=1e-5)


def test_rows_that_have_finished_are_left_out_and_change_no_bit(bench: Bench) -> None:
    model = language_model.load(bench.job("encode", "w", {}), Artifact(Path(bench.model["path"]), "m", "model"))
    prompts = [[1, 30 + number % 50, 31, 2] for number in range(96)]
    uniforms = torch.rand(96, 10, generator=torch.Generator().manual_seed(5))
    real = sampling.next_logits

    def run(fewest: int, patch: pytest.MonkeyPatch) -> tuple[list[int], list[Completion]]:
        made: list[int] = []

        def ends_early(*given: Any) -> torch.Tensor:
            logits = real(*given)
            logits[:, model.contract.embed_id] += 4.5
            made.append(len(logits))
            return logits

        patch.setattr(sampling, "next_logits", ends_early)
        patch.setattr(sampling, "FEWEST_A_THREAD", fewest)
        return made, sampling.sample(model, prompts, uniforms, Sampling(1.0, 1, 10))

    with pytest.MonkeyPatch.context() as patch:
        every, expected = run(96, patch)
        made, found = run(16, patch)
    assert found == expected
    assert {len(completion.ids) for completion in found} >= {2, 3, 4, 5}
    assert set(every[1:]) == {96}
    assert made[1:] == sorted(made[1:], reverse=True)
    assert made[1] == 96 > made[3] > made[-1] == 16
