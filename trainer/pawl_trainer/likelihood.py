"""Log-probabilities of completions under a model, in one forward pass that also gives the embeddings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint as recompute

from pawl_trainer.batching import hidden_at
from pawl_trainer.language_model import LanguageModel
from pawl_trainer.sampling import Sampling, distribution

LOGITS_AT_ONCE = 1 << 26  # 256 MiB of float32


@dataclass(frozen=True)
class Scored:
    """Per completion token, all completions after each other: log-probability and entropy; per completion: embedding."""

    logprobs: Tensor
    entropies: Tensor
    embeddings: Tensor


def score(
    model: LanguageModel,
    prompts: Sequence[Sequence[int]],
    completions: Sequence[Sequence[int]],
    sampling: Sampling,
    rows: int,
    between: Callable[[], None] | None = None,
    done: list[Tensor] | None = None,
    *,
    entropy_gradient: bool = False,
) -> Scored:
    """
    Scores completions under the distribution that the sampler draws from. A completion without the embed token gets one
    for its embedding, and no log-probability for it. `between` and `done` are those of hidden_at. Entropies have a
    gradient only when that is asked for: it takes the memory of another array of logits.
    """
    embed_id = model.contract.embed_id
    sequences: list[list[int]] = []
    wanted: list[list[int]] = []
    last: list[bool] = []
    early: list[bool] = []
    for prompt, completion in zip(prompts, completions, strict=True):
        forced = [] if completion and completion[-1] == embed_id else [embed_id]
        sequences.append([*prompt, *completion, *forced])
        wanted.append([*range(len(prompt) - 1, len(prompt) + len(completion) - 1), len(sequences[-1]) - 1])
        last.extend([False] * len(completion) + [True])
        early.extend(step < sampling.min_new for step in range(len(completion)))
    states = hidden_at(
        model.network,
        sequences,
        wanted,
        rows=rows,
        side=model.contract.padding,
        pad_id=model.contract.pad_id,
        between=between,
        done=done,
    )
    at_end = torch.tensor(last, device=states.device)
    targets = torch.tensor([token for completion in completions for token in completion], device=states.device)
    too_early = torch.tensor(early, dtype=torch.bool, device=states.device)

    def of_tokens(part: Tensor, target: Tensor, early_part: Tensor) -> tuple[Tensor, Tensor]:
        logits = model.network.get_output_embeddings()(part)
        log_all = distribution(logits, model.contract, sampling, early_part).log_softmax(-1)
        with torch.set_grad_enabled(entropy_gradient and torch.is_grad_enabled()):
            entropy = -(log_all.exp() * log_all).sum(-1)
        return log_all.gather(1, target[:, None]).squeeze(1), entropy

    logprobs, entropies = in_parts(of_tokens, states[~at_end], targets, too_early, width=model.network.config.vocab_size)
    return Scored(logprobs, entropies, model.finish(states[at_end]))


def in_parts(function: Callable[..., tuple[Tensor, ...]], *rows: Tensor, width: int) -> tuple[Tensor, ...]:
    """
    Applies a row-wise function that makes `width` numbers a row to parts that fit into LOGITS_AT_ONCE. Of several parts,
    each is computed again in the backward pass instead of being kept.
    """
    size = max(1, LOGITS_AT_ONCE // width)
    count = rows[0].shape[0]
    if count <= size:
        return function(*rows)
    parts = [
        recompute(function, *(tensor[start : start + size] for tensor in rows), use_reentrant=False)
        for start in range(0, count, size)
    ]
    return tuple(torch.cat(column) for column in zip(*parts, strict=True))
