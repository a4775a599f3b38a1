"""Things in a row that several processes make together, by rounds in which each makes one.

After a round all processes have what all have made, to the bit, in the order of the row. So what a job keeps of them, and
what it writes, is the same however many processes there are, and what some began any other number ends.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import torch
import torch.distributed as dist
from safetensors.torch import load, save
from torch import Tensor

from pawl_trainer import distributed

Made = TypeVar("Made")


class Wire(Generic[Made]):
    """How a thing goes from process to process: as bytes, from which it comes back as it was."""

    def __init__(self, pack: Callable[[Made], bytes], unpack: Callable[[bytes], Made]) -> None:
        self.pack, self.unpack = pack, unpack


JSON: Wire[Any] = Wire(lambda value: json.dumps(value).encode(), json.loads)


def tensors(device: torch.device) -> Wire[Tensor]:
    """Tensors, which come back on this device."""
    return Wire(
        lambda made: save({"made": made.detach().cpu().contiguous()}),
        lambda content: load(content)["made"].to(device),
    )


def rounds(first: int, count: int) -> Iterator[range]:
    """The numbers first..count-1, as many at a time as there are processes."""
    size = distributed.world().size
    for start in range(first, count, size):
        yield range(start, min(start + size, count))


def own(turn: range) -> int | None:
    """Which number of a round this process makes; None where there is none for it."""
    rank = distributed.world().rank
    return turn[rank] if rank < len(turn) else None


def make(turn: range, maker: Callable[[int], Made], wire: Wire[Made]) -> list[Made]:
    """All things of a round, of which `maker` makes this process's own."""
    place = own(turn)
    made = None if place is None else maker(place)
    if distributed.world().size == 1:
        return [] if made is None else [made]
    contents = exchanged(b"" if made is None else wire.pack(made))
    return [wire.unpack(content) for content in contents[: len(turn)]]


def exchanged(content: bytes) -> list[bytes]:
    """What each process gives, in the order of the processes."""
    size = distributed.world().size
    if size == 1:
        return [content]
    lengths = [torch.zeros(1, dtype=torch.int64) for _ in range(size)]
    dist.all_gather(lengths, torch.tensor([len(content)]))
    longest = max(int(length) for length in lengths)
    padded = torch.zeros(longest, dtype=torch.uint8)
    if content:
        padded[: len(content)] = torch.frombuffer(bytearray(content), dtype=torch.uint8)
    parts = [torch.empty_like(padded) for _ in range(size)]
    dist.all_gather(parts, padded)
    return [part[: int(length)].numpy().tobytes() for part, length in zip(parts, lengths, strict=True)]
