"""Forward passes over sequences of different lengths: sorted into buckets, padded little, put back in order.

Returned are only the hidden states that are asked for, so no logits of B x T x V ever exist. The result does not depend
on the padding: positions count real tokens, and a real token never attends to a padded one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

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


def buckets(lengths: Sequence[int], rows: int) -> list[list[int]]:
    """Numbers of the sequences by length, cut into groups of `rows`. Pure."""
    order = sorted(range(len(lengths)), key=lambda number: (lengths[number], number))
    return [order[start : start + rows] for start in range(0, len(order), rows)]


def states_of(network: Any, batch: Padded) -> Tensor:
    """Hidden states after the final norm [rows, width, dimension]."""
    ragged_left = any(batch.first)
    # Padding on the right needs no mask: attention is causal, so no real token looks that far.
    extra = {"attention_mask": batch.mask, "position_ids": batch.positions} if ragged_left else {}
    states: Tensor = network.base_model(input_ids=batch.ids, use_cache=False, **extra).last_hidden_state
    return states


def hidden_at(
    network: Any,
    sequences: Sequence[Sequence[int]],
    wanted: Sequence[Sequence[int]],
    *,
    rows: int,
    side: Literal["left", "right"] = "right",
    pad_id: int = 0,
    between: Callable[[], None] | None = None,
    done: list[Tensor] | None = None,
) -> Tensor:
    """
    The hidden states of sequence i at the positions wanted[i], all in one tensor [sum of positions, dimension], in the
    order of the sequences. `rows` a forward pass; `between` is called after each. `done` holds what the first passes gave,
    which are left out, and grows by what the others give.
    """
    parts: list[Tensor] = [] if done is None else done
    known = len(parts)
    order: list[int] = []
    for place, group in enumerate(buckets([len(sequence) for sequence in sequences], rows)):
        order.extend(group)
        if place < known:
            continue
        batch = pad([sequences[number] for number in group], side, pad_id, network.device)
        states = states_of(network, batch)
        width = states.shape[1]
        flat = [row * width + batch.first[row] + position for row, number in enumerate(group) for position in wanted[number]]
        parts.append(states.reshape(-1, states.shape[-1])[torch.tensor(flat, device=states.device)])
        if between is not None:
            between()
    return torch.cat(parts)[_back_to_input_order(order, wanted).to(network.device)]


def _back_to_input_order(order: list[int], wanted: Sequence[Sequence[int]]) -> Tensor:
    counts = np.array([len(positions) for positions in wanted])
    in_buckets = np.zeros(len(wanted), dtype=np.int64)
    in_buckets[order] = np.concatenate([[0], np.cumsum(counts[order])[:-1]])
    return torch.from_numpy(np.concatenate([np.arange(start, start + n) for start, n in zip(in_buckets, counts, strict=True)]))
