"""Exceptions have a class of schemas/failure-classes.json."""

from __future__ import annotations

import errno
from typing import get_args

import pytest
import torch
from pawl_trainer import schemas
from pawl_trainer.failures import FailureClass, failure_of


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), "oom"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"), "oom"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "oom"),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), "gpu_fault"),
        (RuntimeError("NCCL error: unhandled system error"), "comm"),
        (FloatingPointError("loss"), "non_finite"),
        (FileNotFoundError(errno.ENOENT, "No such file", "x.jsonl"), "data"),
        (OSError(errno.ENOSPC, "No space left on device", "x"), "store_unavailable"),
        (KeyError("x"), "internal"),
    ],
)
def test_the_class_of_an_exception(error: BaseException, expected: str) -> None:
    assert failure_of(error).failure_class == expected


def test_every_class_is_in_the_table() -> None:
    assert set(get_args(FailureClass)) <= schemas.load("failure-classes.json").keys()
