"""Rollouts with rewards as an update reads them, and what of them it trains on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from pawl_trainer import checkpoint, jsonl, schemas
from pawl_trainer.failures import Failure
from pawl_trainer.sampling import Sampling


@dataclass(frozen=True)
class Rollouts:
    """A rollouts artifact with rewards; of what is one a sample, sampled rows come first, then replayed ones."""

    sampling: Sampling
    iteration: int
    samples: int
    prompts: list[list[int]]
    completions: list[list[int]]
    old_logprobs: list[Tensor]
    masks: list[Tensor]
    valid: list[bool]
    embeddings: Tensor  # [rows, dimension]
    rewards: Tensor  # [queries, group]; NaN = unknown
    queries: list[str]
    replayed: list[str]

    @property
    def group(self) -> int:
        """Samples a query."""
        return self.samples // len(self.queries)


def read_rollouts(folder: Path) -> Rollouts:
    """Reads a rollouts artifact with rewards; raises Failure(data) when it does not hold together."""
    manifest = checkpoint.read_json(folder / "manifest.json")
    schemas.require("artifacts/rollouts", manifest, "manifest.json")
    samples, group, queries = manifest["samples"], manifest["group"], manifest["queries"]
    if group < 2:
        raise Failure("config", "`group` of the rollouts is 1: an advantage compares at least two samples of a query.")
    rewards = read_rewards(folder, samples)
    asked = list(jsonl.read(folder / "queries.jsonl", {"query": str, "role": str}))
    tensors = load_file(folder / "rollouts.safetensors")
    prompts = ragged(tensors["prompt_ids"], tensors["prompt_offsets"])
    completions = ragged(tensors["completion_ids"], tensors["completion_offsets"])
    lengths = [len(completion) for completion in completions]
    embeddings = tensors["embedding"]
    whole = embeddings.isfinite().all(dim=1)
    return Rollouts(
        sampling=Sampling(manifest["temperature"], manifest["minNewTokens"], manifest["maxNewTokens"]),
        iteration=manifest["iteration"],
        samples=samples,
        prompts=[row.tolist() for row in prompts],
        completions=[row.tolist() for row in completions],
        old_logprobs=list(tensors["old_logprobs"].split(lengths)),
        masks=list(tensors["loss_mask"].split(lengths)),
        valid=[bool(value) for value in (tensors["valid"].bool() & whole).tolist()],
        embeddings=embeddings,
        rewards=torch.tensor(rewards).reshape(queries, group),
        queries=[row["query"] for row in asked if row["role"] == "sample"],
        replayed=[row["query"] for row in asked if row["role"] == "replay"],
    )


def read_rewards(folder: Path, samples: int) -> list[float]:
    """The reward of each sample; one that is null or no number is NaN. Raises Failure(data) when some are missing."""
    path = folder / "rewards.jsonl"
    if not path.exists():
        raise Failure("data", "rewards.jsonl is missing in the rollouts: rl.reward writes it; use the output of that step.")
    found = [row.get("reward") for row in jsonl.read(path, {})]
    if len(found) != samples:
        raise Failure("data", f"rewards.jsonl has {len(found)} lines, and the rollouts have {samples} samples.")
    return [float(reward) if isinstance(reward, int | float) and math.isfinite(reward) else math.nan for reward in found]


def ragged(values: Tensor, offsets: Tensor) -> list[Tensor]:
    """The rows of values and offsets."""
    lengths = (offsets[1:] - offsets[:-1]).tolist()
    return list(values.split(lengths))


def trained_tokens(rollouts: Rollouts, embed_id: int, mask: str, embed_token_gradient: bool) -> list[Tensor]:
    """
    Which tokens of each sample get policy gradient [bool a token]. `mask` names the samples that get none: malformed (those
    without an embedding, as loss_mask has them), overlong (of those only what reached the limit of length), none. Never
    trained are samples whose reward or log-probabilities are no numbers, and the embed token itself unless asked for.
    """
    chosen: list[Tensor] = []
    rewards = rollouts.rewards.flatten()
    for row in range(rollouts.samples):
        completion, old = rollouts.completions[row], rollouts.old_logprobs[row]
        tokens = rollouts.masks[row] > 0
        overlong = len(completion) >= rollouts.sampling.max_new
        if not rollouts.valid[row] and (mask == "none" or (mask == "overlong" and not overlong)):
            tokens = torch.ones_like(tokens)
        if not bool(rewards[row].isfinite()) or not bool(old.isfinite().all()):
            tokens = torch.zeros_like(tokens)
        if not embed_token_gradient and completion and completion[-1] == embed_id:
            tokens = tokens & (torch.arange(len(tokens)) < len(tokens) - 1)
        chosen.append(tokens)
    return chosen
