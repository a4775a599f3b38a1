"""rollout: the first half of a GRPO iteration. Samples G reasonings a query and embeds each.

An epoch visits every query once: its order depends on the epoch and on the ids only, and `iteration` says which part of it
is next. Each sample draws from a generator of its own, keyed by (seed, query, sample). Sampling goes in fixed chunks. At
the end one teacher-forced pass of the same weights gives log-probabilities, under the temperature and the mask of sampling,
and the embeddings. Each chunk, and each part of that pass, is a step (sampled.py). Ids are the truth: text is for reading.

A broken output stops nothing: it is kept, told by its defect (completion.py), counted, and never trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from pawl_trainer import checkpoint, devices, generation_vllm, jsonl, language_model, seeds
from pawl_trainer import dataset as datasets
from pawl_trainer.batching import Done
from pawl_trainer.completion import Completion, Defect, defect_of
from pawl_trainer.failures import Failure
from pawl_trainer.job import Artifact, Job
from pawl_trainer.language_model import LanguageModel
from pawl_trainer.likelihood import score
from pawl_trainer.rollout_figures import Limits, Observed, figures_of, warnings_of
from pawl_trainer.sampled import Drawing, Sampled
from pawl_trainer.sampling import Sampling


@dataclass(frozen=True)
class Settings:
    split: str
    iteration: int
    queries: int
    oversample: float
    group: int
    temperature: float
    top_p: float
    top_k: int
    min_new: int
    max_new: int
    replay: int
    replay_split: str
    chunk: int
    micro_batch: int
    dtype: str
    generation: dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One sequence to sample: which query, which sample of it, and whether it is rewarded or replayed."""

    query: str
    sample: int
    role: str


@dataclass(frozen=True)
class Batch:
    """What one iteration samples: rewarded rows first, query by query, then one row a replayed query."""

    queries: list[str]
    replayed: list[str]
    group: int

    @property
    def rows(self) -> list[Row]:
        """The sequences, in order."""
        sampled = [Row(query, number, "sample") for query in self.queries for number in range(self.group)]
        return sampled + [Row(query, 0, "replay") for query in self.replayed]

    @property
    def samples(self) -> int:
        """How many rows are rewarded."""
        return len(self.queries) * self.group


def run(job: Job) -> dict[str, float]:
    """Writes a rollouts artifact without rewards; returns how sampling went."""
    settings, limits = job.settings(Settings), job.settings(Limits)
    policy = job.artifact("policy")
    model = language_model.load(job, policy)
    dataset = datasets.load(job, job.artifact("data"))
    sampling = sampling_of(settings, model)
    size = round(settings.queries * settings.oversample)
    queries = part_of_epoch(dataset.split(settings.split), size, settings.iteration, "rollout")
    batch = Batch(queries, replayed_queries(dataset, settings), settings.group)
    rows = batch.rows
    asked = list(dict.fromkeys([*queries, *batch.replayed]))
    prompt_of = dict(
        zip(asked, model.text.prompts([dataset.queries[query] for query in asked], dataset.around(asked)), strict=True)
    )
    prompts = [prompt_of[row.query] for row in rows]
    keys: list[tuple[str | int, ...]] = [(row.role, row.query, row.sample) for row in rows]
    generation = generation_vllm.generation_of(settings.generation)
    with generation_vllm.opened(generation, model) as generate, job.timed("sample"):
        drawing = Drawing(job, model, prompts, keys, sampling, settings.chunk, settings.dtype, generate=generate)
        sampled = Sampled.opened(drawing, "sampled")
        completions = sampled.draw()
    with job.timed("score"), torch.inference_mode(), devices.arithmetic(settings.dtype):
        ids = [found.ids for found in completions]
        scored = score(model, prompts, ids, sampling, settings.micro_batch, sampled.passes)
        plain = model.embed(
            model.text.plain("query", [dataset.queries[query] for query in queries], dataset.around(queries)),
            settings.micro_batch,
            Done(),
        )
    if not job.leads:
        return {}
    logprobs = list(scored.logprobs.float().cpu().split([len(found) for found in ids]))
    embeddings = scored.embeddings.float().cpu()
    defects = defects_of(completions, logprobs, embeddings, model)
    with job.timed("save"):
        folder = job.output("rollouts")
        save_file(
            tensors_of(batch, prompts, completions, defects, (logprobs, embeddings), plain), folder / "rollouts.safetensors"
        )
        write_rows(folder, model, dataset, batch, completions, defects)
        checkpoint.write_json(folder / "manifest.json", manifest_of(policy, settings, sampling, batch))
    entropies = scored.entropies.float().cpu().split([len(found) for found in ids])
    part = slice(batch.samples)
    observed = Observed(
        settings.group, completions[part], defects[part], logprobs[part], list(entropies[part]), embeddings[part], plain.cpu()
    )
    figures = figures_of(observed, model.contract, sampling)
    for warning in warnings_of(figures, limits):
        job.warn(warning)
    return {"queries": len(queries), **figures}


