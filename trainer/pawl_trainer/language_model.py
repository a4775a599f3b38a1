"""A model folder in memory: the network, its encoding contract and its tokenizer. What is loaded is never changed."""

from __future__ import annotations

import copy
import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pawl_trainer import devices
from pawl_trainer.batching import hidden_at
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
        between: Callable[[], None] | None = None,
        done: list[Tensor] | None = None,
    ) -> Tensor:
        """
        Embeddings [sequences, dimension], float32: the hidden state at the last token of each, which is the embed token.
        `between` and `done` are those of hidden_at.
        """
        states = hidden_at(
            self.network,
            sequences,
            [[len(sequence) - 1] for sequence in sequences],
            rows=rows,
            side=self.contract.padding,
            pad_id=self.contract.pad_id,
            between=between,
            done=done,
        )
        return self.finish(states)

    def finish(self, states: Tensor) -> Tensor:
        """Hidden states at embed tokens as embeddings, normalised if the contract says so."""
        return torch.nn.functional.normalize(states.float(), dim=-1) if self.contract.normalise else states.float()

    def for_training(self) -> LanguageModel:
        """A copy whose weights may change."""
        network = copy.deepcopy(self.network).requires_grad_(True).train()
        return LanguageModel(self.folder, network, self.contract, self.text)


def load(job: Job, artifact: Artifact) -> LanguageModel:
    """The model of an artifact, from memory if it is there."""

    def read() -> tuple[LanguageModel, int]:
        with job.timed("load"):
            model = read_folder(artifact.path, text_encoder(job, artifact.path))
        return model, sum(weight.numel() * weight.element_size() for weight in model.network.parameters())

    return job.cache.get(LanguageModel, artifact.identity, read)


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
    """Reads a model folder; weights in float32, frozen."""
    import transformers

    if not any((folder / name).exists() for name in WEIGHTS):
        raise Failure("data", f"{WEIGHTS[0]} is missing in the model folder.")
    network = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, local_files_only=True, trust_remote_code=False, use_safetensors=True
    )
    network = network.to(devices.device()).eval().requires_grad_(False)
    return LanguageModel(folder, network, text.contract, text)


def save(model: LanguageModel, folder: Path) -> None:
    """Writes a model folder: these weights, and everything else as in the folder that the model came from."""
    model.network.save_pretrained(folder)
    written = {path.name for path in folder.iterdir()}
    for path in sorted(model.folder.iterdir()):
        if path.name not in written and path.suffix != ".safetensors" and not path.name.endswith(".index.json"):
            shutil.copyfile(path, folder / path.name)
