"""Checkpoints on disk: a folder is written under a temporary name, flushed, and renamed into place.

State is tensors (safetensors) and JSON, never pickle. The worker adds digests and a manifest when it stores the folder.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any


def remove(folder: Path) -> None:
    """Removes a folder if it is there."""
    if folder.exists():
        shutil.rmtree(folder)


def being_written(work: Path, step: int) -> Path:
    """Where checkpoints/<step>/ is while it is filled."""
    return work / "checkpoints" / f"{step}.tmp"


def begin(work: Path, step: int) -> None:
    """Makes the folder to be filled."""
    remove(being_written(work, step))
    being_written(work, step).mkdir(parents=True)


def complete(work: Path, step: int) -> str:
    """Makes what was filled checkpoints/<step>/, whole or not at all; returns its path relative to the work folder."""
    temporary = being_written(work, step)
    folder = temporary.with_name(str(step))
    for path in sorted(temporary.rglob("*")):
        flush(path)
    flush(temporary)
    remove(folder)
    temporary.rename(folder)
    flush(folder.parent)
    return f"checkpoints/{step}"


def share(path: Path, to: Path) -> None:
    """Makes a file that is not written any more appear under another name, too: by a link where the disk has links."""
    try:
        os.link(path, to)
    except OSError:
        shutil.copyfile(path, to)


def flush(path: Path) -> None:
    """Waits until a file or folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, value: Any) -> None:
    """Writes JSON with sorted keys."""
    path.write_text(json.dumps(value, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Reads JSON."""
    return json.loads(path.read_text(encoding="utf-8"))
