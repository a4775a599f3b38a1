"""rollout: the first half of a GRPO iteration. Samples G reasonings a query and embeds each.

An epoch visits every query once: its order depends on the epoch and on the ids only, and `iteration` says which part of it
is next. Each sample draws from a generator of its own, keyed by (seed, query, sample). Sampling goes in fixed chunks. At
the end one teacher-forced pass of the same weights gives log-probabilities, under the temperature and the mask of sampling,
and the embeddings. Each chunk, and each part of that pass, is a step (sampled.py). Ids are the truth: text is for reading.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from pawl_trainer import checkpoint, devices, jsonl, language_model, seeds
from pawl_trainer import dataset as datasets
from pawl_trainer.failures import Failure
from pawl_trainer.job import Job
from pawl_trainer.language_model import LanguageModel
from pawl_trainer.likelihood import Scored, score
from pawl_trainer.sampled import Drawing, Sampled
from pawl_trainer.sampling import Completion, Sampling


@dataclass(frozen=True)
class Settings:
    split: str
    iteration: int
    queries: int
    group: int
    temperature: float
    min_new: int
    max_new: int
    replay: int
    replay_split: str
    chunk: int
    micro_batch: int
    dtype: str


@dataclass(frozen=True)
class Row:
    """One sequence to sample: which query, which sample of it, and whether it is rewarded or replayed."""

    query: str
    sample: int
    role: str


def run(job: Job) -> dict[str, float]:
    """Writes a rollouts artifact without rewards; returns how sampling went."""
    settings = job.settings(Settings)
    policy = job.artifact("policy")
    model = language_model.load(job, policy)
    dataset = datasets.load(job, job.artifact("data"))
    sampling = Sampling(settings.temperature, settings.min_new, settings.max_new or model.contract.max_tokens["reason"])
    if sampling.max_new > model.contract.max_tokens["reason"]:
        limit = model.contract.max_tokens["reason"]
        raise Failure("config", f"`max_new` is {sampling.max_new}, and the model's limit for reasoning is {limit}.")
    queries = part_of_epoch(dataset.split(settings.split), settings.queries, settings.iteration, "rollout")
    replayed = replayed_queries(dataset, settings)
    rows = [Row(query, number, "sample") for query in queries for number in range(settings.group)]
    rows += [Row(query, 0, "replay") for query in replayed]
    asked = list(dict.fromkeys([*queries, *replayed]))
    prompt_of = dict(zip(asked, model.text.prompts([dataset.queries[query] for query in asked]), strict=True))
    prompts = [prompt_of[row.query] for row in rows]
    keys: list[tuple[str | int, ...]] = [(row.role, row.query, row.sample) for row in rows]
    drawing = Drawing(job, model, prompts, keys, sampling, settings.chunk, settings.dtype)
    sampled = Sampled.opened(drawing, "sampled")
    with job.timed("sample"):
        completions = sampled.draw()
    with job.timed("score"), torch.inference_mode(), devices.arithmetic(settings.dtype):
        ids = [found.ids for found in completions]
        scored = score(model, prompts, ids, sampling, settings.micro_batch, sampled.passed, sampled.states)
        plain = model.embed(model.text.plain("query", [dataset.queries[query] for query in queries]), settings.micro_batch)
    folder = job.output("rollouts")
    with job.timed("save"):
        save_file(tensors_of(rows, prompts, completions, scored, plain), folder / "rollouts.safetensors")
        write_rows(folder, model, dataset, rows, completions, queries, replayed)
        manifest = {
            "schema": 1,
            "policy": policy.identity,
            "iteration": settings.iteration,
            "group": settings.group,
            "temperature": settings.temperature,
            "minNewTokens": sampling.min_new,
            "maxNewTokens": sampling.max_new,
            "queries": len(queries),
            "samples": len(queries) * settings.group,
            "replay": len(replayed),
            "indexVersion": None,
        }
        checkpoint.write_json(folder / "manifest.json", manifest)
    return summary(rows, completions, scored)


def part_of_epoch(queries: list[str], size: int, iteration: int, purpose: str) -> list[str]:
    """
    The queries of an iteration. An epoch is cut into as few parts of at most `size` as there can be, which differ by one
    query at most, so every query comes up exactly once in each. Pure.
    """
    parts = -(-len(queries) // size)
    epoch, place = divmod(iteration, parts)
    order = seeds.order_of(queries, purpose, epoch)
    return order[place * len(order) // parts : (place + 1) * len(order) // parts]


def replayed_queries(dataset: datasets.Dataset, settings: Settings) -> list[str]:
    """The supervised queries whose own reasoning is sampled beside, for the auxiliary loss of the update."""
    if settings.replay == 0:
        return []
    return part_of_epoch(dataset.split(settings.replay_split), settings.replay, settings.iteration, "replay")


def tensors_of(
    rows: list[Row], prompts: list[list[int]], completions: list[Completion], scored: Scored, plain: Tensor
) -> dict[str, Tensor]:
    """The tensors of the artifact: ragged rows as values and offsets."""
    trained = [
        int(found.valid and row.role == "sample") for row, found in zip(rows, completions, strict=True) for _ in found.ids
    ]
    return {
        "prompt_ids": flat([*prompts], torch.int32),
        "prompt_offsets": offsets([len(prompt) for prompt in prompts]),
        "completion_ids": flat([found.ids for found in completions], torch.int32),
        "completion_offsets": offsets([len(found.ids) for found in completions]),
        "loss_mask": torch.tensor(trained, dtype=torch.uint8),
        "sampler_logprobs": flat([found.logprobs for found in completions], torch.float32),
        "old_logprobs": scored.logprobs.float().cpu().contiguous(),
        "embedding": scored.embeddings.float().cpu().contiguous(),
        "valid": torch.tensor([int(found.valid) for found in completions], dtype=torch.uint8),
        "plain_embedding": plain.float().cpu().contiguous(),
    }


def flat(rows: list[Any], dtype: torch.dtype) -> Tensor:
    """Ragged rows after each other."""
    return torch.tensor([value for row in rows for value in row], dtype=dtype)


def offsets(lengths: list[int]) -> Tensor:
    """Where each row begins, and where the last one ends."""
    return torch.from_numpy(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))


def write_rows(
    folder: Path,
    model: LanguageModel,
    dataset: datasets.Dataset,
    rows: list[Row],
    completions: list[Completion],
    queries: list[str],
    replayed: list[str],
) -> None:
    """Writes queries.jsonl (sampled ones, then replayed ones) and samples.jsonl (one line a rewarded sample)."""
    roles = [(query, "sample") for query in queries] + [(query, "replay") for query in replayed]
    jsonl.write(
        folder / "queries.jsonl",
        (
            {"query": query, "text": dataset.queries[query], "positives": dataset.positives[query], "role": role}
            for query, role in roles
        ),
    )
    jsonl.write(
        folder / "samples.jsonl",
        (
            {
                "query": row.query,
                "sample": row.sample,
                "text": model.text.text(found.ids),
                "finish": found.finish,
                "valid": found.valid,
            }
            for row, found in zip(rows, completions, strict=True)
            if row.role == "sample"
        ),
    )


def summary(rows: list[Row], completions: list[Completion], scored: Scored) -> dict[str, float]:
    """How sampling went, over the rewarded samples; the entropy is over their tokens."""
    samples = [found for row, found in zip(rows, completions, strict=True) if row.role == "sample"]
    tokens = sum(len(found.ids) for found in samples)
    return {
        "valid_fraction": sum(found.valid for found in samples) / len(samples),
        "mean_length": tokens / len(samples),
        "entropy": float(scored.entropies[:tokens].mean()),
        "clipped_fraction": sum(found.finish == "length" for found in samples) / len(samples),
    }
