"""The gradient of a loss over a batch that is larger than memory: GradCache (Gao et al. 2021, arXiv 2101.06983).

A contrastive loss needs all embeddings of a batch at once, but not the activations that they came from. So: one pass
without a gradient for the states, the loss and its gradient with respect to the states, then a second pass, group by
group, that carries this gradient to the weights. The generators are put back before each second pass, so that dropout
draws the same masks; what comes out is the plain gradient but for the order in which sums are taken.

Of several processes each makes its share of the passes, and all compute the loss of all states (distributed.py).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import torch
from torch import Tensor

from pawl_trainer import distributed, sharding
from pawl_trainer.batching import Passes

Found = TypeVar("Found")
LossOf = Callable[[Tensor], tuple[Tensor, Found]]  # states -> loss, and what else is to be known
Arithmetic = Callable[[], AbstractContextManager[Any]]


def plain(network: Any, passes: Passes, loss_of: LossOf[Found], arithmetic: Arithmetic) -> tuple[Tensor, Found]:
    """
    `loss_of` the states of all passes, and its gradient added to the weights. Activations of all passes are kept.
    `arithmetic` makes the context of each forward pass.
    """
    with arithmetic():
        own = [passes.states(network, place) for place in distributed.share(len(passes.groups))]
        idle = _idle(network, passes)
        total, found = loss_of(passes.together(_of_all(network, passes, own)))
    _backward(total, idle)
    return total.detach(), found


def two_passes(network: Any, passes: Passes, loss_of: LossOf[Found], arithmetic: Arithmetic) -> tuple[Tensor, Found]:
    """The same as `plain` with the activations of one pass at a time, for the price of another forward pass."""
    before: list[list[Tensor]] = []
    leaves: list[Tensor] = []
    with torch.no_grad(), arithmetic():
        for place in distributed.share(len(passes.groups)):
            before.append(_generators(network))
            leaves.append(passes.states(network, place))
        _idle(network, passes)
    for leaf in leaves:
        leaf.requires_grad_(True)
    with arithmetic():
        total, found = loss_of(passes.together(_of_all(network, passes, leaves)))
    _backward(total)
    after = _generators(network)
    for place, state, leaf in zip(distributed.share(len(passes.groups)), before, leaves, strict=True):
        if leaf.grad is not None:
            _set_generators(state)
            with arithmetic():
                states = passes.states(network, place)
            states.backward(leaf.grad)
            leaf.grad = None
    if total.requires_grad:
        with arithmetic():
            idle = _idle(network, passes)
        if idle is not None:
            (0.0 * idle.sum()).backward()
    _set_generators(after)
    return total.detach(), found


def _backward(total: Tensor, idle: Tensor | None = None) -> None:
    if total.requires_grad:  # no loss may apply to a batch
        own = distributed.part_of(total)
        (own if idle is None else own + 0.0 * idle.sum()).backward()


def _idle(network: Any, passes: Passes) -> Tensor | None:
    """
    The states of a pass that this process makes for nothing, where it makes one less than others: they gather the layers of a
    network in parts, and need it.
    """
    count, size = len(passes.groups), distributed.world().size
    if not sharding.in_parts(network) or len(distributed.share(count)) == -(-count // size):
        return None
    return Passes([passes.sequences[0][:1]], [[0]], [[0]], passes.side, passes.pad_id).states(network, 0)


def _of_all(network: Any, passes: Passes, own: list[Tensor]) -> list[Tensor]:
    """The states of all groups, of which this process has made its share."""
    if distributed.world().size == 1:
        return own
    rows = [sum(len(passes.wanted[number]) for number in group) for group in passes.groups]
    return distributed.gathered(own, rows, network.config.hidden_size, network.device)


def _generators(network: Any) -> list[Tensor]:
    states = [torch.get_rng_state()]
    return [*states, torch.cuda.get_rng_state(network.device)] if network.device.type == "cuda" else states


def _set_generators(states: list[Tensor]) -> None:
    torch.set_rng_state(states[0])
    if len(states) > 1:
        torch.cuda.set_rng_state(states[1])
