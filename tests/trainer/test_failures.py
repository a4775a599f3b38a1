"""Exceptions have a class of schemas/failure-classes.json."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import get_args

import pytest
import torch
from pawl_trainer import schemas
from pawl_trainer.failures import FailureClass, disk_text, failure_of, rule_of

# As torch, CUDA, NCCL and gloo write them; the tests in TypeScript read the same file.
MESSAGES = json.loads((Path(__file__).parents[1] / "fixtures" / "failure-messages.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), "oom"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"), "oom"),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
            "oom",
        ),
        (
            RuntimeError("CUDA error: an illegal memory access was encountered"),
            "gpu_fault",
        ),
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


@pytest.mark.parametrize(("expected", "message"), [(one["class"], one["message"]) for one in MESSAGES])
def test_the_class_of_a_message(expected: str | None, message: str) -> None:
    rule = rule_of(message)
    assert (rule and rule["class"]) == expected
    assert failure_of(RuntimeError(message)).failure_class == (expected or "internal")


def test_memory_that_really_runs_out() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**55, dtype=torch.uint8)
    assert failure_of(caught.value).failure_class == "oom"


def test_after_a_refused_kernel_the_process_is_not_to_be_trusted() -> None:
    assert failure_of(RuntimeError("CUDA error: device-side assert triggered")).details == {"ends": True}


def test_a_full_disk_is_named_with_what_is_free(tmp_path: Path) -> None:
    failure = failure_of(OSError(errno.ENOSPC, "No space left on device"), tmp_path / "not" / "made")
    assert "MB free of" in failure.message
    assert disk_text(tmp_path) in failure.message


def test_every_rule_has_a_class_of_the_table() -> None:
    rules = schemas.load("failure-messages.json")
    assert {rule["class"] for rule in rules} <= set(get_args(FailureClass))
