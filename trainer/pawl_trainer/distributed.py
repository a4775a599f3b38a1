"""Several processes that do one job, each on an accelerator of its own.

Every process runs the same operation on the same inputs; each does its share of the forward passes, and what they give is
gathered, so that each computes the loss of the whole batch. A batch, its negatives and its denominators are therefore the
same however many processes there are. Each process takes its part (one of `size`) of the loss back through the gathered
rows, and the gradients are added up before an optimizer step: every weight then has the gradient of the whole, and stays
the same in all processes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore, Store

from pawl_trainer import seeds

NUMBERS_AT_ONCE = 1 << 26  # of a gradient that are sent together: 256 MiB


@dataclass(frozen=True)
class World:
    """Which process this is, of how many."""

    rank: int
    size: int


ALONE = World(0, 1)
_member = ALONE  # of the processes that have joined
_world = ALONE  # of those that do the job under way


def world() -> World:
    """Which process this is; rank 0 of 1 unless the job under way is shared."""
    return _world


@contextmanager
def together() -> Iterator[None]:
    """A block, the same in all processes that have joined, which they do together."""
    global _world
    _world = _member
    try:
        yield
    finally:
        _world = ALONE


def host() -> Store:
    """Opens the place where the processes of this machine find each other."""
    store: Store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)  # type: ignore[attr-defined]
    return store


def port_of(store: Store) -> int:
    """The port of the place that `host` has opened."""
    return int(store.port)  # type: ignore[attr-defined]


def find(port: int) -> Store:
    """The place that the first process has opened at `port`."""
    store: Store = dist.TCPStore("127.0.0.1", port, is_master=False)  # type: ignore[attr-defined]
    return store


def has_joined() -> bool:
    """Whether this process has joined others."""
    return _member.size > 1


def join(rank: int, size: int, store: Store) -> None:
    """Joins the processes of a job; returns when all have."""
    global _member
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo0" if sys.platform == "darwin" else "lo")
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(rank)
    dist.init_process_group(backend, store=PrefixStore("pawl", store), rank=rank, world_size=size)
    _member = World(rank, size)


def leave() -> None:
    """Leaves the processes of a job."""
    global _member
    _member = ALONE
    if dist.is_initialized():
        dist.destroy_process_group()


def agree(flags: Sequence[bool]) -> list[bool]:
    """The flags as the first process has them."""
    if _world.size == 1:
        return list(flags)
    numbers = torch.tensor([int(flag) for flag in flags])
    dist.broadcast(numbers, 0)
    return [bool(number) for number in numbers.tolist()]


def wait() -> None:
    """Returns when all processes are here."""
    if _world.size > 1:
        dist.all_reduce(torch.zeros(1))


def is_in_parts(tensor: Any) -> bool:
    """Whether each process has a part of the tensor (a DTensor, sharding.py)."""
    return hasattr(tensor, "full_tensor")


def total(number: int) -> int:
    """The sum of the numbers of all processes, modulo 2^64."""
    if _world.size == 1:
        return number
    word = torch.tensor([(number & ((1 << 64) - 1)) - (1 << 63)])
    dist.all_reduce(word)
    return (int(word) + (_world.size << 63)) & ((1 << 64) - 1)


def share(count: int) -> range:
    """Which of `count` things in a row are done by this process: every so many-th, so that shares are alike."""
    return range(_world.rank, count, _world.size)


def gathered(own: Sequence[Tensor], rows: Sequence[int], width: int, device: torch.device) -> list[Tensor]:
    """
    All things of a row, each [rows of it, width] in float32, of which this process has those of `share`; `rows` says of each
    how many it has. The gradient of a thing is the sum of what all processes have for it, and goes to the one that made it.
    """
    shares = [range(rank, len(rows), _world.size) for rank in range(_world.size)]
    longest = max(sum(rows[place] for place in places) for places in shares)
    padding = torch.zeros(longest - sum(len(part) for part in own), width, device=device)
    together = torch.cat([*(part.float() for part in own), padding])
    if torch.is_grad_enabled() and not together.requires_grad:
        together.requires_grad_(True)  # every process takes part in the backward pass, also one with an empty share
    every: Tensor = _Gather.apply(together)  # type: ignore[no-untyped-call]
    found: list[Tensor] = [padding] * len(rows)
    for rank, places in enumerate(shares):
        first = rank * longest
        for place in places:
            found[place] = every[first : first + rows[place]]
            first += rows[place]
    return found


def by_rows(function: Callable[..., tuple[Tensor, ...]], *rows: Tensor) -> tuple[Tensor, ...]:
    """A function that makes one number a row of each of its results: each process computes some rows, and all get all."""
    if _world.size == 1:
        return function(*rows)
    count = len(rows[0])
    edges = [count * rank // _world.size for rank in range(_world.size + 1)]
    part = slice(edges[_world.rank], edges[_world.rank + 1])
    own = torch.stack(function(*(tensor[part] for tensor in rows)), dim=1)
    counts = [end - start for start, end in pairwise(edges)]
    return torch.cat(gathered([own], counts, own.shape[1], own.device)).unbind(1)


class _Gather(torch.autograd.Function):
    """The rows of all processes after each other; backwards, the sum of all their gradients, of which each takes its rows."""

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        parts = [torch.empty_like(own) for _ in range(_world.size)]
        dist.all_gather(parts, own.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous()
        dist.all_reduce(total)
        return total.chunk(_world.size)[_world.rank]


def part_of(loss: Tensor) -> Tensor:
    """The part of a loss, which all processes have computed whole, that this one takes back to the weights."""
    return loss / _world.size if _world.size > 1 else loss


def add_gradients(weights: Iterable[Any]) -> None:
    """
    Gives every weight that learns the sum of its gradients in all processes; one that has none anywhere keeps none. Those in
    parts (sharding.py) have it already.
    """
    if _world.size == 1:
        return
    learning = [weight for weight in weights if weight.requires_grad and not is_in_parts(weight)]
    has = torch.tensor([int(weight.grad is not None) for weight in learning])
    dist.all_reduce(has)
    moving = [weight for weight, count in zip(learning, has.tolist(), strict=True) if count > 0]
    for group in _groups(moving):
        parts = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in group]
        flat = torch.cat([part.reshape(-1) for part in parts])
        dist.all_reduce(flat)
        for weight, total in zip(group, flat.split([weight.numel() for weight in group]), strict=True):
            weight.grad = total.view_as(weight).clone()


def collect_gradients(weights: Sequence[Any]) -> None:
    """Gives the first process the sum of the gradients in all, and the others none."""
    add_gradients(weights)
    if _world.rank > 0:
        for weight in weights:
            weight.grad = None


def _groups(weights: Sequence[Any]) -> list[list[Any]]:
    groups: list[list[Any]] = []
    room = 0
    for weight in weights:
        if not groups or weight.numel() > room:
            groups.append([])
            room = NUMBERS_AT_ONCE
        groups[-1].append(weight)
        room -= weight.numel()
    return groups


def own_chance(seed: int, *purpose: str | int) -> AbstractContextManager[None]:
    """
    The context of a process's own passes: what they draw (dropout) follows from the purpose and the process, and the global
    generators, which go on alike in all processes, are as before behind it. Alone, nothing changes.
    """
    return nullcontext() if _world.size == 1 else seeds.forked(seeds.derive(seed, *purpose, _world.rank))
