"""reason: queries embedded after reasoning, greedy or sampled; what evaluation with reasoning is made of.

A step is a batch of reasonings, then a pass that embeds them; a checkpoint holds what both have given so far.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pawl_trainer import jsonl, language_model
from pawl_trainer.job import Job
from pawl_trainer.sampled import Drawing, Sampled
from pawl_trainer.sampling import Sampling

DECLARED: dict[str, Any] = {
    "inputs": {
        "model": {"artifact": "model", "required": True, "help": "The model that reasons and embeds."},
        "texts": {"type": "string", "help": "Path of a JSONL file of queries with {_id, text} and optionally prompt."},
        "mode": {"type": "string", "help": "How to reason.", "enum": ["greedy", "sampled"]},
        "samples": {"type": "integer", "help": "Reasonings a query; greedy has one.", "minimum": 1, "default": 1},
        "temperature": {"type": "number", "help": "Of sampling.", "exclusiveMinimum": 0, "default": 0.5},
        "min_new": {"type": "integer", "help": "Tokens before the embed token may come.", "minimum": 0, "default": 0},
        "batch": {"type": "integer", "help": "Sequences a pass.", "minimum": 1, "default": 128},
        "out": {"type": "string", "help": "Path of the embeddings to write, query-major."},
        "samples_out": {"type": "string", "help": "Path of the JSONL file of reasonings to write."},
    }
}


@dataclass(frozen=True)
class Settings:
    texts: str
    mode: str
    samples: int
    temperature: float
    min_new: int
    batch: int
    out: str
    samples_out: str


def run(job: Job) -> dict[str, float]:
    """
    Writes embeddings (raw little-endian float32, query-major, samples inside) and reasonings; returns {valid_fraction,
    mean_length, steps}. A reasoning that ran into the limit gets the embed token after it and is marked as not valid;
    `strict` is one that is some text, then the embed token, and no other special token.
    """
    settings = job.settings(Settings)
    model = language_model.load(job, job.artifact("model"))
    queries = list(jsonl.read(Path(settings.texts), {"_id": str, "text": str}))
    greedy = settings.mode == "greedy"
    count = 1 if greedy else settings.samples
    rows = [(query["_id"], number) for query in queries for number in range(count)]
    around = [query.get("prompt", "{}") for query in queries]
    prompts = [ids for ids in model.text.prompts([query["text"] for query in queries], around) for _ in range(count)]
    temperature = 0.0 if greedy else settings.temperature
    sampling = Sampling(temperature, settings.min_new, model.contract.max_tokens["reason"])
    keys: list[tuple[str | int, ...]] = [("reason", query, number) for query, number in rows]
    drawing = Drawing(job, model, prompts, None if greedy else keys, sampling, settings.batch)
    sampled = Sampled.opened(drawing, "reasonings")
    with job.timed("sample"):
        completions = sampled.draw()
    embed_id = model.contract.embed_id
    sequences = [
        [*prompt, *found.ids, *([] if found.valid else [embed_id])] for prompt, found in zip(prompts, completions, strict=True)
    ]
    with job.timed("forward"), torch.inference_mode():
        vectors = model.embed(sequences, settings.batch, sampled.passes).cpu().numpy()
    if not job.leads:
        return {}
    out = job.work / settings.out
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(np.ascontiguousarray(vectors, dtype="<f4").tobytes())
    jsonl.write(
        job.work / settings.samples_out,
        (
            {
                "query": query,
                "sample": number,
                "text": model.text.text(found.ids),
                "finish": found.finish,
                "valid": found.valid,
                "strict": found.valid and model.text.is_clean(found.ids[:-1]),
            }
            for (query, number), found in zip(rows, completions, strict=True)
        ),
    )
    return {
        "valid_fraction": sum(found.valid for found in completions) / max(1, len(rows)),
        "mean_length": sum(len(found.ids) for found in completions) / max(1, len(rows)),
        "steps": sampled.step,
    }
