"""encode: texts of a JSONL file as embeddings, written as raw little-endian float32, row after row.

A step is a forward pass. A checkpoint holds the finished blocks as files, and the states of the passes of the block under
way: what goes on from it makes the same batches, so the bytes are those of an uninterrupted job.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from pawl_trainer import canary, checkpoint, jsonl, language_model
from pawl_trainer.batching import Done, Passes, buckets
from pawl_trainer.encoding import PlainRole
from pawl_trainer.failures import Failure
from pawl_trainer.job import Job

DECLARED: dict[str, Any] = {
    "inputs": {
        "model": {"artifact": "model", "required": True, "help": "The encoder."},
        "texts": {
            "type": "string",
            "help": "Path of a JSONL file with {_id, text}, and where a text has an instruction around it, prompt.",
        },
        "rows": {"type": "string", "help": "Path of a JSON array of row numbers; absent = all.", "required": False},
        "role": {"type": "string", "help": "What the texts are.", "enum": ["document", "query"]},
        "batch": {"type": "integer", "help": "Rows a forward pass.", "minimum": 1, "default": 128},
        "out": {"type": "string", "help": "Path of the file to write."},
    }
}
BLOCK = 32_768  # texts that are tokenised and sorted by length together


@dataclass(frozen=True)
class Settings:
    texts: str
    rows: str | None
    role: str
    batch: int
    out: str


@dataclass
class Work:
    """An encoding under way: `blocks` are finished, `done` holds the states of the first passes of the next one."""

    job: Job
    settings: Settings
    model: language_model.LanguageModel
    texts: list[str]
    around: list[str]
    blocks: list[Path] = field(default_factory=list)
    done: Done = field(default_factory=Done)
    passes: int = 0

    @property
    def folder(self) -> Path:
        """Where the finished blocks lie."""
        return self.job.work / "blocks"


def run(job: Job) -> dict[str, float]:
    """Writes embeddings in the order of the rows; returns {rows, dimension, passes}."""
    settings = job.settings(Settings)
    model = language_model.load(job, job.artifact("model"))
    numbers = None if settings.rows is None else checkpoint.read_json(Path(settings.rows))
    with job.timed("read"):
        rows = jsonl.read_rows(Path(settings.texts), numbers, {"text": str})
    texts = [row["text"] for row in rows]
    work = Work(job, settings, model, texts, [row.get("prompt", "{}") for row in rows])
    checkpoint.remove(work.folder)
    work.folder.mkdir(parents=True)
    with torch.inference_mode():
        if job.resume is not None:
            restore(work, job.resume)
        while len(work.blocks) * BLOCK < len(texts):
            encode_block(work)
    if job.leads:
        join(work.blocks, job.work / settings.out)
    return {"rows": len(texts), "dimension": model.contract.dimension, "passes": work.passes}


def encode_block(work: Work) -> None:
    """Makes the next block: the embeddings of up to BLOCK texts, as a file."""
    job, settings, total = work.job, work.settings, len(work.texts)
    start = len(work.blocks) * BLOCK

    def behind(count: int) -> None:
        work.passes += count
        done = min(start + len(work.done.states) * settings.batch, total)
        job.progress(done, total, f"{done} of {total} texts")
        is_last = done == total and not job.agree([job.stop.asked])[0]
        job.boundary(work.passes, None if is_last else lambda folder: save(work, folder), done=count)

    work.done.behind = behind
    sequences = block_of(work)
    with job.timed("forward"):
        vectors = work.model.embed(sequences, settings.batch, work.done).cpu().numpy()
    broken = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if broken.size:
        raise Failure("non_finite", f"The embedding of row {start + int(broken[0])} of {settings.texts} is not finite.")
    path = work.folder / f"{len(work.blocks)}.f32"
    if job.leads:
        path.write_bytes(np.ascontiguousarray(vectors, dtype="<f4").tobytes())
    work.blocks.append(path)
    work.done = Done()


def block_of(work: Work) -> list[list[int]]:
    """The token ids of the block that is next."""
    part = slice(len(work.blocks) * BLOCK, (len(work.blocks) + 1) * BLOCK)
    with work.job.timed("tokenise"):
        role: PlainRole = "document" if work.settings.role == "document" else "query"
        return work.model.text.plain(role, work.texts[part], work.around[part])


def save(work: Work, folder: Path) -> None:
    """Writes a checkpoint; the files of finished blocks are shared."""
    for path in work.blocks:
        checkpoint.share(path, folder / path.name)
    save_file({"states": torch.cat(work.done.states).cpu()}, folder / "states.safetensors")
    checkpoint.write_json(folder / "encode.json", {"schema": 1, "blocks": len(work.blocks), "passes": work.passes})
    canary.write(folder, {"embeddings": canary.digest(work.done.states[-1])})


def restore(work: Work, folder: Path) -> None:
    """Goes back to a checkpoint, and computes its last pass again."""
    saved = checkpoint.read_json(folder / "encode.json")
    work.passes = saved["passes"]
    for number in range(saved["blocks"]):
        work.blocks.append(work.folder / f"{number}.f32")
        if work.job.leads:
            shutil.copyfile(folder / f"{number}.f32", work.blocks[-1])
    states = load_file(folder / "states.safetensors")["states"].to(work.model.network.device)
    work.done = Done(list(states.split(work.settings.batch)))

    def again() -> dict[str, Any]:
        sequences = block_of(work)
        group = buckets([len(sequence) for sequence in sequences], work.settings.batch)[len(work.done.states) - 1]
        contract, network = work.model.contract, work.model.network
        last = [sequences[number] for number in group]
        ends = [[len(sequence) - 1] for sequence in last]
        passes = Passes(last, ends, [list(range(len(last)))], contract.padding, contract.pad_id)
        return {"embeddings": canary.digest(passes.states(network, 0))}

    canary.check(work.job, folder, again)


def join(blocks: list[Path], out: Path) -> None:
    """Puts the blocks after each other into one file."""
    out.parent.mkdir(parents=True, exist_ok=True)
    if len(blocks) == 1:
        shutil.move(blocks[0], out)
        return
    with out.open("wb") as file:
        for path in blocks:
            with path.open("rb") as block:
                shutil.copyfileobj(block, file, 1 << 20)
            path.unlink()
