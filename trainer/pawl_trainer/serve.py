"""The resident process: reads jobs, runs them one at a time, reports, and is never left behind.

Owns: the protocol stream, the running job, the way out. Does not own: what jobs do (operations.py).
I1: jobs run in the main thread, in the order they came; the reader thread only listens for cancel and the end of stdin.
I2: every job ends with exactly one `done` or `failed`. I3: when stdin ends, or the parent dies, so does the process.
A slot with several accelerators has a process for each: this one and its companions (companions.py), which are this program
with `--rank`. They share the jobs of operations.SHARED.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import signal
import sys
import threading
import time
import traceback
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from types import FrameType
from typing import TYPE_CHECKING, Any

from pawl_trainer import declaration, operations, schemas, seeds
from pawl_trainer.cache import Cache
from pawl_trainer.failures import FATAL, Failure, failure_of
from pawl_trainer.job import Job, StopRequest
from pawl_trainer.protocol import VERSION, Events, Quiet, finite_or_null, take_over_stdout
from pawl_trainer.provenance import provenance

if TYPE_CHECKING:
    from pawl_trainer.companions import Companions

PR_SET_PDEATHSIG = 1


@dataclass
class Server:
    """What the main thread, the reader thread and the signal handler share."""

    events: Events
    jobs: SimpleQueue[dict[str, Any] | None] = field(default_factory=SimpleQueue)
    running: tuple[str, StopRequest] | None = None
    cancelled: dict[str, bool] = field(default_factory=dict)
    terminating: bool = False
    cache: Cache = field(default_factory=lambda: Cache(0))
    place: Place = field(default_factory=lambda: Place())
    companions: Companions | None = None


@dataclass(frozen=True)
class Place:
    """Which of the processes of its slot this one is, and where they meet; the first learns their number with `hello`."""

    rank: int = 0
    size: int = 1
    port: int = 0


def main(arguments: list[str]) -> int:
    """Serves until told to stop; returns the exit code (schemas/failure-classes.json)."""
    parser = argparse.ArgumentParser()
    for name, default in (("--rank", 0), ("--of", 1), ("--port", 0)):
        parser.add_argument(name, type=int, default=default)
    given = parser.parse_args(arguments)
    place = Place(given.rank, given.of, given.port)
    server = Server(take_over_stdout(Quiet if place.rank > 0 else Events), place=place)
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C in the worker's terminal is for the worker

    def terminate(_number: int, _frame: FrameType | None) -> None:
        server.terminating = True  # a job that is running stops at its next boundary; the None ends the loop after it
        if server.running is not None:
            server.running[1].ask(with_checkpoint=True)
        server.jobs.put(None)

    signal.signal(signal.SIGTERM, terminate)
    threading.Thread(target=read_lines, args=(server,), name="reader", daemon=True).start()
    while (line := server.jobs.get()) is not None:
        failed = greet(server, line) if line["type"] == "hello" else serve(server, line)
        if failed is not None and leaves(server, failed):
            return schemas.exit_code(failed.failure_class)
    return 0


def leaves(server: Server, failure: Failure) -> bool:
    """Whether the process ends after this failure, because its memory or device is not to be trusted, or it has to."""
    if server.place.rank > 0:
        return True
    if failure.failure_class == "preempted":
        return server.terminating
    return failure.failure_class in FATAL or failure.failure_class == "worker_outdated" or "ends" in failure.details


def die_with_parent() -> None:
    """Asks Linux to kill this process when the one that started it dies; elsewhere the end of stdin has to do."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(0)


def read_lines(server: Server) -> None:
    """The reader thread: hands jobs on, passes cancels to the running job, and ends the process with stdin."""
    for text in sys.stdin:
        if not text.strip():
            continue
        try:
            line = json.loads(text)
            schemas.require("job", line, "A line on stdin", "config")
        except (ValueError, Failure) as error:
            server.events.log(None, "error", f"A line on stdin is no job: {error}")
            continue
        if line["type"] == "cancel":
            cancel(server, line["id"], line["checkpoint"])
        else:
            server.jobs.put(line)
    os._exit(0)


def cancel(server: Server, job: str, with_checkpoint: bool) -> None:
    """Asks a job to stop: the running one now, a waiting one as soon as it starts; one that has ended is left alone."""
    server.cancelled[job] = with_checkpoint  # first, so that a job that starts just now sees it
    running = server.running
    if running is not None and running[0] == job:
        running[1].ask(with_checkpoint)


