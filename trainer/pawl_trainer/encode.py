"""encode: texts of a JSONL file as embeddings, written as raw little-endian float32, row after row."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from pawl_trainer import checkpoint, jsonl, language_model
from pawl_trainer.failures import Failure
from pawl_trainer.job import Job

INPUTS = {
    "model": {"artifact": "model", "required": True, "help": "The encoder."},
    "texts": {"type": "string", "help": "Path of a JSONL file with {_id, text}."},
    "rows": {"type": "string", "help": "Path of a JSON array of row numbers; absent = all.", "required": False},
    "role": {"type": "string", "help": "What the texts are.", "enum": ["document", "query"]},
    "batch": {"type": "integer", "help": "Rows a forward pass.", "minimum": 1, "default": 128},
    "out": {"type": "string", "help": "Path of the file to write."},
}
BLOCK = 32_768  # texts that are tokenised and sorted by length together


@dataclass(frozen=True)
class Settings:
    texts: str
    rows: str | None
    role: str
    batch: int
    out: str


def run(job: Job) -> dict[str, float]:
    """Writes embeddings in the order of the rows; returns {rows, dimension}."""
    settings = job.settings(Settings)
    model = language_model.load(job, job.artifact("model"))
    numbers = None if settings.rows is None else checkpoint.read_json(Path(settings.rows))
    with job.timed("read"):
        texts = [row["text"] for row in jsonl.read_rows(Path(settings.texts), numbers, {"text": str})]
    out = job.work / settings.out
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("wb") as file, torch.inference_mode():
        for start in range(0, len(texts), BLOCK):
            file.write(encode_block(job, model, settings, texts, start))
    return {"rows": len(texts), "dimension": model.contract.dimension}


def encode_block(job: Job, model: language_model.LanguageModel, settings: Settings, texts: list[str], start: int) -> bytes:
    """The embeddings of up to BLOCK texts from `start`, as bytes."""
    done = start

    def between() -> None:
        nonlocal done
        done = min(done + settings.batch, len(texts))
        job.progress(done, len(texts), f"{done} of {len(texts)} texts")
        job.boundary(done, None)

    with job.timed("tokenise"):
        block = texts[start : start + BLOCK]
        sequences = model.text.plain("document" if settings.role == "document" else "query", block)
    with job.timed("forward"):
        vectors = model.embed(sequences, settings.batch, between).cpu().numpy()
    broken = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if broken.size:
        raise Failure("non_finite", f"The embedding of row {start + int(broken[0])} of {settings.texts} is not finite.")
    return np.ascontiguousarray(vectors, dtype="<f4").tobytes()
