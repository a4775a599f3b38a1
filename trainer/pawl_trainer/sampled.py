"""Completions sampled batch after batch, and what the passes over them give: the state that rollouts and reasonings share.

Each batch, and each pass after them, is a step with a checkpoint behind it. What goes on from a checkpoint makes the same
batches, so a job that was interrupted ends with the bytes of one that was not. Processes that share the job make a batch, or
a pass, each at a time; all have what all have made (dealing.py), so the bytes are those of one process.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from pawl_trainer import canary, checkpoint, dealing, devices
from pawl_trainer.batching import Done
from pawl_trainer.completion import Completion
from pawl_trainer.generation import Draws, Generate, with_network
from pawl_trainer.job import Job
from pawl_trainer.language_model import LanguageModel
from pawl_trainer.sampling import Sampling


@dataclass(frozen=True)
class Drawing:
    """What is sampled: `keys` name the generator of each row, None = the most likely tokens; `rows` at once."""

    job: Job
    model: LanguageModel
    prompts: list[list[int]]
    keys: list[tuple[str | int, ...]] | None
    sampling: Sampling
    rows: int
    dtype: str = "float32"
    generate: Generate = with_network

    @property
    def batches(self) -> int:
        """How many batches there are."""
        return -(-len(self.prompts) // self.rows)

    def batch(self, number: int) -> list[Completion]:
        """Samples a batch; the same whenever it is called."""
        part = slice(number * self.rows, (number + 1) * self.rows)
        draws = None if self.keys is None else Draws(self.job.seed, self.keys[part])
        with devices.arithmetic(self.dtype):
            return self.generate(self.model, self.prompts[part], draws, self.sampling)


@dataclass
class Sampled:
    """The batches that are drawn, and the states that the passes so far gave."""

    drawing: Drawing
    what: str
    drawn: list[list[Completion]] = field(default_factory=list)
    states: list[torch.Tensor] = field(default_factory=list)

    @property
    def passes(self) -> Done:
        """The passes so far, for whoever makes the rest."""
        return Done(self.states, self.passed)

    @classmethod
    def opened(cls, drawing: Drawing, what: str) -> Sampled:
        """Nothing yet, or what the job's checkpoint holds, whose last batch is drawn again for comparison."""
        self = cls(drawing, what)
        folder = drawing.job.resume
        if folder is None or not (folder / "sampled.json").exists():
            return self
        saved = checkpoint.read_json(folder / "sampled.json")
        self.drawn = [[Completion(*found) for found in batch] for batch in saved["drawn"]]
        if saved["passes"]:
            states = load_file(folder / "states.safetensors")["states"].to(drawing.model.network.device)
            self.states = list(states.split(saved["passes"]))
        last = len(self.drawn) - 1
        if drawing.generate is with_network:  # others need not draw the same bits again
            canary.check(drawing.job, folder, lambda: {"completions": digest(drawing.batch(last))})
        return self

    @property
    def step(self) -> int:
        """Batches and passes so far."""
        return len(self.drawn) + len(self.states)

    def draw(self) -> list[Completion]:
        """Draws what is missing; returns all completions."""
        drawing = self.drawing
        for turn in dealing.rounds(len(self.drawn), drawing.batches):
            self.drawn += dealing.make(turn, drawing.batch, BATCH)
            count = sum(len(batch) for batch in self.drawn)
            total = len(drawing.prompts)
            drawing.job.progress(len(self.drawn), drawing.batches, f"{count} of {total} {self.what}")
            drawing.job.boundary(self.step, self.save, done=len(turn))
        return [found for batch in self.drawn for found in batch]

    def passed(self, count: int) -> None:
        """Behind `count` passes over the completions."""
        self.drawing.job.boundary(self.step, self.save, done=count)

    def save(self, folder: Path) -> None:
        """Writes a checkpoint."""
        content = [[astuple(found) for found in batch] for batch in self.drawn]
        passes = [len(states) for states in self.states]
        checkpoint.write_json(folder / "sampled.json", {"schema": 1, "drawn": content, "passes": passes})
        if passes:
            save_file({"states": torch.cat(self.states).cpu()}, folder / "states.safetensors")
        canary.write(folder, {"completions": digest(self.drawn[-1])})


BATCH: dealing.Wire[list[Completion]] = dealing.Wire(
    lambda batch: dealing.JSON.pack([astuple(found) for found in batch]),
    lambda content: [Completion(*found) for found in dealing.JSON.unpack(content)],
)


def digest(batch: list[Completion]) -> str:
    """What a batch is, to the last bit of its log-probabilities."""
    return canary.digest((found.ids, found.logprobs) for found in batch)
