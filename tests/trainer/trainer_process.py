"""A trainer process as the worker starts it, spoken to in lines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from pawl_trainer import schemas

TRAINER = Path(__file__).resolve().parents[2] / "trainer"


class Process:
    """A trainer process and the events that it has sent."""

    def __init__(self, work: Path, **hello: Any) -> None:
        self.work = work
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pawl_trainer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(TRAINER)},
        )
        self.send(type="hello", protocol=1, **{"threads": 1, "cacheBytes": 1000, **hello})

    def send(self, **line: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()

    def run(
        self, job: str, inputs: dict[str, Any], op: str = "probe", resume: Path | None = None, work: Path | None = None
    ) -> None:
        cadence = {"everySteps": 1, "everyMs": None}
        found = None if resume is None else {"path": str(resume), "step": int(resume.name)}
        work = work or self.work
        self.send(type="run", id=job, op=op, inputs=inputs, seed=3, workDir=str(work), checkpoint=cadence, resume=found)

    def until(self, *kinds: str) -> dict[str, Any]:
        """Reads events, checks each against the schema, and returns the first of these kinds."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event: dict[str, Any] = json.loads(line)
            assert schemas.problem_of("event", event) is None
            if event["type"] in kinds:
                return event
        raise AssertionError(f"the process ended before {kinds}")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()

    def end(self) -> int:
        return self.process.wait(timeout=20)
