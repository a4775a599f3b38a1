"""The processes that share a job with this one: started with the first job that is shared, told each further one, ended
with this process.

The process that the worker started is the first and the only one that speaks to it. Each companion is the same program; it
reads jobs on its stdin as the first one does, and answers on its stdout with nothing but how a job ended. It is in the
process group of the first, dies with it (I3 of serve.py), and is ended when a job fails: what the others of a broken job are
doing is not known.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from pawl_trainer import distributed
from pawl_trainer.failures import Failure, FailureClass
from pawl_trainer.schemas import exit_code

SECONDS_TO_TELL = 2.0  # for the one that failed first to say why
SECONDS_TO_NOTICE = 20.0  # that a companion is gone: NCCL waits for it


@dataclass
class Companions:
    """All but the first process of a job that is shared."""

    hello: dict[str, Any]
    size: int
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    failure: Failure | None = None
    _done: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _broken: threading.Event = field(default_factory=threading.Event)
    _busy: bool = False

    def begin(self, line: dict[str, Any]) -> None:
        """Tells all the job of a `run` line, after starting them where there are none; returns when all have joined."""
        self.failure, self._busy = None, True
        if not self.processes:
            store = distributed.host()
            for rank in range(1, self.size):
                self._start(rank, distributed.port_of(store))
            self._tell(line)
            distributed.join(0, self.size, store)
        else:
            self._tell(line)

    def _start(self, rank: int, port: int) -> None:
        names = ["--rank", str(rank), "--of", str(self.size), "--port", str(port)]
        command = [sys.executable, "-m", "pawl_trainer", *names]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.processes.append(process)
        threading.Thread(target=self._listen, args=(process, rank), name=f"companion {rank}", daemon=True).start()
        self._write(process, self.hello)

    def _tell(self, line: dict[str, Any]) -> None:
        for process in self.processes:
            self._write(process, line)

    def _write(self, process: subprocess.Popen[bytes], line: dict[str, Any]) -> None:
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(line).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            self._broken.set()

    def _listen(self, process: subprocess.Popen[bytes], rank: int) -> None:
        assert process.stdout is not None
        for text in process.stdout:
            event = json.loads(text)
            if event["type"] == "failed":
                self._note(event["class"], event["message"], event["details"])
            elif event["type"] == "done":
                self._done.release()
        code = process.wait()
        if process not in self.processes:
            return  # ended by us
        self._note("comm", f"Process {rank} of the {self.size} of this job ended ({_how(code)}).", {})
        if self._busy:
            time.sleep(SECONDS_TO_NOTICE)
            if self._busy and process in self.processes:
                os._exit(exit_code("comm"))

    def _note(self, failure_class: FailureClass, message: str, details: dict[str, Any]) -> None:
        if self.failure is None:
            self.failure = Failure(failure_class, message, **details)
        self._broken.set()

    def end(self) -> None:
        """Waits until all have ended a job that this process has ended."""
        for _ in self.processes:
            while not self._done.acquire(timeout=0.2):
                if self._broken.is_set():
                    raise self.failure or Failure("comm", "A process of this job ended.")
        self._busy = False

    def cause_of(self, own: Failure) -> Failure:
        """Why a shared job failed: what the one that failed first says, where this process only noticed."""
        if own.failure_class in ("comm", "internal"):
            self._broken.wait(SECONDS_TO_TELL)
            return self.failure or own
        return own

    def stop(self, *, leave: bool) -> None:
        """Ends all; the next shared job starts others. Without `leave`, this process is about to end, too."""
        ended, self.processes = self.processes, []
        self._busy = False
        for process in ended:
            process.kill()
        for process in ended:
            process.wait()
        self._broken.clear()
        self._done = threading.Semaphore(0)
        if leave:
            distributed.leave()


def _how(code: int) -> str:
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"
