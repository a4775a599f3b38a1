"""Where tensors live and in which arithmetic. Loading this module loads torch."""

from __future__ import annotations

import os

import torch

from pawl_trainer import distributed

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def device() -> torch.device:
    """The accelerator if torch finds one (of several processes each has its own), else the processor."""
    if torch.cuda.is_available():
        return torch.device("cuda", distributed.world().rank)
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def prepare() -> None:
    """Sets threads and determinism; called when the first operation that needs torch is loaded."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    if torch.cuda.is_available():
        torch.use_deterministic_algorithms(True, warn_only=True)


def arithmetic(dtype: str) -> torch.autocast:
    """The context in which a forward pass runs: weights stay float32, `bfloat16` casts inside the pass."""
    return torch.autocast(device().type, dtype=torch.bfloat16, enabled=dtype == "bfloat16")


prepare()
