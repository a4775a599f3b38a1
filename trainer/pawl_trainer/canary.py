"""The canary of a checkpoint: whether what goes on from it computes what its writer computed.

A checkpoint keeps a few values that follow from its state. Before a job goes on from it they are computed again; where they
differ, another device, library or number of threads is at work, or bits were flipped. That is reported, with what differs
between the two processes, and the job goes on: its result is valid, but not the one of an uninterrupted run.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pawl_trainer import checkpoint, distributed, seeds, sharding
from pawl_trainer.job import Job
from pawl_trainer.provenance import provenance

FILE = "canary.json"
ROWS = 8  # of the last batch, that are computed again
AS_INTEGER = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}

Values = Mapping[str, float | str]


def write(folder: Path, values: Values) -> None:
    """Keeps the values with the checkpoint in `folder`, and what computed them."""
    checkpoint.write_json(folder / FILE, {"schema": 1, "values": dict(values), "provenance": machine()})


def check(job: Job, folder: Path, again: Callable[[], Values]) -> None:
    """Compares the values of the checkpoint in `folder` with what `again` computes now, and reports a difference."""
    if not (folder / FILE).exists():
        return  # written before there was a canary
    kept = checkpoint.read_json(folder / FILE)
    with job.timed("canary"):
        values = again()
    common = kept["values"].keys() & values.keys()  # of weights in parts there is less
    changed = differences(*({name: found[name] for name in common} for found in (kept["values"], values)))
    if changed:
        differs = differences(kept["provenance"], machine())
        job.events.send("diverged", id=job.id, values=changed, differs=differs, message=report(changed, differs))


def differences(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[dict[str, str]]:
    """What is not the same, by name, as text. Pure."""
    return [
        {"name": name, "was": str(was.get(name, "absent")), "is": str(now.get(name, "absent"))}
        for name in sorted({*was, *now})
        if was.get(name) != now.get(name)
    ]


def report(changed: list[dict[str, str]], differs: list[dict[str, str]]) -> str:
    """The difference for a person. Pure."""
    values = ", ".join(f"{item['name']} {item['is']} instead of {item['was']}" for item in changed)
    if any(item["name"] == "state" for item in changed):
        cause = (
            "What was read is not what was written: bits have changed since. Remove the checkpoint, and test memory and disk."
        )
    elif differs:
        names = ", ".join(f"{item['name']} is {item['is']} and was {item['was']}" for item in differs)
        cause = f"What differs: {names}. The result will not be, to the last digit, that of an uninterrupted run."
    else:
        cause = "Device, libraries and threads are the same: the computation is not deterministic, or memory is faulty."
    return f"Going on from the checkpoint computes something else than was computed before it: {values}. {cause}"


def machine() -> dict[str, str]:
    """What computes here, as far as it may change a digit."""
    facts = provenance(torch.get_num_threads())
    facts["threads_set"] = os.environ.get("OMP_NUM_THREADS", "")
    del facts["python_version"], facts["cores"]
    if torch.cuda.is_available():
        major, minor = torch.cuda.get_device_capability()
        facts |= {"gpu": torch.cuda.get_device_name(), "capability": f"{major}.{minor}", "cuda": str(torch.version.cuda)}
    return facts


def digest(values: Iterable[Any] | Tensor) -> str:
    """A short digest of numbers, to the last bit."""
    content = values.detach().float().cpu().numpy().tobytes() if isinstance(values, Tensor) else repr(list(values)).encode()
    return hashlib.sha256(content).hexdigest()[:16]


def checksum(tensors: Iterable[Tensor]) -> str:
    """
    A sum over the bits of tensors, which neither their device nor the order of the sum changes, nor that some are in parts, of
    which all processes have to call it together.
    """
    whole = parts = 0
    sharded = False
    for tensor in tensors:
        sharded = sharded or distributed.is_in_parts(tensor)
        own: Any = tensor
        if distributed.is_in_parts(tensor):
            own = own.to_local()
        bits = own.detach().contiguous().reshape(-1).view(AS_INTEGER[own.element_size()])
        if distributed.is_in_parts(tensor):
            parts += int(bits.sum(dtype=torch.int64))
        else:
            whole += int(bits.sum(dtype=torch.int64))
    total = whole + (distributed.total(parts) if sharded else 0)
    return f"{total & ((1 << 64) - 1):016x}"


def gradient_of(network: Any, seed: int, compute: Callable[[], tuple[Tensor, Tensor]]) -> Values:
    """
    A value, what it was made of, and, unless weights are in parts, the norm of its gradient; weights, gradients and generators
    stay as they are. `compute` returns the value and the tensor that it comes from.
    """
    kept = seeds.global_state()
    seeds.set_global(seed)
    try:
        if sharding.in_parts(network):
            with torch.no_grad():
                value, source = compute()
            return {"loss": float(value), "forward": digest(source)}
        value, source = compute()
        weights = [weight for weight in network.parameters() if weight.requires_grad]
        parts = torch.autograd.grad(value, weights, allow_unused=True)
        norm = torch.stack([part.norm() for part in parts if part is not None]).norm()
        return {"loss": float(value.detach()), "grad_norm": float(norm), "forward": digest(source)}
    finally:
        seeds.restore_global(*kept)
