"""Failures of a job: the classes of schemas/failure-classes.json, and which one an exception belongs to."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from functools import cache
from pathlib import Path
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


def failure_of(error: BaseException, folder: Path | None = None) -> Failure:
    """The failure that an exception of a job stands for; an unknown one is `internal`. `folder` is where the job writes."""
    if isinstance(error, Failure):
        return error
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, OSError) and error.errno is not None:
        return _failure_of_os_error(error, folder)
    rule = rule_of(text)
    if rule is not None:
        disk = f" {disk_text(folder)}" if rule["class"] == "store_unavailable" and folder is not None else ""
        return Failure(rule["class"], f"{rule['says']}{disk} {text}", **({"ends": True} if "ends" in rule else {}))
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        return Failure("data", f"A file could not be read. {text}")
    return Failure("internal", text)


def rule_of(text: str) -> dict[str, Any] | None:
    """The first rule of schemas/failure-messages.json that fits a message; None when none does. Pure."""
    return next((rule for pattern, rule in _rules() if pattern.search(text)), None)


@cache
def _rules() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    content = (Path(__file__).resolve().parents[2] / "schemas" / "failure-messages.json").read_text(encoding="utf-8")
    return [(re.compile(rule["pattern"]), rule) for rule in json.loads(content)]


def disk_text(path: Path) -> str:
    """Which disk a path is on, and how much of it is free."""
    place = path.absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place)
    while not place.is_mount():
        place = place.parent
    return f"The disk at {place} has {free.free / 2**20:.1f} MB free of {free.total / 2**20:.1f} MB."


def _failure_of_os_error(error: OSError, folder: Path | None) -> Failure:
    if error.errno == errno.ENOMEM:
        return Failure("oom", f"The memory of the machine ran out. {type(error).__name__}: {error}")
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG):
        # A write, unlike an open, does not say to which file.
        place = folder if error.filename is None else Path(os.fsdecode(error.filename))
        name = "" if error.filename is None else f": {error.filename}"
        disk = "" if place is None else f" {disk_text(place)}"
        return Failure("store_unavailable", f"A file could not be written: {error.strerror}{name}.{disk}")
    if error.errno in (errno.ENOENT, errno.EACCES, errno.EISDIR, errno.ENOTDIR):
        return Failure("data", f"A file could not be read: {error.strerror}: {error.filename}.")
    text = f"{type(error).__name__}: {error}"
    rule = rule_of(text)
    return Failure("internal", text) if rule is None else Failure(rule["class"], f"{rule['says']} {text}")
