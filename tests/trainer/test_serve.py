"""The resident process, from outside: protocol, stops, and that it is never left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from trainer_process import TRAINER, Process


@pytest.fixture
def trainer(tmp_path: Path) -> Iterator[Process]:
    process = Process(tmp_path)
    yield process
    process.close()


def test_hello_is_answered_with_what_the_process_is_made_of(trainer: Process) -> None:
    ready = trainer.until("ready")
    assert ready["pid"] == trainer.process.pid
    assert ready["provenance"]["python_version"].count(".") == 2
    assert {"torch", "transformers", "device", "threads", "cpu"} <= ready["provenance"].keys()


def test_what_a_library_prints_does_not_reach_the_protocol(trainer: Process) -> None:
    trainer.run("a", {"steps": 3, "print": True})
    assert trainer.until("done", "failed")["type"] == "done"
    assert trainer.process.stdin is not None and trainer.process.stderr is not None
    trainer.process.stdin.close()
    assert trainer.process.stderr.read().count("rubbish from below") == 3


def test_what_is_not_a_number_is_null_and_named(trainer: Process) -> None:
    trainer.run("a", {"steps": 1, "not_a_number": True})
    event = trainer.until("metrics")
    assert event["values"]["loss"] is None
    assert event["nonFinite"] == ["loss"]


def test_an_unknown_input_is_a_failure_of_class_config_and_the_process_goes_on(trainer: Process) -> None:
    trainer.run("a", {"stepz": 1})
    failed = trainer.until("done", "failed")
    assert (failed["class"], failed["message"]) == ("config", "`probe` has no input `stepz`. Did you mean `steps`?")
    trainer.run("b", {"steps": 1})
    assert trainer.until("done", "failed")["id"] == "b"


def test_an_unknown_operation_is_for_a_newer_worker(trainer: Process) -> None:
    trainer.run("a", {}, op="fly")
    assert trainer.until("failed")["class"] == "worker_outdated"
    assert trainer.end() == 1


def test_cancel_writes_a_checkpoint_from_which_the_job_goes_on(trainer: Process) -> None:
    trainer.run("whole", {"steps": 6})
    whole = trainer.until("done")["metrics"]
    trainer.run("a", {"steps": 6, "step_ms": 30})
    trainer.until("checkpoint")
    trainer.send(type="cancel", id="a", checkpoint=True)
    failed = trainer.until("failed")
    assert failed["class"] == "preempted"
    step = failed["details"]["step"]
    assert step < 6
    trainer.run("b", {"steps": 6}, resume=trainer.work / "checkpoints" / str(step))
    assert trainer.until("done")["metrics"] == whole


def test_cancel_without_checkpoint_is_cancelled(trainer: Process) -> None:
    trainer.run("a", {"steps": 1000, "step_ms": 20})
    trainer.until("metrics")
    trainer.send(type="cancel", id="a", checkpoint=False)
    assert trainer.until("failed")["class"] == "cancelled"


def test_a_job_that_waits_can_be_cancelled(trainer: Process) -> None:
    trainer.run("a", {"steps": 20, "step_ms": 20})
    trainer.run("b", {"steps": 20, "step_ms": 20})
    trainer.send(type="cancel", id="b", checkpoint=False)
    assert trainer.until("done", "failed")["id"] == "a"
    assert trainer.until("failed")["class"] == "cancelled"


def test_sigterm_checkpoints_and_ends_with_the_exit_code_of_preempted(trainer: Process) -> None:
    trainer.run("a", {"steps": 1000, "step_ms": 20})
    trainer.until("metrics")
    trainer.process.send_signal(signal.SIGTERM)
    assert trainer.until("failed")["class"] == "preempted"
    assert trainer.end() == 15


def test_sigterm_ends_an_idle_process(trainer: Process) -> None:
    trainer.until("ready")
    trainer.process.send_signal(signal.SIGTERM)
    assert trainer.end() == 0


def test_the_end_of_stdin_ends_a_running_job(trainer: Process) -> None:
    trainer.run("a", {"steps": 1000, "step_ms": 20, "stuck": True})
    trainer.until("metrics")
    assert trainer.process.stdin is not None
    trainer.process.stdin.close()
    assert trainer.end() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux to tell of the parent's death")
def test_the_process_dies_with_its_parent(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys, os; p = subprocess.Popen([sys.executable, '-m', 'pawl_trainer'], stdin=os.dup(0));"
        "print(p.pid, file=sys.stderr, flush=True); p.wait()"
    )
    reading, writing = os.pipe()  # kept open here, so that the child's stdin does not end with the parent
    parent = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=reading,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(TRAINER)},
    )
    os.write(writing, b'{"type": "hello", "protocol": 1, "threads": 1, "cacheBytes": 0}\n')
    assert parent.stdout is not None and parent.stderr is not None
    child = int(parent.stderr.readline())
    assert json.loads(parent.stdout.readline())["type"] == "ready"
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 10
    while is_running(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(child)
    os.close(writing)


def is_running(pid: int) -> bool:
    """Whether the process runs; one that only waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_failure_that_leaves_memory_in_doubt_ends_the_process(trainer: Process) -> None:
    trainer.run("a", {"steps": 1, "fail_class": "oom"})
    assert trainer.until("failed")["class"] == "oom"
    assert trainer.end() == 12


def test_a_line_that_is_no_job_is_said_and_passed_over(tmp_path: Path) -> None:
    process = Process(tmp_path)
    try:
        process.until("ready")
        process.send(type="hello", protocol=1, threads=1, cacheBytes=1, extra=True)
        assert "no job" in process.until("log")["message"]
    finally:
        process.close()