def sampling_of(settings: Settings, model: LanguageModel) -> Sampling:
    """How completions are drawn; raises Failure(config) where the lengths do not fit the model or each other."""
    limit = model.contract.max_tokens["reason"]
    most = settings.max_new or limit
    if most > limit:
        raise Failure("config", f"`max_new` is {most}, and the model's limit for reasoning is {limit}.")
    if settings.min_new >= most:
        message = f"`min_new` is {settings.min_new} of at most {most} new tokens, so no sample could end in the embed token."
        raise Failure("config", f"{message} Lower `min_new`" + (" or raise `max_new`." if most < limit else "."))
    return Sampling(settings.temperature, settings.min_new, most, settings.top_p, settings.top_k)


def defects_of(
    completions: list[Completion], logprobs: list[Tensor], embeddings: Tensor, model: LanguageModel
) -> list[Defect | None]:
    """What is wrong with each completion, if anything; what the trainer's weights make no numbers of is `nan`."""
    sound = embeddings.isfinite().all(dim=1).tolist()
    return [
        defect_of(found, model.text) if whole and bool(values.isfinite().all()) else "nan"
        for found, values, whole in zip(completions, logprobs, sound, strict=True)
    ]


def manifest_of(policy: Artifact, settings: Settings, sampling: Sampling, batch: Batch) -> dict[str, Any]:
    """manifest.json of the artifact (schemas/artifacts/rollouts.schema.json)."""
    return {
        "schema": 1,
        "policy": policy.identity,
        "iteration": settings.iteration,
        "group": settings.group,
        "temperature": settings.temperature,
        "topP": sampling.top_p,
        "topK": sampling.top_k,
        "minNewTokens": sampling.min_new,
        "maxNewTokens": sampling.max_new,
        "queries": len(batch.queries),
        "keep": settings.queries if settings.oversample > 1 else None,
        "samples": batch.samples,
        "replay": len(batch.replayed),
        "indexVersion": None,
    }


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
    batch: Batch,
    prompts: list[list[int]],
    completions: list[Completion],
    defects: list[Defect | None],
    scored: tuple[list[Tensor], Tensor],
    plain: Tensor,
) -> dict[str, Tensor]:
    """
    The tensors of the artifact: ragged rows as values and offsets. `scored` are log-probabilities by completion, and
    embeddings. An embedding that is no number is all 0, and its row is not valid.
    """
    logprobs, embeddings = scored
    trained = [
        int(place < batch.samples and defects[place] is None) for place, found in enumerate(completions) for _ in found.ids
    ]
    return {
        "prompt_ids": flat([*prompts], torch.int32),
        "prompt_offsets": offsets([len(prompt) for prompt in prompts]),
        "completion_ids": flat([found.ids for found in completions], torch.int32),
        "completion_offsets": offsets([len(found.ids) for found in completions]),
        "loss_mask": torch.tensor(trained, dtype=torch.uint8),
        "sampler_logprobs": flat([found.logprobs for found in completions], torch.float32),
        "old_logprobs": torch.cat(logprobs).contiguous(),
        "embedding": finite(embeddings),
        "valid": torch.tensor([int(defect is None) for defect in defects], dtype=torch.uint8),
        "plain_embedding": finite(plain.float().cpu()),
    }


def finite(rows: Tensor) -> Tensor:
    """The rows, with 0 throughout in those that hold what is no finite number."""
    return torch.where(rows.isfinite().all(dim=1, keepdim=True), rows, 0.0).contiguous()


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
    batch: Batch,
    completions: list[Completion],
    defects: list[Defect | None],
) -> None:
    """Writes queries.jsonl (sampled ones, then replayed ones) and samples.jsonl (one line a rewarded sample)."""
    roles = [(query, "sample") for query in batch.queries] + [(query, "replay") for query in batch.replayed]
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
                "valid": defect is None,
                "defect": defect,
            }
            for row, found, defect in zip(batch.rows, completions, defects, strict=True)
            if row.role == "sample"
        ),
    )
