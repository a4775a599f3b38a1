"""probe: an operation without a model, for tests of the engine. Counts, checkpoints, and fails where it is told to."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pawl_trainer import checkpoint, seeds
from pawl_trainer.failures import Failure
from pawl_trainer.job import Job

DECLARED: dict[str, Any] = {
    "inputs": {
        "steps": {"type": "integer", "help": "Steps.", "minimum": 0},
        "step_ms": {"type": "integer", "help": "Milliseconds a step.", "minimum": 0, "default": 1},
        "crash_at": {"type": "integer", "help": "Dies by SIGKILL after the checkpoint of this step.", "required": False},
        "fail_class": {"type": "string", "help": "Fails with this class, at crash_at or at once.", "required": False},
        "print": {"type": "boolean", "help": "Prints rubbish to stdout, from Python and from below.", "default": False},
        "alloc": {"type": "integer", "help": "Bytes to hold while it runs.", "minimum": 0, "default": 0},
        "not_a_number": {"type": "boolean", "help": "Reports metrics that are not finite.", "default": False},
        "stuck": {"type": "boolean", "help": "Never looks whether it is to stop.", "default": False},
    }
}


@dataclass(frozen=True)
class Settings:
    steps: int
    step_ms: int
    crash_at: int | None
    fail_class: str | None
    print: bool
    alloc: int
    not_a_number: bool
    stuck: bool


def run(job: Job) -> dict[str, float]:
    """Returns {steps, value}; `value` depends on the seed and on every step, so a lost or repeated step shows."""
    settings = job.settings(Settings)
    held = bytearray(settings.alloc)
    step, value = 0, 0
    if job.resume is not None:
        state = checkpoint.read_json(job.resume / "state.json")
        step, value = state["step"], state["value"]
    if settings.fail_class is not None and settings.crash_at is None:
        raise Failure(settings.fail_class, "The probe was told to fail.")  # type: ignore[arg-type]
    while step < settings.steps:
        time.sleep(settings.step_ms / 1000)
        value = seeds.derive(job.seed, value, step) % 1_000_000_007
        step += 1
        _report(job, settings, step, value)

        def save(folder: Path, step: int = step, value: int = value) -> None:
            checkpoint.write_json(folder / "state.json", {"step": step, "value": value})

        if not settings.stuck:
            job.boundary(step, save)
        if step == settings.crash_at:
            _crash(settings)
    checkpoint.write_json(job.output("folder") / "probe.json", {"steps": step, "value": value})
    return {"steps": step, "value": value + 0 * len(held)}


def _report(job: Job, settings: Settings, step: int, value: int) -> None:
    if settings.print:
        print(f'{{"type": "done", "step": {step}}}', flush=True)  # noqa: T201 - the rubbish that is asked for
        os.write(1, b"rubbish from below\n")
    loss = float("nan") if settings.not_a_number else 1 / step
    job.metrics(step, {"loss": loss, "value": value})
    job.progress(step, settings.steps, "probing")


def _crash(settings: Settings) -> None:
    if settings.fail_class is not None:
        raise Failure(settings.fail_class, "The probe was told to fail.")  # type: ignore[arg-type]
    os.kill(os.getpid(), signal.SIGKILL)
