"""What this process is made of: told to the worker when it starts. Shown with results; part of no key but python_version."""

from __future__ import annotations

import os
import platform
from importlib import metadata, util
from pathlib import Path


def provenance(threads: int) -> dict[str, str]:
    """Versions and the machine, as strings; read without loading torch."""
    return {
        "python_version": platform.python_version(),
        "torch": _version("torch"),
        "transformers": _version("transformers"),
        "tokenizers": _version("tokenizers"),
        "device": "cuda" if _has_cuda() else "cpu",
        "threads": str(threads),
        "cpu": _cpu(),
        "cores": str(os.cpu_count() or 1),
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "absent"


def _has_cuda() -> bool:
    """Whether torch was built for CUDA and the driver is there; devices.py asks torch itself."""
    found = util.find_spec("torch")
    if found is None or found.origin is None or not Path("/dev/nvidiactl").exists():
        return False
    version = Path(found.origin).with_name("version.py").read_text(encoding="utf-8")
    return "cuda: Optional[str] = None" not in version and "cuda = None" not in version


def _cpu() -> str:
    """Model name of the first processor."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
