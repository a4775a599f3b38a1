"""A model folder in memory: the network, its encoding contract and its tokenizer. What is loaded is never changed."""

from __future__ import annotations

import copy
import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pawl_trainer import checkpoint, devices, distributed, lora, sharding
from pawl_trainer.batching import Done, hidden_at
from pawl_trainer.encoding import Contract, TextEncoder, read_contract, read_tokenizer
from pawl_trainer.failures import Failure
from pawl_trainer.job import Artifact, Job

BYTES_OF_REMEMBERED_TEXTS = 32 << 20
WEIGHTS = ("model.safetensors", "model.safetensors.index.json")


@dataclass(frozen=True)
class LanguageModel:
    """A loaded model artifact."""

    folder: Path
    network: Any  # a transformers ...ForCausalLM
    contract: Contract
    text: TextEncoder

    def embed(
        self,
        sequences: Sequence[Sequence[int]],
        rows: int,
        done: Done | None = None,
    ) -> Tensor:
        """
        Embeddings [sequences, dimension], float32: the hidden state at the last token of each, which is the embed token.
        `done` is that of hidden_at.
        """
        states = hidden_at(
            self.network,
            sequences,
            [[len(sequence) - 1] for sequence in sequences],
            rows=rows,
            side=self.contract.padding,
            pad_id=self.contract.pad_id,
            done=done,
        )
        return self.finish(states)

    def finish(self, states: Tensor) -> Tensor:
        """Hidden states at embed tokens as embeddings, normalised if the contract says so."""
        return torch.nn.functional.normalize(states.float(), dim=-1) if self.contract.normalise else states.float()

    def for_training(self, recompute: bool = False, dropout: bool = True) -> LanguageModel:
        """
        A copy whose weights may change: its adapters if it has any, else all of them, which are then float32 whatever they
        were, because steps this small are lost in bfloat16. `recompute` keeps of each layer the input only, and computes the
        rest again in the backward pass. Without `dropout` passes compute what they do in evaluation.
        """
        if lora.has_adapters(self.network):
            kept = {id(weight): weight for name, weight in self.network.named_parameters() if not lora.is_adapter(name)}
            network = copy.deepcopy(self.network, kept)  # what does not learn is there once
            lora.only_adapters_learn(network)
        else:
            network = copy.deepcopy(self.network).float().requires_grad_(True)
        if recompute:
            # The second is its name in the transformers that Python 3.10 gets.
            enable = getattr(network, "activation_checkpointing_enable", None) or network.gradient_checkpointing_enable
            enable({"use_reentrant": False})
        if not dropout:
            _drop_nothing(network)
        return LanguageModel(self.folder, network.train(), self.contract, self.text)

    def learnt(self) -> dict[str, Tensor]:
        """Copies of the weights that learn, as they are now, by name, as sharding.on_host makes them."""
        return sharding.on_host((name, weight) for name, weight in self.network.named_parameters() if weight.requires_grad)

    def relearn(self, weights: dict[str, Tensor]) -> None:
        """Puts the weights that learn back to those of `learnt`."""
        with torch.no_grad():
            for name, weight in self.network.named_parameters():
                if weight.requires_grad:
                    weight.copy_(sharding.part_like(weights[name], weight))


def load(job: Job, artifact: Artifact) -> LanguageModel:
    """The model of an artifact, from memory if it is there."""

    def read() -> tuple[LanguageModel, int]:
        with job.timed("load"):
            model = read_folder(artifact.path, text_encoder(job, artifact.path))
        return model, sum(weight.numel() * weight.element_size() for weight in model.network.parameters())

    # The folder is where the artifact is now: another that held the same bytes may be gone.
    return replace(job.cache.get(LanguageModel, artifact.identity, read), folder=artifact.path)


def _drop_nothing(network: Any) -> None:
    """Switches dropout off, in modules and in attention; the network stays in training mode, as checkpointing asks for."""
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        if isinstance(getattr(module, "attention_dropout", None), float):
            module.attention_dropout = 0.0


def text_encoder(job: Job, folder: Path) -> TextEncoder:
    """The tokenizer and contract of a model folder; the same bytes in another folder are the same in memory."""
    if not (folder / "tokenizer.json").exists():
        read_tokenizer(folder)
    files = [folder / "tokenizer.json", folder / "pawl.json"]
    contract = read_contract(folder)
    content = [path.read_bytes() for path in files]
    digest = hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in content)).hexdigest()

    def read() -> tuple[TextEncoder, int]:
        return TextEncoder(contract, read_tokenizer(folder)), 16 * len(content[0]) + BYTES_OF_REMEMBERED_TEXTS

    return job.cache.get(TextEncoder, digest, read)


def read_folder(folder: Path, text: TextEncoder) -> LanguageModel:
    """Reads a model folder; weights as they are stored, frozen."""
    network = read_weights(folder, text.contract)
    if lora.exists(folder):
        lora.load(network, folder)
    network = network.to(devices.device()).eval().requires_grad_(False)
    return LanguageModel(folder, network, text.contract, text)


def read_weights(folder: Path, contract: Contract) -> Any:
    """The network of a model folder without its adapters, on the processor: in bfloat16 if it is stored so, else float32."""
    import transformers

    if not any((folder / name).exists() for name in WEIGHTS):
        raise Failure("data", f"{WEIGHTS[0]} is missing in the model folder.")
    config = checkpoint.read_json(folder / "config.json")
    stored = config.get("dtype", config.get("torch_dtype"))
    extra = {} if contract.attention == "auto" else {"attn_implementation": contract.attention}
    try:
        return transformers.AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=devices.DTYPES["bfloat16" if stored == "bfloat16" else "float32"],
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            **extra,
        )
    except ImportError as error:
        message = f"`attention: {contract.attention}` of the model cannot be used here: {str(error).splitlines()[0]}"
        raise Failure("config", f"{message} Load the model with `attention: auto`.", input="attention") from None


def save(model: LanguageModel, folder: Path) -> None:
    """
    Writes a model folder: these weights, and everything else as in the folder that the model came from. Of a model with
    adapters the adapters are written, and its weights are the files that they were. Of a model in parts the first process
    writes all, and all call it together.
    """
    if sharding.in_parts(model.network):
        weights = model.learnt()
        if distributed.world().rank == 0:
            network = read_weights(model.folder, model.contract).float().requires_grad_(True)
            gathered = LanguageModel(model.folder, network, model.contract, model.text)
            gathered.relearn(weights)
            save(gathered, folder)
        return
    adapted = lora.has_adapters(model.network)
    if adapted:
        lora.save(model.network, folder)
    else:
        model.network.save_pretrained(folder)
    written = {path.name for path in folder.iterdir()}
    for path in sorted(model.folder.iterdir()):
        is_weight = path.suffix == ".safetensors" or path.name.endswith(".index.json")
        if path.is_dir() or path.name in written or (is_weight and not adapted):
            continue
        (checkpoint.share if is_weight else shutil.copyfile)(path, folder / path.name)
