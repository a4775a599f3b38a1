"""export: a model as a folder that other programs serve: ONNX, and the files of transformers and sentence-transformers.

What is exported is the plain view: a text in its prompt with the embed token at the end. Reasoning before the embed token
needs generation, so it stays with the model artifact. Nothing is written that was not compared with this model.
"""

from __future__ import annotations

import copy
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pawl_trainer import checkpoint, export_graph, export_parity, export_text, language_model, lora
from pawl_trainer.failures import Failure
from pawl_trainer.job import Job
from pawl_trainer.language_model import LanguageModel

GRAPH = "model.onnx"
NOT_SERVED = frozenset({"chat_template.jinja", "special_tokens_map.json", "added_tokens.json"})


@dataclass(frozen=True)
class Settings:
    onnx: str
    sentence_transformers: bool


def run(job: Job) -> dict[str, float]:
    """Writes the folder; returns how far the ONNX graph is from the model. Fails when something does not give the same."""
    settings = job.settings(Settings)
    model = in_float32(language_model.load(job, job.artifact("model")))
    folder = job.output("export")
    with job.timed("copy"):
        copy_model(model.folder, folder)
    is_framed = settings.sentence_transformers
    probes = export_parity.probes(model)
    manifest: dict[str, Any] = {"schema": 1, "view": "plain", "sentenceTransformers": is_framed, "onnx": None, "probes": probes}
    job.progress(1, 3, "model copied")
    job.boundary(1, None)
    if is_framed:
        with job.timed("text"):
            export_text.write(model, folder, NOT_SERVED)
            export_parity.require_same_ids(model.text, folder)
    job.progress(2, 3, "tokenizer written")
    job.boundary(2, None)
    figures = {"difference": 0.0, "cosine": 1.0, "onnx_bytes": 0.0}
    if settings.onnx != "none":
        graph = folder / "onnx" / GRAPH
        graph.parent.mkdir()
        with job.timed("graph"):
            export_graph.write(model, graph, settings.onnx)
        with job.timed("parity"):
            parity = export_parity.require_same_embeddings(model, graph, settings.onnx)
        size = float(sum(path.stat().st_size for path in graph.parent.iterdir()))
        figures = {"difference": parity.difference, "cosine": parity.cosine, "onnx_bytes": size}
        manifest["onnx"] = {
            "graph": f"onnx/{GRAPH}",
            "weights": f"onnx/{GRAPH}{export_graph.WEIGHTS_SUFFIX}",
            "type": settings.onnx,
            "inputs": list(export_graph.INPUTS),
            "output": export_graph.OUTPUT,
            "difference": parity.difference,
            "cosine": parity.cosine,
        }
    checkpoint.write_json(folder / "export.json", manifest)
    job.progress(3, 3, "compared")
    return figures


def in_float32(model: LanguageModel) -> LanguageModel:
    """The model on the processor in float32, as which it is exported. Raises Failure(config) when it has adapters."""
    if lora.has_adapters(model.network):
        message = "The model has adapters beside its weights. Put `model.merge` between, and export what that makes."
        raise Failure("config", message)
    if model.network.dtype == torch.float32 and model.network.device.type == "cpu":
        return model
    network = copy.deepcopy(model.network).to("cpu", torch.float32)
    return LanguageModel(model.folder, network, model.contract, model.text)


def copy_model(source: Path, folder: Path) -> None:
    """The files of the model artifact as they are."""
    for path in sorted(source.iterdir()):
        shutil.copyfile(path, folder / path.name)
