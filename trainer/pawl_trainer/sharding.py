"""Weights of which each process keeps a part: FSDP2 (torch's fully_shard) over the layers of a network.

A layer is gathered for a pass through it and given up behind it; its gradient comes back as the part of each process, added
up. What is not in a layer (the table of the embeddings, the last norm, the head) is whole in each process, as without it. So
all processes make as many passes, and what is written is gathered: files do not know that weights were ever in parts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from pawl_trainer import distributed, lora
from pawl_trainer.failures import Failure


def shard(network: Any) -> None:
    """Shares the layers out; alone, nothing changes. Raises Failure(config) for a network that this is not for."""
    if lora.has_adapters(network):
        message = "`parallel: fsdp` shares out weights that all learn, and of this model only adapters do."
        raise Failure("config", f"{message} Leave `parallel` out.", input="parallel")
    size = distributed.world().size
    if size == 1:
        return
    from torch.distributed.device_mesh import init_device_mesh  # loaded when needed: it takes a while
    from torch.distributed.fsdp import fully_shard

    kinds = set(network._no_split_modules or [])
    layers = [module for module in network.modules() if type(module).__name__ in kinds]
    if not layers:
        message = f"`parallel: fsdp` does not know the layers of {type(network).__name__}. Leave `parallel` out."
        raise Failure("config", message, input="parallel")
    mesh = init_device_mesh(network.device.type, (size,))
    for layer in layers:
        fully_shard(layer, mesh=mesh, reshard_after_forward=True)
        layer.set_gradient_divide_factor(1.0)  # added up: part_of has divided the loss
        layer.set_force_sum_reduction_for_comms(True)  # gloo has no other
        layer.unshard()  # its memory is made now: mining and sampling come under inference_mode, and training after them
        layer.reshard()


def in_parts(network: Any) -> bool:
    """Whether some weights of the network are in parts."""
    return any(distributed.is_in_parts(weight) for weight in network.parameters())


def counts(network: Any) -> tuple[int, int]:
    """How many weights are here, and how many there are."""
    weights = [*network.parameters()]
    here = sum((weight.to_local() if distributed.is_in_parts(weight) else weight).numel() for weight in weights)
    return here, sum(weight.numel() for weight in weights)


def on_host(named: Iterable[tuple[str, Tensor]]) -> dict[str, Tensor]:
    """
    Copies in the memory of the processor, whole, for the first process; nothing for the others. Where tensors are in parts, all
    processes call it together.
    """
    found: dict[str, Tensor] = {}
    for name, tensor in named:
        complete = whole(tensor.detach())
        if distributed.world().rank == 0:
            found[name] = complete.to("cpu", copy=True).contiguous()
    return found


def whole(tensor: Any) -> Tensor:
    """The whole of a tensor that may be in parts, in all processes."""
    found: Tensor = tensor.full_tensor() if distributed.is_in_parts(tensor) else tensor
    return found


def part_like(value: Tensor, tensor: Any) -> Tensor:
    """What of a whole value belongs where `tensor` is."""
    value = value.to(tensor.device)
    if not distributed.is_in_parts(tensor):
        return value
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(value, tensor.device_mesh, tensor.placements, src_data_rank=None)


def clip(weights: Iterable[Any], most: float) -> float:
    """Scales the gradient down to the norm `most`; returns its norm before, over the parts of all processes."""
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    norms = [part.norm() for part in gradients]
    norm = float(torch.stack([whole(part) for part in norms]).norm())
    if norm > most:
        for part in gradients:
            part.mul_(most / (norm + 1e-6))
    return norm
