"""Failures of a job: the classes of schemas/failure-classes.json, and which one an exception belongs to."""

from __future__ import annotations

import errno
import json
from typing import Any, Literal

FailureClass = Literal[
    "config",
    "data",
    "oom",
    "gpu_fault",
    "comm",
    "preempted",
    "worker_outdated",
    "trainer_crash",
    "non_finite",
    "store_unavailable",
    "artifact_damaged",
    "cancelled",
    "internal",
]

# After these the memory or the device of the process is not to be trusted: it leaves, and the next job gets a fresh one.
FATAL: frozenset[FailureClass] = frozenset({"oom", "gpu_fault", "comm", "trainer_crash"})


class Failure(Exception):
    """A failure that knows its class. `message` is for the user: the fact with its place, then the way out."""

    def __init__(self, failure_class: FailureClass, message: str, **details: Any) -> None:
        super().__init__(message)
        self.failure_class = failure_class
        self.message = message
        self.details = details


def failure_of(error: BaseException) -> Failure:
    """The failure that an exception of a job stands for; an unknown one is `internal`. Pure."""
    if isinstance(error, Failure):
        return error
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, MemoryError) or _is_out_of_memory(error):
        return Failure("oom", f"Memory ran out. {text}")
    if "NCCL" in text or "DistBackendError" in text:
        return Failure("comm", f"Communication between the processes of the job broke off. {text}")
    if type(error).__name__ == "AcceleratorError" or "CUDA error" in text or "CUBLAS_STATUS" in text:
        return Failure("gpu_fault", f"The accelerator reported a fault. {text}")
    if isinstance(error, FloatingPointError):
        return Failure("non_finite", str(error))
    if isinstance(error, OSError):
        return _failure_of_os_error(error)
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        return Failure("data", f"A file could not be read. {text}")
    return Failure("internal", text)


def _is_out_of_memory(error: BaseException) -> bool:
    text = str(error)
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)


def _failure_of_os_error(error: OSError) -> Failure:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO):
        return Failure("store_unavailable", f"A file could not be written: {error.strerror}: {error.filename}.")
    if error.errno in (errno.ENOENT, errno.EACCES, errno.EISDIR, errno.ENOTDIR):
        return Failure("data", f"A file could not be read: {error.strerror}: {error.filename}.")
    return Failure("internal", f"{type(error).__name__}: {error}")
