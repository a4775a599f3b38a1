"""The lines between the worker and this process: jobs on stdin, events on the stdout that the process was given.

File descriptor 1 is kept aside for events and then points at stderr, so that a library that prints does no harm.
"""

from __future__ import annotations

import json
import math
import os
import sys
import threading
from collections.abc import Mapping
from typing import Any

VERSION = 1


class Events:
    """Writes events; every line whole, also when threads write at the same time."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def send(self, kind: str, **fields: Any) -> None:
        """Writes one event of schemas/event.schema.json."""
        line = json.dumps({"type": kind, **fields}, ensure_ascii=False, allow_nan=False) + "\n"
        rest = line.encode("utf-8", errors="replace")
        with self._lock:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]

    def log(self, job: str | None, level: str, message: str) -> None:
        """Writes a log event; `level` is debug, info, warning or error."""
        self.send("log", id=job, level=level, message=message)


class Quiet(Events):
    """Writes only how jobs end."""

    def send(self, kind: str, **fields: Any) -> None:
        """Writes `done` and `failed`."""
        if kind in ("done", "failed"):
            super().send(kind, **fields)


def take_over_stdout(kind: type[Events] = Events) -> Events:
    """Keeps the protocol stream aside and points file descriptor 1 at stderr. Call once, before anything prints."""
    sys.stdout.flush()
    descriptor = os.dup(1)
    os.set_inheritable(descriptor, False)
    os.dup2(2, 1)
    return kind(descriptor)


def finite_or_null(values: Mapping[str, float]) -> tuple[dict[str, float | None], list[str]]:
    """The values as JSON may carry them, and the names of those that are not finite. Pure."""
    plain = {name: float(value) for name, value in values.items()}
    broken = sorted(name for name, value in plain.items() if not math.isfinite(value))
    return {name: (None if name in broken else value) for name, value in plain.items()}, broken
