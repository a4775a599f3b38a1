"""Log-probabilities of completions under a model, in one forward pass that also gives the embeddings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint as recompute

from pawl_trainer import dealing
from pawl_trainer.batching import Done, hidden_at
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
    done: Done | None = None,
    *,
    entropy_gradient: bool = False,
) -> Scored:
    """
    Scores completions under the distribution that the sampler draws from. A completion without the embed token gets one
    for its embedding, and no log-probability for it. `done` is that of hidden_at. Entropies have a gradient only when that
    is asked for: it takes the memory of another array of logits.
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

    width, deal = model.network.config.vocab_size, done is not None
    logprobs, entropies = in_parts(of_tokens, states[~at_end], targets, too_early, width=width, deal=deal)
    return Scored(logprobs, entropies, model.finish(states[at_end]))


def in_parts(function: Callable[..., tuple[Tensor, ...]], *rows: Tensor, width: int, deal: bool = False) -> tuple[Tensor, ...]:
    """
    Applies a row-wise function that makes `width` numbers a row to parts that fit into LOGITS_AT_ONCE. Of several parts,
    each is computed again in the backward pass instead of being kept. With `deal` the processes that share the job make the
    parts together, without a gradient.
    """
    size = max(1, LOGITS_AT_ONCE // width)
    count = rows[0].shape[0]
    if count <= size:
        return function(*rows)

    def part(number: int) -> tuple[Tensor, ...]:
        return tuple(tensor[number * size : (number + 1) * size] for tensor in rows)

    def made(number: int) -> Tensor:
        return torch.stack(function(*part(number)))

    numbers = -(-count // size)
    parts: list[tuple[Tensor, ...]]
    if deal:
        wire = dealing.tensors(rows[0].device)
        parts = [found.unbind(0) for turn in dealing.rounds(0, numbers) for found in dealing.make(turn, made, wire)]
    else:
        parts = [recompute(function, *part(number), use_reentrant=False) for number in range(numbers)]
    return tuple(torch.cat(column) for column in zip(*parts, strict=True))
