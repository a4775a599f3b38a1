"""What an exported folder gives, compared with the model that it was made from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from pawl_trainer import checkpoint
from pawl_trainer.batching import pad
from pawl_trainer.encoding import TextEncoder
from pawl_trainer.export_graph import INPUTS
from pawl_trainer.export_text import ROLES, WAY_OUT
from pawl_trainer.failures import Failure
from pawl_trainer.language_model import LanguageModel

TEXTS = (
    "",
    "a",
    "How do I read a file line by line?",
    "def add(left, right):\n    return left + right\n",
    "  two spaces, then\ttabs\n\nand lines ",
    "\n\nbegins with lines",
    "Grüße aus Zürich, 東京 und Αθήνα 🙂",
    "1234567890.50 %",
)
LONGEST_COMPARED = 256  # tokens: a forward pass of a large model on a processor has to end


@dataclass(frozen=True)
class Bound:
    """What is still the same: largest difference of a number, as a part of the length of the vector, and least cosine."""

    difference: float
    cosine: float


# float32: rounding of another order of sums. 16 bits: weights rounded to 11 or 8 binary digits.
BOUNDS = {"float32": Bound(1e-5, 0.999999), "float16": Bound(5e-3, 0.9999), "bfloat16": Bound(5e-2, 0.995)}


@dataclass(frozen=True)
class Parity:
    """The worst over all texts, roles and paddings."""

    difference: float
    cosine: float


def probes(model: LanguageModel) -> list[dict[str, Any]]:
    """A query and a document with their token ids and embeddings: what whoever serves the folder can compare with."""
    shown = [(role, text, model.text.plain(role, [text])[0]) for role, text in zip(ROLES, TEXTS[2:4], strict=True)]
    with torch.inference_mode():
        vectors = model.embed([ids for _, _, ids in shown], len(shown)).cpu()
    return [
        {"role": role, "text": text, "ids": ids, "embedding": vector.tolist()}
        for (role, text, ids), vector in zip(shown, vectors, strict=True)
    ]


def require_same_ids(text: TextEncoder, folder: Path) -> None:
    """Raises Failure(config) when the tokenizer of the folder does not give the token ids of the contract."""
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False, use_safetensors=True
    )
    contract = text.contract
    texts = [*TEXTS, f"{contract.embed_token} within", "word " * max(contract.max_tokens.values())]
    prompts = checkpoint.read_json(folder / "config_sentence_transformers.json")["prompts"]
    for role in ROLES:
        limit = contract.max_tokens[role] + len(text.frame(role, []))
        for content, wanted in zip(texts, text.plain(role, texts), strict=True):
            found = tokenizer(prompts[role] + content, truncation=True, max_length=limit)["input_ids"]
            if found != wanted:
                shown = content if len(content) < 60 else f"{content[:57]}..."
                message = f"The exported tokenizer does not give the tokens of the contract for the {role} {shown!r}. {WAY_OUT}"
                raise Failure("config", message, found=found[:50], wanted=wanted[:50])


def require_same_embeddings(model: LanguageModel, graph: Path, weights: str) -> Parity:
    """How far the graph is from the model over TEXTS, alone and padded; raises Failure(data) beyond the bound."""
    import onnxruntime  # type: ignore[import-untyped]

    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    sequences = [ids for role in ROLES for ids in model.text.plain(role, TEXTS) if len(ids) <= LONGEST_COMPARED]
    with torch.inference_mode():
        wanted = model.embed(sequences, len(sequences)).cpu().numpy()

    def run(rows: list[list[int]], side: Literal["left", "right"]) -> np.ndarray:
        batch = pad(rows, side, model.contract.pad_id, torch.device("cpu"))
        values = (batch.ids.numpy(), batch.mask.numpy())
        found: np.ndarray = session.run(None, dict(zip(INPUTS, values, strict=True)))[0]
        return found

    alone = np.concatenate([run([ids], "right") for ids in sequences])
    found = {"alone": alone, "padded on the left": run(sequences, "left"), "padded on the right": run(sequences, "right")}
    worst = Parity(0.0, 1.0)
    for where, vectors in found.items():
        parity = compare(vectors, wanted)
        if not parity.difference <= BOUNDS[weights].difference or not parity.cosine >= BOUNDS[weights].cosine:
            raise Failure("data", beyond(parity, BOUNDS[weights], where, weights))
        worst = Parity(max(worst.difference, parity.difference), min(worst.cosine, parity.cosine))
    return worst


def compare(found: np.ndarray, wanted: np.ndarray) -> Parity:
    """The largest difference as a part of the length of the wanted vector, and the least cosine; NaN gives NaN. Pure."""
    length = np.linalg.norm(wanted, axis=1, keepdims=True)
    cosines = (found * wanted).sum(1) / (np.linalg.norm(found, axis=1) * length[:, 0])
    return Parity(float(np.abs((found - wanted) / length).max()), float(cosines.min()))


def beyond(parity: Parity, bound: Bound, where: str, weights: str) -> str:
    """What to say when the graph is too far from the model."""
    way = (
        "Set `onnx: none` to export without ONNX."
        if weights == "float32"
        else "Set `onnx: float32`: rounded to 16 bits these weights give other embeddings."
    )
    return (
        f"The ONNX graph differs from the model on sequences {where}: by {parity.difference:.2g} of a vector's length "
        f"(bound {bound.difference:.0e}), cosine {parity.cosine:.6f} (bound {bound.cosine}). {way}"
    )
