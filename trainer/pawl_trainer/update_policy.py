"""The policy gradient of an update: the clipped surrogate, the KL to a reference and an entropy bonus.

It goes through the trained tokens of the sampled completions only, micro-batch after micro-batch; what a token's loss is
divided by is known before the first, so cutting the batch otherwise changes nothing but rounding. Completions whose numbers
are broken are left out and counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from pawl_trainer import devices
from pawl_trainer.advantages import EPSILON, advantages_of, dealt_at_random
from pawl_trainer.batching import buckets
from pawl_trainer.language_model import LanguageModel
from pawl_trainer.likelihood import Scored, score
from pawl_trainer.policy_losses import clipped, clipped_surrogate, kl_estimate, token_weights
from pawl_trainer.update_rollouts import Rollouts, trained_tokens
from pawl_trainer.update_settings import Settings
from pawl_trainer.update_state import Making, Progress, Unit


@dataclass(frozen=True)
class Policy:
    """What the policy gradient works with; `masks` says which tokens of each sample are trained."""

    settings: Settings
    rollouts: Rollouts
    reference: LanguageModel | None
    progress: Progress
    masks: list[Tensor]

    @classmethod
    def of(cls, settings: Settings, rollouts: Rollouts, reference: LanguageModel | None, progress: Progress) -> Policy:
        """The policy gradient of rollouts."""
        embed_id = progress.model.contract.embed_id
        masks = trained_tokens(rollouts, embed_id, settings.mask, settings.embed_token_gradient)
        return cls(settings, rollouts, reference, progress, masks)

    @property
    def is_wanted(self) -> bool:
        """Whether there is anything to compute: without weight for it, an update is the control with the auxiliary alone."""
        return self.settings.policy_weight > 0 or self.settings.moves_all or self.reference is not None

    @property
    def trained(self) -> list[int]:
        """The samples with trained tokens."""
        return [row for row, mask in enumerate(self.masks) if bool(mask.any())]

    def groups(self, rows: list[int]) -> list[list[int]]:
        """The rows as micro-batches of similar lengths."""
        sizes = [len(self.rollouts.prompts[row]) + len(self.rollouts.completions[row]) for row in rows]
        return [[rows[number] for number in group] for group in buckets(sizes, self.settings.micro_batch)]

    def scored(self, model: LanguageModel, rows: list[int], *, entropy_gradient: bool = False) -> Scored:
        """Log-probabilities and entropies of the completions under a model."""
        prompts = [self.rollouts.prompts[row] for row in rows]
        completions = [self.rollouts.completions[row] for row in rows]
        with devices.arithmetic(self.settings.dtype):
            return score(
                model,
                prompts,
                completions,
                self.rollouts.sampling,
                self.settings.micro_batch,
                entropy_gradient=entropy_gradient,
            )

    def reference_units(self) -> list[Making]:
        """One pass of the reference, whose log-probabilities all epochs use: the parts `reference`."""
        if self.reference is None:
            return []
        return [partial(self.score_reference, self.reference, rows) for rows in self.groups(self.trained)]

    def score_reference(self, reference: LanguageModel, rows: list[int]) -> Tensor:
        """The reference's log-probabilities of some samples."""
        with torch.no_grad():
            return self.scored(reference, rows).logprobs

    def reference_logprobs(self) -> dict[int, Tensor]:
        """What reference_units left, by sample."""
        found: dict[int, Tensor] = {}
        for rows, part in zip(self.groups(self.trained), self.progress.parts.get("reference", []), strict=False):
            found.update(zip(rows, part.split([len(self.rollouts.completions[row]) for row in rows]), strict=True))
        return found

    def graded(self) -> Graded:
        """The advantages, with the KL taken off the rewards where that is asked for. After reference_units."""
        settings, rollouts = self.settings, self.rollouts
        frozen = self.reference_logprobs()
        rewards = rollouts.rewards.clone()
        if settings.beta > 0 and settings.kl_in == "reward":
            for row, logprobs in frozen.items():
                mask = self.masks[row].to(logprobs.device)
                old = rollouts.old_logprobs[row].to(logprobs.device)
                divergence = kl_estimate(settings.kl, logprobs[mask], old[mask]).sum()
                rewards.view(-1)[row] -= settings.beta * float(divergence)
        advantages = advantages_of(rewards, settings.advantage)
        if settings.shuffle_advantages:
            advantages = dealt_at_random(advantages, rewards.isfinite(), "advantages", rollouts.iteration)
        return Graded(advantages, frozen)

    def units(self, graded: Graded, queries: list[int]) -> list[Unit]:
        """Forward and backward passes over the samples of these queries, one optimizer step's share."""
        if not self.is_wanted:
            return []
        group = self.rollouts.group
        rows = [query * group + number for query in queries for number in range(group)]
        weights = self.weights(rows)
        everyone = self.settings.moves_all or self.reference is not None
        flat = graded.advantages.flatten()
        # A sample without a trained token adds nothing, nor does one without an advantage unless another term needs it.
        moving = [row for row in rows if bool(self.masks[row].any()) and (everyone or float(flat[row]) != 0.0)]
        self_weights = {row: weights[row] for row in moving}
        return [partial(self.add_gradient, graded, self_weights, part) for part in self.groups(moving)]

    def weights(self, rows: list[int]) -> dict[int, Tensor]:
        """What each token's loss is multiplied by, over the batch that these samples are."""
        lengths = [len(self.masks[row]) for row in rows]
        owner = torch.repeat_interleave(torch.arange(len(rows)), torch.tensor(lengths))
        mask = torch.cat([self.masks[row] for row in rows])
        parts = token_weights(mask, owner, self.settings.aggregation, self.rollouts.sampling.max_new).split(lengths)
        return dict(zip(rows, parts, strict=True))

    def add_gradient(self, graded: Graded, weights: dict[int, Tensor], rows: list[int]) -> None:
        """Forward and backward over some samples. Those for which the weights give no numbers are counted and left out."""
        settings, progress = self.settings, self.progress
        device = progress.model.network.device
        found = self.scored(progress.model, rows, entropy_gradient=settings.entropy_weight > 0)
        lengths = [len(self.masks[row]) for row in rows]
        whole = [bool(part.isfinite().all()) for part in found.logprobs.detach().split(lengths)]
        if not all(whole):
            progress.add({"broken_passes": float(len(rows) - sum(whole))})
            good = [row for row, fine in zip(rows, whole, strict=True) if fine]
            if good:
                self.add_gradient(graded, weights, good)
            return
        # Only trained tokens go on from here, so nothing that another token has, not even a NaN, can reach a gradient.
        trained = torch.cat([self.masks[row] for row in rows]).to(device)
        advantage = graded.advantages.flatten()[rows].repeat_interleave(torch.tensor(lengths)).to(device)[trained]
        weight = torch.cat([weights[row] for row in rows]).to(device)[trained]
        old = torch.cat([self.rollouts.old_logprobs[row] for row in rows]).to(device)[trained]
        logprobs, entropies = found.logprobs[trained], found.entropies[trained]
        ratio = (logprobs - old).exp()
        surrogate = clipped_surrogate(ratio, advantage, settings.clip_low, settings.clip_high, settings.dual_clip) @ weight
        total = settings.policy_weight * surrogate
        sums = {"policy_loss": float(surrogate.detach())}
        if graded.reference:
            frozen = torch.cat([graded.reference[row] for row in rows])[trained]
            sums["kl"] = float(kl_estimate("k3", frozen, logprobs.detach()).sum())
            if settings.kl_loss > 0:
                divergence = kl_estimate(settings.kl, frozen, logprobs) @ weight
                total = total + settings.kl_loss * divergence
                sums["kl_loss"] = float(divergence.detach())
        if settings.entropy_weight > 0:
            bonus = entropies @ weight
            total = total - settings.entropy_weight * bonus
            sums["entropy_bonus"] = float(bonus.detach())
        total.backward()
        low, high = clipped(ratio.detach(), advantage, settings.clip_low, settings.clip_high)
        sums |= {
            "clip_low": float(low.sum()),
            "clip_high": float(high.sum()),
            "entropy": float(entropies.detach().sum()),
            "shift": float(kl_estimate("k3", logprobs.detach(), old).sum()),
            "seen": float(len(ratio)),
            "processed": float(sum(len(self.rollouts.prompts[row]) + len(self.rollouts.completions[row]) for row in rows)),
        }
        progress.add(sums, {"ratio_max": float(ratio.detach().max())})


@dataclass(frozen=True)
class Graded:
    """Advantages [queries, group], and the reference's log-probabilities by sample, where there is a reference."""

    advantages: Tensor
    reference: dict[int, Tensor]

    @property
    def without_advantage(self) -> float:
        """Share of the groups in which no sample has an advantage."""
        return float((self.advantages.abs() <= EPSILON).all(dim=1).float().mean())
