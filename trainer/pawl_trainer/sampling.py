"""Sampling of completions, many at a time with a key-value cache, and the distribution that they are drawn from.

A draw is by inverse distribution function from uniforms that the caller made, so what a row draws does not depend on the
rows around it. Rows that have finished stay in the batch until all have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from transformers import DynamicCache

from pawl_trainer.batching import pad
from pawl_trainer.encoding import Contract
from pawl_trainer.language_model import LanguageModel
from pawl_trainer.losses import IMPOSSIBLE

Finish = Literal["embed", "length", "eos"]


@dataclass(frozen=True)
class Completion:
    """What was sampled after a prompt; `ids` ends in the embed token when `finish` is embed."""

    ids: list[int]
    logprobs: list[float]
    finish: Finish

    @property
    def valid(self) -> bool:
        """Whether it ended in the embed token, as it should."""
        return self.finish == "embed"


@dataclass(frozen=True)
class Sampling:
    """How completions are drawn; temperature 0 takes the most likely token."""

    temperature: float
    min_new: int
    max_new: int


def distribution(logits: Tensor, contract: Contract, sampling: Sampling, too_early: Tensor) -> Tensor:
    """
    Logits [rows, vocabulary] as the sampler sees them: float32, over the temperature, without the padding token, and
    without the tokens that end a completion where `too_early` [rows] says so. The update uses the same function.
    """
    scaled = logits.float() / (sampling.temperature or 1.0)
    ends = [contract.embed_id, contract.end_id]
    scaled[:, ends] = torch.where(too_early[:, None], IMPOSSIBLE, scaled[:, ends])
    if contract.pad_id not in ends:
        scaled[:, contract.pad_id] = IMPOSSIBLE
    return scaled


def sample(
    model: LanguageModel,
    prompts: Sequence[Sequence[int]],
    uniforms: Tensor | None,
    sampling: Sampling,
    between: Callable[[], None] | None = None,
) -> list[Completion]:
    """
    One completion a prompt. `uniforms` [prompts, max_new] in [0, 1) decide the draws; None = the most likely token.
    Stops at the embed token, at the end token or at `max_new` tokens.
    """
    network, contract = model.network, model.contract
    batch = pad(prompts, "left", contract.pad_id, network.device)
    cache = DynamicCache(config=network.config)
    ids, mask, positions = batch.ids, batch.mask, batch.positions
    done = torch.zeros(len(prompts), dtype=torch.bool, device=network.device)
    drawn: list[Tensor] = []
    logprobs: list[Tensor] = []
    with torch.inference_mode():
        for step in range(sampling.max_new):
            logits = next_logits(network, ids, mask, positions, cache)
            too_early = torch.full_like(done, step < sampling.min_new)
            logits = distribution(logits, contract, sampling, too_early)
            tokens, chosen = draw(logits, None if uniforms is None else uniforms[:, step].to(logits.device))
            drawn.append(tokens)
            logprobs.append(chosen)
            done = done | (tokens == contract.embed_id) | (tokens == contract.end_id)
            if between is not None:
                between()
            if bool(done.all()):
                break
            ids, positions = tokens[:, None], positions[:, -1:] + 1
            mask = torch.cat([mask, torch.ones_like(ids)], dim=1)
    rows = zip(torch.stack(drawn, 1).tolist(), torch.stack(logprobs, 1).tolist(), strict=True)
    return [cut(row, chosen, contract) for row, chosen in rows]


def next_logits(network: Any, ids: Tensor, mask: Tensor, positions: Tensor, cache: DynamicCache) -> Tensor:
    """Logits after the last token of each row [rows, vocabulary]; the cache grows by `ids`."""
    states = network.base_model(
        input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True
    ).last_hidden_state
    logits: Tensor = network.get_output_embeddings()(states[:, -1])
    return logits


def draw(logits: Tensor, uniforms: Tensor | None) -> tuple[Tensor, Tensor]:
    """A token a row and its log-probability, by inverse distribution function or, without uniforms, the most likely."""
    probabilities = logits.softmax(-1)
    if uniforms is None:
        tokens = logits.argmax(-1)
    else:
        cumulative = probabilities.cumsum(-1)
        # Scaled to the sum, which rounding leaves a little off 1; the first entry above the target has probability > 0.
        target = uniforms[:, None] * cumulative[:, -1:]
        tokens = torch.searchsorted(cumulative, target, right=True).squeeze(1).clamp(max=logits.shape[-1] - 1)
    return tokens, probabilities.gather(1, tokens[:, None]).squeeze(1).log()


def cut(row: list[int], logprobs: list[float], contract: Contract) -> Completion:
    """The part of a row up to the token that ended it. Pure."""
    for place, token in enumerate(row):
        if token in (contract.embed_id, contract.end_id):
            finish: Finish = "embed" if token == contract.embed_id else "eos"
            return Completion(row[: place + 1], logprobs[: place + 1], finish)
    return Completion(row, logprobs, "length")
