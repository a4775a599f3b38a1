"""Fits a line to noisy points by stochastic gradient descent. Standard library only."""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

TRUE_WEIGHTS = [2.0, -3.0, 0.5]

job = json.loads(Path(os.environ["PAWL_JOB"]).read_text())
inputs = job["inputs"]
must_stop = False


def say(**event: object) -> None:
    """Tells Pawl: one JSON object a line."""
    with Path(job["events"]).open("a") as events:
        events.write(json.dumps(event) + "\n")


def save(step: int, weights: list[float], draw: random.Random) -> None:
    """Everything that the next step depends on, the generator among it; renamed into place, then named."""
    folder = Path(job["checkpoints"])
    unfinished, finished = folder / f"{step}.tmp", folder / str(step)
    unfinished.mkdir()
    state = {"step": step, "weights": weights, "generator": draw.getstate()}
    (unfinished / "state.json").write_text(json.dumps(state))
    unfinished.rename(finished)
    say(type="checkpoint", step=step, path=finished.name)


def resume(draw: random.Random) -> tuple[int, list[float]]:
    """Where an earlier attempt got to; the beginning when there is none."""
    if job["resume"] is None:
        return 0, [0.0] * len(TRUE_WEIGHTS)
    state = json.loads((Path(job["resume"]["path"]) / "state.json").read_text())
    version, internal, gauss = state["generator"]
    draw.setstate((version, tuple(internal), gauss))
    return state["step"], state["weights"]


def descend(weights: list[float], draw: random.Random) -> float:
    """One step on 16 points; returns the mean squared error before it."""
    gradient, loss = [0.0] * len(weights), 0.0
    for _ in range(16):
        x = [1.0] + [draw.gauss(0, 1) for _ in weights[1:]]
        truth = sum(w * v for w, v in zip(TRUE_WEIGHTS, x, strict=True)) + draw.gauss(0, 0.1)
        error = sum(w * v for w, v in zip(weights, x, strict=True)) - truth
        loss += error * error / 16
        for i, v in enumerate(x):
            gradient[i] += 2 * error * v / 16
    for i, slope in enumerate(gradient):
        weights[i] -= inputs["lr"] * slope
    return loss


def stop(*_: object) -> None:
    """SIGTERM: the step is paused or cancelled, or its machine is going away."""
    global must_stop
    must_stop = True


signal.signal(signal.SIGTERM, stop)
draw = random.Random(job["seed"])
step, weights = resume(draw)
loss = 0.0
every = job["checkpoint"]["everySteps"] or 10
while step < inputs["steps"]:
    loss = descend(weights, draw)
    step += 1
    say(type="progress", step=step, total=inputs["steps"], text="fitting")
    say(type="metrics", step=step, values={"loss": loss})
    time.sleep(inputs["step_ms"] / 1000)
    if must_stop or (step % every == 0 and step < inputs["steps"]):
        save(step, weights, draw)
    if must_stop:
        sys.exit(15)  # the exit code of `preempted`
sys.stdout.write(f"fitted {weights} in {step} steps\n")
(Path(job["outputs"]["weights"]) / "weights.json").write_text(json.dumps(weights))
