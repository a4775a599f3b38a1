"""Who generates: one function, so that an engine made for generation can take the place of the network in this process.

A backend must draw from the distribution of sampling.distribution (temperature, no padding, no end before the minimum), cut
by top_p and top_k, and give the log-probabilities of what it drew before that cut. Rollouts score its completions with the
weights of the trainer and report by how much the two differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pawl_trainer import seeds
from pawl_trainer.completion import Completion
from pawl_trainer.language_model import LanguageModel
from pawl_trainer.sampling import Sampling, sample


@dataclass(frozen=True)
class Draws:
    """Chance: one key a row names its generator, together with the seed (seeds.derive)."""

    seed: int
    keys: Sequence[tuple[str | int, ...]]


class Generate(Protocol):
    """
    One completion a prompt, in order, made with completion.completion_of. `draws` None: the most likely tokens. What a row
    draws must depend on its key and on nothing around it.
    """

    def __call__(
        self, model: LanguageModel, prompts: Sequence[Sequence[int]], draws: Draws | None, sampling: Sampling
    ) -> list[Completion]: ...


def with_network(
    model: LanguageModel, prompts: Sequence[Sequence[int]], draws: Draws | None, sampling: Sampling
) -> list[Completion]:
    """Generates with the network itself, in this process (sampling.py)."""
    uniforms = None if draws is None else seeds.uniforms(draws.seed, list(draws.keys), sampling.max_new)
    return sample(model, prompts, uniforms, sampling)
