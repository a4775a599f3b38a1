"""LoRA by peft: a model with adapters is the weights it had, untouched, and a folder `adapter/` beside them.

The adapters sit inside the network, which keeps its class and its way of being called; only they are trained, and with them
the row of the embed token (trainable_token_indices), in input and output embedding. They are float32 whatever the weights
are. Nothing is ever merged into weights that are used on: `merged` works on a network that it has read itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from pawl_trainer import checkpoint
from pawl_trainer.failures import Failure

FOLDER = "adapter"
CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
NAME = "default"
PREFIX = "base_model.model."  # in front of every name in the files of peft


@dataclass(frozen=True)
class Adapters:
    """What is added to the linear layers whose names end in one of `targets`, and to the rows of some tokens."""

    rank: int
    alpha: int
    dropout: float
    targets: tuple[str, ...]
    tokens: tuple[int, ...]


def attach(network: Any, adapters: Adapters) -> None:
    """Puts fresh adapters into a network, which computes what it did until they are trained. Draws from torch's generator."""
    from peft import inject_adapter_in_model

    linear = {name.rpartition(".")[2] for name, module in network.named_modules() if isinstance(module, torch.nn.Linear)}
    unknown = [target for target in adapters.targets if target not in linear]
    if unknown or not adapters.targets:
        known = ", ".join(sorted(linear - {"lm_head"}))
        what = f"has no linear layer `{unknown[0]}`" if unknown else "needs at least one target"
        raise Failure("config", f"`targets`: this model {what}; it has {known}.", input="targets")
    inject_adapter_in_model(_config(network, adapters), network, NAME)
    only_adapters_learn(network)


def only_adapters_learn(network: Any) -> None:
    """Freezes all but the adapters, which become float32."""
    for name, weight in network.named_parameters():
        learns = is_adapter(name)
        weight.requires_grad_(learns)
        if learns:
            weight.data = weight.data.float()


def has_adapters(network: Any) -> bool:
    """Whether the network has adapters."""
    return hasattr(network, "peft_config")


def is_adapter(name: str) -> bool:
    """Whether a parameter of this name belongs to an adapter. Pure."""
    return re.search(rf"\.(lora_\w+|trainable_tokens_delta)\.{NAME}\b", name) is not None


def exists(folder: Path) -> bool:
    """Whether a model folder has adapters."""
    return (folder / FOLDER / CONFIG).exists()


def read(folder: Path) -> Adapters:
    """What the adapters of a model folder are; raises Failure(data) when it cannot be used."""
    try:
        value = checkpoint.read_json(folder / FOLDER / CONFIG)
        tokens = value.get("trainable_token_indices") or {}
        rows = tokens if isinstance(tokens, list) else next(iter(tokens.values()), [])
        return Adapters(
            int(value["r"]),
            int(value["lora_alpha"]),
            float(value["lora_dropout"]),
            tuple(sorted(value["target_modules"])),
            tuple(rows),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"{FOLDER}/{CONFIG} of the model cannot be used: {type(error).__name__}: {error}"
        raise Failure("data", message, file=f"{FOLDER}/{CONFIG}") from None


def load(network: Any, folder: Path) -> None:
    """Puts the adapters of a model folder into the network of its weights."""
    attach(network, read(folder))
    _fill(network, folder)


def save(network: Any, folder: Path) -> None:
    """Writes adapter/ of a model folder, as peft reads it: the same bytes for the same adapters, wherever they were made."""
    from peft import get_peft_model_state_dict

    target = folder / FOLDER
    target.mkdir()
    config = {**network.peft_config[NAME].to_dict(), "base_model_name_or_path": None, "inference_mode": True}
    plain = {name: sorted(value) if isinstance(value, set) else value for name, value in config.items()}
    checkpoint.write_json(target / CONFIG, plain)
    state = get_peft_model_state_dict(network, adapter_name=NAME)
    tensors = {PREFIX + name: weight.detach().float().cpu().contiguous() for name, weight in state.items()}
    save_file(tensors, target / WEIGHTS, metadata={"format": "pt"})


def merged(network: Any, folder: Path) -> Any:
    """A network without adapters that computes what this one would with the adapters of `folder`. Takes over `network`."""
    from peft.tuners.lora import LoraModel

    dtype = next(network.parameters()).dtype
    network = network.float()
    tuner = LoraModel(network, {NAME: _config(network, read(folder))}, NAME)
    _fill(network, folder)
    result = tuner.merge_and_unload()
    if has_adapters(result):
        del result.peft_config
    return result.to(dtype)


def _config(network: Any, adapters: Adapters) -> Any:
    from peft import LoraConfig

    names = ["embed_tokens"]
    if network.get_output_embeddings().weight is not network.get_input_embeddings().weight:
        names.append("lm_head")
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=adapters.rank,
        lora_alpha=adapters.alpha,
        lora_dropout=float(adapters.dropout),
        target_modules=sorted(adapters.targets),
        trainable_token_indices={name: list(adapters.tokens) for name in names} if adapters.tokens else None,
        inference_mode=False,
    )


def _fill(network: Any, folder: Path) -> None:
    from peft import set_peft_model_state_dict

    tensors = {name.removeprefix(PREFIX): weight for name, weight in load_file(folder / FOLDER / WEIGHTS).items()}
    wanted = {name.replace(f".{NAME}", ""): weight for name, weight in network.named_parameters() if is_adapter(name)}
    for name, weight in wanted.items():
        if name not in tensors or tensors[name].shape != weight.shape:
            message = f"{FOLDER}/{WEIGHTS} has no weight {name} of the shape {list(weight.shape)} that {CONFIG} asks for."
            raise Failure("data", message, file=f"{FOLDER}/{WEIGHTS}")
    set_peft_model_state_dict(network, tensors, adapter_name=NAME)
