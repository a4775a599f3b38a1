"""What an update says of itself: its metrics, and warnings of what only it sees. What samples and rewards look like,
rl.rollout and rl.reward say.

A warning is given when a figure crosses its bound, and again only after it has come back: what was warned of is kept beside
the optimizer, so that sixty iterations of one illness are one line.
"""

from __future__ import annotations

from torch import Tensor

from pawl_trainer.update_policy import Graded, Policy
from pawl_trainer.update_rollouts import Rollouts

MOST_RATIO = 10.0
MOST_COSINE = 0.9  # mean over samples of different queries


def figures_of(policy: Policy, graded: Graded, lr: float) -> dict[str, float]:
    """The metrics of an update whose units are done."""
    settings, rollouts = policy.settings, policy.rollouts
    sums, peaks, steps = policy.progress.sums, policy.progress.peaks, max(1, policy.progress.steps)
    trained = float(sum(int(mask.sum()) for mask in policy.masks))
    tokens = max(1.0, trained * settings.epochs)
    seen = max(1.0, sums.get("seen", 0.0))
    terms = {name: sums.get(name, 0.0) / steps for name in ("policy_loss", "kl_loss", "entropy_bonus", "auxiliary")}
    clip_low, clip_high = sums.get("clip_low", 0.0) / tokens, sums.get("clip_high", 0.0) / tokens
    loss = settings.policy_weight * terms["policy_loss"] + settings.kl_loss * terms["kl_loss"]
    loss += settings.auxiliary_weight * terms["auxiliary"] - settings.entropy_weight * terms["entropy_bonus"]
    grad_norm = sums.get("grad_norm", 0.0) / steps
    return {
        "loss": loss,
        "policy_loss": terms["policy_loss"],
        "kl": sums.get("kl", 0.0) / tokens,
        "entropy": sums.get("entropy", 0.0) / seen,
        "auxiliary": terms["auxiliary"],
        "grad_norm": grad_norm,
        "grad_norm_policy": sums.get("policy_norm", 0.0) / steps if "policy_norm" in sums else grad_norm,
        "grad_norm_auxiliary": sums.get("auxiliary_norm", 0.0) / steps,
        "clip_fraction": clip_low + clip_high,
        "clip_low_fraction": clip_low,
        "clip_high_fraction": clip_high,
        "ratio_max": peaks.get("ratio_max", 1.0),
        "policy_shift": sums.get("shift", 0.0) / seen,
        "advantage_max": float(graded.advantages.max()),
        "advantage_min": float(graded.advantages.min()),
        "zero_advantage_fraction": graded.without_advantage,
        "tokens": trained if policy.is_wanted else 0.0,
        "processed_tokens": sums.get("processed", 0.0),
        "untrained_samples": float(rollouts.samples - len(policy.trained)),
        "broken": broken(rollouts) + sums.get("broken_passes", 0.0),
        "embedding_cosine": mean_cosine(rollouts),
        "optimizer_steps": float(policy.progress.steps),
        "lr": lr,
    }


def broken(rollouts: Rollouts) -> float:
    """How many samples have a reward, a log-probability or an embedding that is no number."""
    rewards = rollouts.rewards.flatten().isfinite()
    embeddings = rollouts.embeddings.isfinite().all(dim=1)
    logprobs = [bool(row.isfinite().all()) for row in rollouts.old_logprobs]
    return float(sum(not (bool(rewards[row]) and bool(embeddings[row]) and logprobs[row]) for row in range(rollouts.samples)))


def mean_cosine(rollouts: Rollouts) -> float:
    """Mean cosine between the embeddings of valid samples of different queries; 0 where fewer than two queries have one."""
    rows = [row for row in range(rollouts.samples) if rollouts.valid[row]]
    by_query: dict[int, list[int]] = {}
    for row in rows:
        by_query.setdefault(row // rollouts.group, []).append(row)
    pairs = len(rows) ** 2 - sum(len(mine) ** 2 for mine in by_query.values())
    if pairs == 0:
        return 0.0
    unit = rollouts.embeddings.double()
    unit = unit / unit.norm(dim=1, keepdim=True).clamp(min=1e-12)

    def squared(of: list[int]) -> float:
        total: Tensor = unit[of].sum(dim=0)
        return float(total @ total)

    return (squared(rows) - sum(squared(mine) for mine in by_query.values())) / pairs


def collapses(figures: dict[str, float]) -> dict[str, str]:
    """What is wrong, by a name that stays the same from update to update; each says what helps. Pure."""
    found = {
        "broken": (
            figures["broken"] > 0,
            f"Update: {figures['broken']:.0f} samples have a reward, an embedding or a log-probability that is no number; they "
            "were left out. Lower `lr`; with bfloat16, try float32.",
        ),
        "ratio": (
            figures["ratio_max"] > MOST_RATIO,
            f"Update: a token became {figures['ratio_max']:.3g} times as likely as when it was sampled. Lower `lr` or "
            "`epochs`. With one optimizer step, the rollouts are of another policy.",
        ),
        "embedding": (
            figures["embedding_cosine"] > MOST_COSINE,
            "Update: the embeddings of different queries are nearly the same: their mean cosine is "
            f"{figures['embedding_cosine']:.2f}. Lower `lr`, or raise `auxiliary_weight`.",
        ),
    }
    return {name: message for name, (is_so, message) in found.items() if is_so}
