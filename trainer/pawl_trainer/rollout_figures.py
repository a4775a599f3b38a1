"""What a batch of rollouts looks like: its figures, and the warnings that tell a policy that collapses.

All figures are over the rewarded samples. The reasoning of a sample is its tokens before the one that ended it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pawl_trainer.completion import DEFECTS, Completion, Defect, reasoning_of
from pawl_trainer.encoding import Contract
from pawl_trainer.sampling import Sampling

LOOP_PERIOD, LOOP_TIMES, LOOP_TOKENS = 16, 3, 8


@dataclass(frozen=True)
class Observed:
    """The rewarded samples, query by query: `group` of each. Tensors are one row, or one value a token, after the other."""

    group: int
    completions: list[Completion]
    defects: list[Defect | None]
    logprobs: list[Tensor]  # scored with the trainer's weights, per sample
    entropies: list[Tensor]
    embeddings: Tensor  # [samples, dimension]
    plain: Tensor  # [queries, dimension], without reasoning


@dataclass(frozen=True)
class Limits:
    """Beyond which a warning is given; the inputs of the kind have the same names."""

    warn_malformed: float
    warn_entropy: float
    warn_identical: float
    warn_repetition: float
    warn_minimum: float
    warn_agreement: float
    warn_mismatch: float


def figures_of(observed: Observed, contract: Contract, sampling: Sampling) -> dict[str, float]:
    """The metrics of rl.rollout; NaN where there is nothing to measure. Pure."""
    found, defects = observed.completions, observed.defects
    lengths = np.array([len(one.ids) for one in found])
    reasonings = [tuple(reasoning_of(one, contract)) for one in found]
    entropies = torch.cat(observed.entropies)
    entropies = entropies[entropies.isfinite()]
    shares = {defect: sum(one == defect for one in defects) / len(found) for defect in DEFECTS}
    return {
        "valid_fraction": sum(defect is None for defect in defects) / len(found),
        "mean_length": float(lengths.mean()),
        **{f"length_p{part}": float(np.percentile(lengths, part)) for part in (10, 50, 90)},
        "minimum_fraction": float((lengths <= sampling.min_new + 1).mean()),
        "clipped_fraction": shares["endless"],
        "no_embed_fraction": shares["no-embed"],
        "several_fraction": shares["several"],
        "empty_fraction": shares["empty"],
        "nan_fraction": shares["nan"],
        "entropy": float(entropies.mean()) if len(entropies) else math.nan,
        "distinct_1": distinct(reasonings, 1),
        "distinct_2": distinct(reasonings, 2),
        "repetition": repetition(reasonings),
        "loop_fraction": sum(loop(row) > 0 for row in reasonings) / len(reasonings),
        "identical_fraction": identical(reasonings, observed.group),
        "agreement": agreement(observed),
        **mismatch(observed),
    }


def distinct(rows: Sequence[tuple[int, ...]], n: int) -> float:
    """Different n-grams over all n-grams of the batch (Li et al., 2016); NaN without one. Pure."""
    grams = [row[at : at + n] for row in rows for at in range(len(row) - n + 1)]
    return len(set(grams)) / len(grams) if grams else math.nan


def repetition(rows: Sequence[tuple[int, ...]]) -> float:
    """Mean over rows of two bigrams or more: the share of its bigrams that stood in it before. NaN without such a row. Pure."""
    shares = [1 - distinct([row], 2) for row in rows if len(row) > 2]
    return sum(shares) / len(shares) if shares else math.nan


def loop(row: Sequence[int]) -> int:
    """
    Tokens of the longest stretch of a row in which the same n tokens, 1 <= n <= LOOP_PERIOD, stand LOOP_TIMES times in a row or
    more; 0 where none has LOOP_TOKENS. The reward has the same (retrieval/repetition.ts). Pure.
    """
    longest = 0
    for n in range(1, min(LOOP_PERIOD, len(row) // LOOP_TIMES) + 1):
        same = 0
        for at in range(n, len(row)):
            same = same + 1 if row[at] == row[at - n] else 0
            if same + n >= max(LOOP_TIMES * n, LOOP_TOKENS):
                longest = max(longest, same + n)
    return longest


def identical(rows: Sequence[tuple[int, ...]], group: int) -> float:
    """Share of samples that another, earlier sample of their query equals, token by token. Pure."""
    groups = [rows[start : start + group] for start in range(0, len(rows), group)]
    return sum(len(own) - len(set(own)) for own in groups) / len(rows)


def agreement(observed: Observed) -> float:
    """Mean cosine of the embeddings of valid samples with the embedding of their query without reasoning."""
    valid = torch.tensor([defect is None for defect in observed.defects])
    if not bool(valid.any()):
        return math.nan
    plain = observed.plain.repeat_interleave(observed.group, dim=0)[valid]
    return float(torch.nn.functional.cosine_similarity(observed.embeddings[valid], plain).mean())


def mismatch(observed: Observed) -> dict[str, float]:
    """|log-probability of the sampler - of the trainer| over tokens where both are numbers: mean and largest."""
    sampled = torch.tensor([value for one in observed.completions for value in one.logprobs])
    apart = (sampled - torch.cat(observed.logprobs).cpu()).abs()
    apart = apart[apart.isfinite()]
    if not len(apart):
        return {"mismatch_mean": math.nan, "mismatch_max": math.nan}
    return {"mismatch_mean": float(apart.mean()), "mismatch_max": float(apart.max())}


def warnings_of(figures: dict[str, float], limits: Limits) -> list[str]:
    """What a person should know of these figures: one line a limit that is passed. A figure that is NaN passes none. Pure."""
    malformed = 1 - figures["valid_fraction"]
    names = {"clipped": "endless", "no_embed": "no embed token", "several": "several", "empty": "empty", "nan": "NaN"}
    reasons = ", ".join(f"{word} {figures[f'{name}_fraction']:.0%}" for name, word in names.items())
    rules = [
        (malformed > limits.warn_malformed, f"{malformed:.0%} of the samples are malformed ({reasons})", "warn_malformed"),
        (
            figures["entropy"] < limits.warn_entropy,
            f"the policy is almost certain of every token: entropy {figures['entropy']:.3g} nats",
            "warn_entropy",
        ),
        (
            figures["identical_fraction"] > limits.warn_identical,
            f"{figures['identical_fraction']:.0%} of the samples repeat another one of their query",
            "warn_identical",
        ),
        (
            figures["repetition"] > limits.warn_repetition,
            f"{figures['repetition']:.0%} of the bigrams of a sample stand in it before",
            "warn_repetition",
        ),
        (
            figures["minimum_fraction"] > limits.warn_minimum,
            f"{figures['minimum_fraction']:.0%} of the samples are as short as may be",
            "warn_minimum",
        ),
        (
            figures["agreement"] > limits.warn_agreement,
            f"reasoning does not move the embedding: cosine {figures['agreement']:.4f} with the one without",
            "warn_agreement",
        ),
        (
            figures["mismatch_mean"] > limits.warn_mismatch,
            f"sampler and trainer differ by {figures['mismatch_mean']:.3g} nats a token on average",
            "warn_mismatch",
        ),
    ]
    bounds = vars(limits)
    return [f"Rollouts: {text} (`{name}` is {bounds[name]:g})." for passed, text, name in rules if passed]