def greet(server: Server, line: dict[str, Any]) -> Failure | None:
    """Answers `hello` with `ready`."""
    if line["protocol"] != VERSION:
        message = f"The worker speaks protocol {line['protocol']} and this trainer {VERSION}. Update the older one."
        server.events.send("failed", id="hello", details={}, traceback=None, message=message, **{"class": "worker_outdated"})
        return Failure("worker_outdated", message)
    processes = int(line.get("processes", 1))
    threads = max(1, int(line["threads"]) // processes)
    # Read by the numerical libraries when they are loaded, with the first job that needs them.
    os.environ["OMP_NUM_THREADS"] = str(threads)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    server.cache = Cache(int(line["cacheBytes"]))
    if processes > 1:
        from pawl_trainer.companions import Companions

        server.companions = Companions({**line, "threads": threads, "processes": 1}, processes)
    server.events.send("ready", protocol=VERSION, pid=os.getpid(), provenance=provenance(threads))
    return None


def serve(server: Server, line: dict[str, Any]) -> Failure | None:
    """Runs one job to its `done` or `failed`; returns the failure."""
    start = time.perf_counter()
    stop = StopRequest()
    server.running = (line["id"], stop)
    if line["id"] in server.cancelled:
        stop.ask(server.cancelled[line["id"]])
    shared = line["op"] in operations.SHARED
    companions = server.companions if shared else None
    stack = ExitStack()
    job: Job | None = None
    try:
        job = make_job(server, line, stop)
        if shared:
            stack.enter_context(share(server, job, line))
        function, declared = operations.find(job.op)
        if declared is not None:
            job.inputs = declaration.checked(job.op, declared, job.inputs)
        seeds.set_global(job.seed)
        job.boundary(0, None)
        metrics = function(job)
        job.finish()
        if companions is not None:
            companions.end()
    except BaseException as error:
        failure = failure_of(error, Path(line["workDir"]))
        if job is not None:
            with suppress(Exception):
                job.finish()  # what was taken before the failure is good
        if companions is not None:
            failure = companions.cause_of(failure)
            companions.stop(leave=failure.failure_class not in FATAL)
        text = None if failure is error else "".join(traceback.format_exception(error))
        fields = {"class": failure.failure_class, "message": failure.message, "details": failure.details}
        server.events.send("failed", id=line["id"], traceback=text, **fields)
        failure.__traceback__ = failure.__cause__ = failure.__context__ = None  # their frames hold the job and its network
        return failure
    finally:
        stack.close()
        server.running = None
        server.cancelled.pop(line["id"], None)
    plain, _ = finite_or_null(metrics)
    seconds = time.perf_counter() - start
    server.events.send("done", id=job.id, metrics=plain, seconds=seconds, figures=job.figures)
    return None


def share(server: Server, job: Job, line: dict[str, Any]) -> AbstractContextManager[None]:
    """The context in which the processes of the slot do the job together; returns when all are there."""
    place = server.place
    if server.companions is None and place.rank == 0:
        return nullcontext()
    from pawl_trainer import distributed

    if server.companions is not None:
        server.companions.begin(line)
    elif not distributed.has_joined():
        distributed.join(place.rank, place.size, distributed.find(place.port))
    job.leads, job.agree, job.wait, job.leader = place.rank == 0, distributed.agree, distributed.wait, job.work
    if not job.leads:
        job.work = job.work / f"process-{place.rank}"  # for what it keeps for itself; what it makes is written by the first
    return distributed.together()


def make_job(server: Server, line: dict[str, Any], stop: StopRequest) -> Job:
    """The job of a `run` line."""
    cadence, resume = line["checkpoint"], line["resume"]
    work = Path(line["workDir"])
    work.mkdir(parents=True, exist_ok=True)
    return Job(
        id=line["id"],
        op=line["op"],
        inputs=line["inputs"],
        seed=0 if line["seed"] is None else int(line["seed"]),
        work=work,
        every_steps=cadence["everySteps"],
        every_ms=cadence["everyMs"],
        resume=None if resume is None else Path(resume["path"]),
        last_checkpoint=time.monotonic() - cadence.get("sinceMs", 0) / 1000,
        events=server.events,
        stop=stop,
        cache=server.cache,
    )
