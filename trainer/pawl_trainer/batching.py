"""Forward passes over sequences of different lengths: sorted into buckets, padded little, put back in order.

Returned are only the hidden states that are asked for, so no logits of B x T x V ever exist. The result does not depend
on the padding: positions count real tokens, and a real token never attends to a padded one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from pawl_trainer import dealing

ROUND_TO = 8  # few distinct shapes: the libraries prepare each shape once


@dataclass(frozen=True)
class Padded:
    """Sequences as one tensor; `first` is the column at which each begins."""

    ids: Tensor
    mask: Tensor
    first: list[int]

    @property
    def positions(self) -> Tensor:
        """Position of each real token in its sequence."""
        return (self.mask.cumsum(1) - 1).clamp(min=0)


def pad(
    sequences: Sequence[Sequence[int]],
    side: Literal["left", "right"],
    pad_id: int,
    device: torch.device,
    round_to: int = ROUND_TO,
) -> Padded:
    """Pads sequences on one side to a common length that is a multiple of `round_to`."""
    longest = max(len(sequence) for sequence in sequences)
    width = -(-longest // round_to) * round_to
    ids = np.full((len(sequences), width), pad_id, dtype=np.int64)
    mask = np.zeros((len(sequences), width), dtype=np.int64)
    first = [width - len(sequence) if side == "left" else 0 for sequence in sequences]
    for row, (start, sequence) in enumerate(zip(first, sequences, strict=True)):
        ids[row, start : start + len(sequence)] = sequence
        mask[row, start : start + len(sequence)] = 1
    return Padded(torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device), first)


def buckets(lengths: Sequence[int], rows: int, tokens: int = 0) -> list[list[int]]:
    """
    Numbers of the sequences by length, cut into groups: of `rows`, or, where `tokens` is given, of as many as fit into that
    many padded tokens (one at least). Pure.
    """
    order = sorted(range(len(lengths)), key=lambda number: (lengths[number], number))
    if tokens == 0:
        return [order[start : start + rows] for start in range(0, len(order), rows)]
    groups: list[list[int]] = []
    for number in order:
        width = -(-lengths[number] // ROUND_TO) * ROUND_TO  # the widest of the group so far: lengths grow
        if not groups or (len(groups[-1]) + 1) * width > tokens:
            groups.append([])
        groups[-1].append(number)
    return groups


def states_of(network: Any, batch: Padded) -> Tensor:
    """Hidden states after the final norm [rows, width, dimension]."""
    ragged_left = any(batch.first)
    # Padding on the right needs no mask: attention is causal, so no real token looks that far.
    extra = {"attention_mask": batch.mask, "position_ids": batch.positions} if ragged_left else {}
    states: Tensor = network.base_model(input_ids=batch.ids, use_cache=False, **extra).last_hidden_state
    return states


@dataclass(frozen=True)
class Passes:
    """
    Forward passes over sequences, of which the hidden states of sequence i are wanted at the positions wanted[i]: one pass
    a group of `groups`.
    """

    sequences: Sequence[Sequence[int]]
    wanted: Sequence[Sequence[int]]
    groups: list[list[int]]
    side: Literal["left", "right"] = "right"
    pad_id: int = 0

    def states(self, network: Any, place: int) -> Tensor:
        """The wanted states of one group [positions, dimension], sequence after sequence."""
        group = self.groups[place]
        batch = pad([self.sequences[number] for number in group], self.side, self.pad_id, network.device)
        states = states_of(network, batch)
        width = states.shape[1]
        flat = [
            row * width + batch.first[row] + position for row, number in enumerate(group) for position in self.wanted[number]
        ]
        return states.reshape(-1, states.shape[-1])[torch.tensor(flat, device=states.device)]

    def together(self, parts: Sequence[Tensor]) -> Tensor:
        """What all groups gave, in the order of the sequences."""
        counts = np.array([len(positions) for positions in self.wanted])
        order = [number for group in self.groups for number in group]
        first = np.zeros(len(counts), dtype=np.int64)
        first[order] = np.concatenate([[0], np.cumsum(counts[order])[:-1]])
        back = np.concatenate([np.arange(start, start + n) for start, n in zip(first, counts, strict=True)])
        return torch.cat(list(parts))[torch.from_numpy(back).to(parts[0].device)]


@dataclass
class Done:
    """The states that the first passes of a job gave; `behind` is called after each round of passes with their number."""

    states: list[Tensor] = field(default_factory=list)
    behind: Callable[[int], None] = lambda _: None


def hidden_at(
    network: Any,
    sequences: Sequence[Sequence[int]],
    wanted: Sequence[Sequence[int]],
    *,
    rows: int,
    side: Literal["left", "right"] = "right",
    pad_id: int = 0,
    done: Done | None = None,
) -> Tensor:
    """
    The hidden states of sequence i at the positions wanted[i], all in one tensor [sum of positions, dimension], in the
    order of the sequences. `rows` a forward pass. With `done` the processes that share the job make the passes together,
    without a gradient: those that are not in it yet.
    """
    passes = Passes(sequences, wanted, buckets([len(sequence) for sequence in sequences], rows), side, pad_id)
    count = len(passes.groups)
    if done is None:
        return passes.together([passes.states(network, place) for place in range(count)])
    for turn in dealing.rounds(len(done.states), count):
        made = dealing.make(turn, lambda place: passes.states(network, place), dealing.tensors(network.device))
        done.states.extend(made)
        done.behind(len(made))
    return passes.together(done.states)
