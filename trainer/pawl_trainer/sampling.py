"""Sampling of completions, many at a time with a key-value cache, and the distribution that they are drawn from.

A draw is by inverse distribution function from uniforms that the caller made, so what a row draws does not depend on the
rows around it. A prompt that several rows have is read once, and its cache is copied to each of them. Rows that have
finished stay in the batch until all have, but nothing is drawn for them; a row whose probabilities are no numbers has
finished.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from pawl_trainer.batching import pad
from pawl_trainer.completion import Completion, completion_of
from pawl_trainer.encoding import Contract
from pawl_trainer.language_model import LanguageModel
from pawl_trainer.losses import IMPOSSIBLE

# Rows for which logits are made, although some have finished. A product of fewer rows goes through other code of the
# libraries, whose sums have other last bits; of more, what a row gets is the same however many there are.
FEWEST_A_THREAD = 16


@dataclass(frozen=True)
class Sampling:
    """
    How completions are drawn; temperature 0 takes the most likely token. top_k (0 = all) and top_p cut what may be drawn and
    change no log-probability: those are of the distribution before the cut, in the sampler as in the update.
    """

    temperature: float
    min_new: int
    max_new: int
    top_p: float = 1.0
    top_k: int = 0


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
) -> list[Completion]:
    """
    One completion a prompt. `uniforms` [prompts, max_new] in [0, 1) decide the draws; None = the most likely token.
    Stops at the embed token, at the end token or at `max_new` tokens.
    """
    network, contract, count = model.network, model.contract, len(prompts)
    with torch.inference_mode():
        logits, cache, mask, positions = prefill(model, prompts)
        device = logits.device
        drawn = torch.full((count, sampling.max_new), contract.pad_id, device=device)
        logprobs = torch.zeros(count, sampling.max_new, device=device)
        lengths = torch.full((count,), sampling.max_new, device=device)
        done = torch.zeros_like(lengths, dtype=torch.bool)
        rows = torch.arange(count, device=device)  # for which a token is drawn
        for step in range(sampling.max_new):
            if step > 0:
                ids, positions = drawn[:, step - 1 : step], positions + 1
                mask = torch.cat([mask, torch.ones_like(ids)], dim=1)
                logits = next_logits(network, ids, mask, positions, cache, rows)
            too_early = torch.full_like(rows, step < sampling.min_new, dtype=torch.bool)
            uniform = None if uniforms is None else uniforms[:, step].to(device)[rows]
            tokens, chosen = draw(distribution(logits, contract, sampling, too_early), uniform, sampling)
            drawn[rows, step], logprobs[rows, step] = tokens, chosen
            ended = (tokens == contract.embed_id) | (tokens == contract.end_id) | ~chosen.isfinite()
            lengths[rows] = torch.where(ended & ~done[rows], step + 1, lengths[rows])
            done[rows] |= ended
            going = count - int(done.sum())
            if going == 0:
                break
            if going < len(rows):
                rows = done.int().argsort(stable=True)[: max(going, FEWEST_A_THREAD * torch.get_num_threads())]
    found = zip(drawn.tolist(), logprobs.tolist(), lengths.tolist(), strict=True)
    return [completion_of(row[:length], chosen[:length], contract) for row, chosen, length in found]


def prefill(model: LanguageModel, prompts: Sequence[Sequence[int]]) -> tuple[Tensor, DynamicCache, Tensor, Tensor]:
    """
    Reads each different prompt once. Returns, a row a prompt: the logits after it [rows, vocabulary], the cache, the mask
    [rows, width] and the position of its last token [rows, 1].
    """
    network = model.network
    places = {prompt: place for place, prompt in enumerate(dict.fromkeys(map(tuple, prompts)))}
    batch = pad([*places], "left", model.contract.pad_id, network.device)
    cache = DynamicCache(config=network.config)
    logits = next_logits(network, batch.ids, batch.mask, batch.positions, cache)
    mask, positions = batch.mask, batch.positions[:, -1:]
    if len(places) == len(prompts):
        return logits, cache, mask, positions
    owner = torch.tensor([places[tuple(prompt)] for prompt in prompts], device=network.device)
    cache.batch_select_indices(owner)
    return logits[owner], cache, mask[owner], positions[owner]


def next_logits(
    network: Any, ids: Tensor, mask: Tensor, positions: Tensor, cache: DynamicCache, rows: Tensor | None = None
) -> Tensor:
    """Logits after the last token of each of `rows` (None = all) [rows, vocabulary]; the cache grows by `ids`."""
    states = network.base_model(
        input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True
    ).last_hidden_state[:, -1]
    logits: Tensor = network.get_output_embeddings()(states if rows is None else states[rows])
    return logits


def draw(logits: Tensor, uniforms: Tensor | None, sampling: Sampling) -> tuple[Tensor, Tensor]:
    """
    A token a row, by inverse distribution function or, without uniforms, the most likely; and its log-probability before
    top_k and top_p. Of a row that holds a NaN the log-probability is NaN.
    """
    probabilities = logits.softmax(-1)
    if uniforms is None:
        tokens = logits.argmax(-1)
    else:
        cumulative = cut_tail(probabilities, sampling).cumsum(-1)
        # Scaled to the sum, which rounding leaves a little off 1; the first entry above the target has probability > 0.
        target = uniforms[:, None] * cumulative[:, -1:]
        tokens = torch.searchsorted(cumulative, target, right=True).squeeze(1).clamp(max=logits.shape[-1] - 1)
    return tokens, probabilities.gather(1, tokens[:, None]).squeeze(1).log()


def cut_tail(probabilities: Tensor, sampling: Sampling) -> Tensor:
    """
    Probabilities [rows, vocabulary] with 0 for what may not be drawn: all but the top_k most likely tokens, and what comes
    after the most likely tokens that together reach top_p (Holtzman et al., 2020). Tokens as likely as the last one stay.
    """
    if sampling.top_k == 0 and sampling.top_p >= 1:
        return probabilities
    ranked = probabilities.sort(dim=-1, descending=True).values
    count = torch.full((len(ranked), 1), sampling.top_k or ranked.shape[1], device=ranked.device)
    if sampling.top_p < 1:
        before = ranked.cumsum(-1) - ranked  # what the more likely ones add up to
        count = torch.minimum(count, (before < sampling.top_p).sum(-1, keepdim=True))
    least = ranked.gather(1, (count - 1).clamp(min=0, max=ranked.shape[1] - 1))
    return probabilities.where(probabilities >= least, 0.0)
