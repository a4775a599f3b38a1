"""update: the second half of a GRPO iteration. One step of policy gradient, with a contrastive loss that holds the geometry.

The policy gradient goes through the completion tokens of valid samples only, micro-batch after micro-batch; what a token's
loss is divided by is known before the first, so cutting the batch otherwise changes nothing but rounding. The auxiliary
loss is InfoNCE on replayed supervised pairs, plain and after the reasoning that the policy sampled for them: without it
the policy gradient wrecks the embedding. One update a rollout, so rho is 1 in value and clipping waits for its day.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from pawl_trainer import checkpoint, devices, jsonl, language_model, optimizer, schemas, seeds
from pawl_trainer import dataset as datasets
from pawl_trainer.advantages import group_advantages
from pawl_trainer.batching import buckets
from pawl_trainer.failures import Failure
from pawl_trainer.job import Job
from pawl_trainer.language_model import LanguageModel
from pawl_trainer.likelihood import score
from pawl_trainer.losses import clipped_surrogate, info_nce, k3, token_weights
from pawl_trainer.sampling import Sampling
from pawl_trainer.update_state import Gathered


@dataclass(frozen=True)
class Settings:
    lr: float
    weight_decay: float
    clip: float
    policy_weight: float
    beta: float
    clip_low: float
    clip_high: float
    advantage: str
    aggregation: str
    auxiliary_weight: float
    auxiliary_temperature: float
    micro_batch: int
    dtype: str
    gradient_checkpointing: bool = False


@dataclass(frozen=True)
class Rollouts:
    """A rollouts artifact with rewards; sampled rows first, then replayed ones."""

    sampling: Sampling
    iteration: int
    samples: int
    prompts: list[list[int]]
    completions: list[list[int]]
    old_logprobs: list[Tensor]
    masks: list[Tensor]
    valid: list[bool]
    rewards: Tensor  # [queries, group]
    replayed: list[str]


def run(job: Job) -> dict[str, float]:
    """Writes the new policy and its optimizer; returns the figures of the step."""
    settings = job.settings(Settings)
    policy = language_model.load(job, job.artifact("policy"))
    with job.timed("read"):
        rollouts = read_rollouts(job.artifact("rollouts").path)
    wanted = job.optional_artifact("reference")
    if settings.beta > 0 and wanted is None:
        raise Failure("config", "`beta` is above 0, so the update needs the input `reference`: the model that the KL is to.")
    reference = None if wanted is None else language_model.load(job, wanted)
    model = policy.for_training(settings.gradient_checkpointing)
    adamw = optimizer.adamw(model.network, settings.lr, settings.weight_decay)
    state = job.optional_artifact("state")
    step = 0 if state is None else optimizer.restore(adamw, model.network, state.path)
    seeds.set_global(seeds.derive(job.seed, "update", step))

    gathered = Gathered(job, model, rollouts.prompts)
    if job.resume is not None:
        gathered.restore(job.resume)
    figures = {"policy_loss": 0.0, "kl": 0.0, "clip_fraction": 0.0, "advantage_max": 0.0, "tokens": 0.0}
    if settings.policy_weight > 0 or settings.beta > 0 or reference is not None:
        with job.timed("policy"):
            figures = policy_gradient(gathered, settings, reference, rollouts)
    if gathered.auxiliary is None:
        auxiliary = 0.0
        if settings.auxiliary_weight > 0 and rollouts.replayed:
            with job.timed("auxiliary"):
                auxiliary = contrastive_gradient(job, settings, model, rollouts)
        gathered.close(auxiliary)
    auxiliary = gathered.auxiliary or 0.0
    norm = optimizer.take_step(adamw, model.network, settings.clip, f"update {step}")
    with job.timed("save"):
        language_model.save(model, job.output("model"))
        optimizer.save(adamw, model.network, job.output("state"), step + 1)
    loss = settings.policy_weight * figures["policy_loss"] + settings.beta * figures["kl"]
    return {**figures, "loss": loss + settings.auxiliary_weight * auxiliary, "auxiliary": auxiliary, "grad_norm": norm}


def policy_gradient(
    gathered: Gathered, settings: Settings, reference: LanguageModel | None, rollouts: Rollouts
) -> dict[str, float]:
    """Adds the gradient of the clipped surrogate and the KL to the weights; returns their values over the whole batch."""
    advantages = group_advantages(rollouts.rewards, settings.advantage).flatten()
    lengths = [len(completion) for completion in rollouts.completions[: rollouts.samples]]
    owner = torch.repeat_interleave(torch.arange(rollouts.samples), torch.tensor(lengths))
    mask = torch.cat(rollouts.masks[: rollouts.samples]) > 0
    weights = token_weights(mask, owner, settings.aggregation, rollouts.sampling.max_new).split(lengths)
    # A sample without a trained token adds nothing, and without a reference neither does one without an advantage.
    moving = [
        row
        for row in range(rollouts.samples)
        if bool(rollouts.masks[row].any()) and (reference is not None or float(advantages[row]) != 0.0)
    ]
    trained = float(mask.sum())
    sizes = [len(rollouts.prompts[row]) + lengths[row] for row in moving]
    for group in buckets(sizes, settings.micro_batch)[gathered.done :]:
        rows = [moving[number] for number in group]
        gathered.add(micro_batch(settings, gathered.model, reference, rollouts, rows, advantages, weights))
    sums = {"policy_loss": 0.0, "kl": 0.0, "clip_fraction": 0.0, **gathered.sums}
    return {
        "policy_loss": sums["policy_loss"],
        "kl": sums["kl"] / max(trained, 1.0),
        "clip_fraction": sums["clip_fraction"] / max(trained, 1.0),
        "advantage_max": float(advantages.max()),
        "tokens": trained,
    }


def micro_batch(
    settings: Settings,
    model: LanguageModel,
    reference: LanguageModel | None,
    rollouts: Rollouts,
    rows: list[int],
    advantages: Tensor,
    weights: tuple[Tensor, ...],
) -> dict[str, float]:
    """Forward and backward over some samples; returns the weighted loss, and sums over trained tokens."""
    prompts = [rollouts.prompts[row] for row in rows]
    completions = [rollouts.completions[row] for row in rows]
    device = model.network.device
    # Only trained tokens go on from here, so nothing that another token has, not even a NaN, can reach a gradient.
    trained = torch.cat([rollouts.masks[row] for row in rows]).to(device) > 0
    lengths = torch.tensor([len(completion) for completion in completions])
    advantage = advantages[rows].repeat_interleave(lengths).to(device)[trained]
    weight = torch.cat([weights[row] for row in rows]).to(device)[trained]
    old = torch.cat([rollouts.old_logprobs[row] for row in rows]).to(device)[trained]
    with devices.arithmetic(settings.dtype):
        logprobs = score(model, prompts, completions, rollouts.sampling, settings.micro_batch).logprobs[trained]
    ratio = (logprobs - old).exp()
    surrogate = clipped_surrogate(ratio, advantage, settings.clip_low, settings.clip_high) @ weight
    total = settings.policy_weight * surrogate
    divergence = torch.zeros_like(logprobs)
    if reference is not None:
        with torch.no_grad(), devices.arithmetic(settings.dtype):
            frozen = score(reference, prompts, completions, rollouts.sampling, settings.micro_batch).logprobs[trained]
        divergence = k3(frozen, logprobs)
        total = total + settings.beta * (divergence @ weight)
    total.backward()
    low, high = 1 - settings.clip_low, 1 + settings.clip_high
    clipped = ((ratio > high) & (advantage > 0)) | ((ratio < low) & (advantage < 0))
    return {
        "policy_loss": float(surrogate.detach()),
        "kl": float(divergence.detach().sum()),
        "clip_fraction": float(clipped.sum()),
    }


def contrastive_gradient(job: Job, settings: Settings, model: LanguageModel, rollouts: Rollouts) -> float:
    """Adds the gradient of InfoNCE on the replayed pairs, half plain and half after own reasoning; returns its value."""
    wanted = job.optional_artifact("data")
    if wanted is None:
        raise Failure("config", "`auxiliary_weight` is above 0, so the update needs the input `data`: the replayed pairs.")
    dataset = datasets.load(job, wanted)
    queries = rollouts.replayed
    positives = [dataset.positives[query][rollouts.iteration % len(dataset.positives[query])] for query in queries]
    reasoned = [row for row, valid in enumerate(rollouts.valid[rollouts.samples :]) if valid]
    replays = [rollouts.samples + row for row in reasoned]
    sequences = [
        *model.text.plain("document", [dataset.corpus[document] for document in positives]),
        *model.text.plain("query", [dataset.queries[query] for query in queries]),
        *([*rollouts.prompts[row], *rollouts.completions[row]] for row in replays),
    ]
    with devices.arithmetic(settings.dtype):
        vectors = model.embed(sequences, settings.micro_batch)
    count = len(queries)
    documents, plain, after = vectors[:count], vectors[count : 2 * count], vectors[2 * count :]
    known = known_positives(dataset, queries, positives).to(vectors.device)
    temperature = settings.auxiliary_temperature
    loss = info_nce(plain, documents, temperature, known) / 2
    if reasoned:
        loss = loss + info_nce(after, documents[reasoned], temperature, known[reasoned][:, reasoned]) / 2
    (settings.auxiliary_weight * loss).backward()
    return float(loss.detach())


def known_positives(dataset: datasets.Dataset, queries: list[str], positives: list[str]) -> Tensor:
    """[i, j], i != j: document j is a positive of query i, too, or has the text of one."""
    texts = [{dataset.corpus[document] for document in dataset.positives[query]} for query in queries]
    rows = [
        [i != j and dataset.corpus[document] in texts[i] for j, document in enumerate(positives)] for i in range(len(queries))
    ]
    return torch.tensor(rows)


def read_rollouts(folder: Path) -> Rollouts:
    """Reads a rollouts artifact with rewards; raises Failure(data) when it does not hold together."""
    manifest = checkpoint.read_json(folder / "manifest.json")
    schemas.require("artifacts/rollouts", manifest, "manifest.json")
    samples, group, queries = manifest["samples"], manifest["group"], manifest["queries"]
    if group < 2:
        raise Failure("config", "`group` of the rollouts is 1: an advantage compares at least two samples of a query.")
    if not (folder / "rewards.jsonl").exists():
        raise Failure("data", "rewards.jsonl is missing in the rollouts: rl.reward writes it; use the output of that step.")
    rewards = [row["reward"] for row in jsonl.read(folder / "rewards.jsonl", {"reward": float})]
    if len(rewards) != samples:
        raise Failure("data", f"rewards.jsonl has {len(rewards)} lines, and the rollouts have {samples} samples.")
    asked = list(jsonl.read(folder / "queries.jsonl", {"query": str, "role": str}))
    tensors = load_file(folder / "rollouts.safetensors")
    prompts = ragged(tensors["prompt_ids"], tensors["prompt_offsets"])
    completions = ragged(tensors["completion_ids"], tensors["completion_offsets"])
    lengths = [len(completion) for completion in completions]
    return Rollouts(
        sampling=Sampling(manifest["temperature"], manifest["minNewTokens"], manifest["maxNewTokens"]),
        iteration=manifest["iteration"],
        samples=samples,
        prompts=[row.tolist() for row in prompts],
        completions=[row.tolist() for row in completions],
        old_logprobs=list(tensors["old_logprobs"].split(lengths)),
        masks=list(tensors["loss_mask"].split(lengths)),
        valid=[bool(value) for value in tensors["valid"].tolist()],
        rewards=torch.tensor(rewards).reshape(queries, group),
        replayed=[row["query"] for row in asked if row["role"] == "replay"],
    )


def ragged(values: Tensor, offsets: Tensor) -> list[Tensor]:
    """The rows of values and offsets."""
    lengths = (offsets[1:] - offsets[:-1]).tolist()
    return list(values.split(lengths))
