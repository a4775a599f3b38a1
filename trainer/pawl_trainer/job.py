"""One job as an operation sees it: its inputs, where it writes, what it reports, and when it has to stop.

Owns: the rhythm of checkpoints and the request to stop. Does not own: what a checkpoint holds (checkpoint.py, and the
operation). I1: the state of a checkpoint is taken at a step boundary only. I2: an operation that was asked to stop raises
Stopped at its next boundary, after a checkpoint if one was asked for and it can write one. I3: one checkpoint is written at
a time, and none is when the job has ended. I4: metrics of steps behind a checkpoint are reported after it, because whoever
reads them takes what comes before it for what it covers.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pawl_trainer import checkpoint
from pawl_trainer.cache import Cache
from pawl_trainer.failures import Failure
from pawl_trainer.protocol import Events, finite_or_null

Settings = TypeVar("Settings")

# Writes the state into a folder. If it returns a function, that is the rest of the writing, which may be done meanwhile.
Save = Callable[[Path], object]

PROGRESS_EVERY_SECONDS = 0.25


class StopRequest:
    """A request to stop the running job; set from the reader thread or a signal handler."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.with_checkpoint = False

    def ask(self, with_checkpoint: bool) -> None:
        """Asks the job to stop at its next boundary."""
        self.with_checkpoint = self.with_checkpoint or with_checkpoint
        self._event.set()

    @property
    def asked(self) -> bool:
        """Whether somebody asked."""
        return self._event.is_set()


class Stopped(Failure):
    """The job ends before its last step because it was asked to."""

    def __init__(self, step: int, with_checkpoint: bool) -> None:
        asked = "preempted" if with_checkpoint else "cancelled"
        super().__init__("preempted" if with_checkpoint else "cancelled", f"The job was {asked} after step {step}.", step=step)


@dataclass(frozen=True)
class Artifact:
    """An input artifact: a folder, and the identity of what is in it."""

    path: Path
    identity: str
    type: str


class Behind:
    """Something that is done while the job goes on."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._do, args=(work,), name="checkpoint", daemon=True)
        self._thread.start()

    def _do(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            self._error = error

    @property
    def is_done(self) -> bool:
        """Whether it has ended, well or not."""
        return not self._thread.is_alive()

    def finish(self) -> None:
        """Returns when it is done; raises what it raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error


@dataclass
class Job:
    """What an operation is given; it returns its metrics."""

    id: str
    op: str
    inputs: dict[str, Any]
    seed: int
    work: Path
    every_steps: int | None
    every_ms: int | None
    resume: Path | None
    events: Events
    stop: StopRequest
    cache: Cache
    figures: dict[str, float] = field(default_factory=dict)
    last_checkpoint: float = field(default_factory=time.monotonic)
    # Of the processes that do a job together, the first leads: it alone writes, and what it is told holds for all.
    leads: bool = True
    agree: Callable[[list[bool]], list[bool]] = list
    wait: Callable[[], None] = lambda: None
    leader: Path | None = None  # the work folder of the first; absent = this one's
    _last_progress: float = 0.0
    _behind: Behind | None = None
    _held: list[dict[str, Any]] = field(default_factory=list)  # metrics of steps behind the checkpoint that is being written

    def settings(self, shape: type[Settings]) -> Settings:
        """The scalar inputs as a dataclass, which names those that the operation reads."""
        names = [item.name for item in dataclasses.fields(shape)]  # type: ignore[arg-type]
        return shape(**{name: self.inputs[name] for name in names})

    def artifact(self, name: str) -> Artifact:
        """A required input artifact."""
        value = self.inputs[name]
        return Artifact(Path(value["path"]), str(value["identity"]), str(value["type"]))

    def optional_artifact(self, name: str) -> Artifact | None:
        """An input artifact that may be absent."""
        return None if self.inputs.get(name) is None else self.artifact(name)

    def output(self, name: str) -> Path:
        """The empty folder into which the output `name` is written."""
        folder = self.work / "outputs" / name
        checkpoint.remove(folder)
        folder.mkdir(parents=True)
        return folder

    def progress(self, step: int, total: int | None, text: str) -> None:
        """Says how far the job is; at most a few times a second, and always for the last step."""
        now = time.monotonic()
        if step != total and now - self._last_progress < PROGRESS_EVERY_SECONDS:
            return
        self._last_progress = now
        self.events.send("progress", id=self.id, step=step, total=total, text=text)

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Reports metrics of a step; while a checkpoint is being written they are held back until it is there."""
        plain, broken = finite_or_null(values)
        self._held.append({"step": step, "values": plain, "nonFinite": broken})
        if self._behind is not None and self._behind.is_done:
            self.finish()
        if self._behind is None:
            self._tell()

    def _tell(self) -> None:
        held, self._held = self._held, []
        for metrics in held:
            self.events.send("metrics", id=self.id, **metrics)

    def log(self, level: str, message: str) -> None:
        """Writes a line to the log of the attempt."""
        self.events.log(self.id, level, message)

    def warn(self, message: str) -> None:
        """Says what a person should know of the result; it is shown with the step and with the run."""
        self.events.send("warning", id=self.id, message=message)

    def boundary(self, step: int, save: Save | None, others: Callable[[Path], None] | None = None, done: int = 1) -> None:
        """
        The place between two steps: takes a checkpoint when one is due or was asked for, and raises Stopped when the job is
        to end. `step` counts the steps that are done, `done` those since the last boundary; `save` writes the state, None =
        there is none. `others` writes what the processes that do not lead have to add.
        """
        asked, with_checkpoint, due = self.agree([self.stop.asked, self.stop.with_checkpoint, self._is_due(step, done)])
        if save is not None and (due or (asked and with_checkpoint)):
            self._write(step, save, others)
        if asked:
            self.finish()
            raise Stopped(step, with_checkpoint)

    def _write(self, step: int, save: Save, others: Callable[[Path], None] | None) -> None:
        self.finish()
        work = self.leader or self.work
        folder = checkpoint.being_written(work, step)
        rest: object = None
        if self.leads:
            checkpoint.begin(work, step)
        if others is not None:
            self.wait()
            if not self.leads:
                others(folder)
        if self.leads:
            rest = save(folder)
        if others is not None:
            self.wait()
        self.last_checkpoint = time.monotonic()
        if callable(rest):
            self._behind = Behind(partial(self._complete, step, rest))
        elif self.leads:
            self._complete(step)

    def _complete(self, step: int, rest: Callable[[], object] = lambda: None) -> None:
        rest()
        path = checkpoint.complete(self.leader or self.work, step)
        self.events.send("checkpoint", id=self.id, step=step, path=path)

    def finish(self) -> None:
        """Waits until the checkpoint that is being written is there; raises what kept it from being written."""
        behind, self._behind = self._behind, None
        if behind is not None:
            with self.timed("checkpoint"):
                behind.finish()
            self._tell()

    def _is_due(self, step: int, done: int) -> bool:
        if self.every_steps is not None and step % self.every_steps < done:
            return True
        return self.every_ms is not None and (time.monotonic() - self.last_checkpoint) * 1000 >= self.every_ms

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Adds the seconds of the block to the figure of this name."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.figures[part] = self.figures.get(part, 0.0) + time.perf_counter() - start
