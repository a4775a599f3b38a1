"""The embedding forward as an ONNX graph and a file of weights.

The graph is made from the architecture alone: while it is simplified the weights are inputs of it, so no rewrite can look at
their values (the optimizer would merge two biases that are both zero). All weights lie in the second file, at places that
follow from names and shapes. So two checkpoints of one architecture have the same graph, byte for byte.
"""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pawl_trainer.failures import Failure
from pawl_trainer.language_model import LanguageModel

INPUTS = ("input_ids", "attention_mask")
OUTPUT = "sentence_embedding"  # a node of the graph is already called `embedding`
WEIGHTS_SUFFIX = ".data"
OPSET = 20
FLOAT = 1  # onnx.TensorProto.FLOAT


class EmbeddingForward(nn.Module):
    """Token ids and mask [batch, length] of sequences that end in the embed token -> embeddings [batch, dimension]."""

    def __init__(self, base: Any, normalise: bool) -> None:
        super().__init__()
        self.base = base
        self.normalise = normalise

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """The hidden state at the last real token of each row; padding may be on either side."""
        positions = (attention_mask.cumsum(1) - 1).clamp(min=0)
        states = self.base(
            input_ids=input_ids, attention_mask=attention_mask, position_ids=positions, use_cache=False
        ).last_hidden_state
        places = torch.arange(attention_mask.shape[1], device=attention_mask.device)
        last = (attention_mask * places).argmax(1)
        at_end = states.gather(1, last[:, None, None].expand(-1, 1, states.shape[-1])).squeeze(1).float()
        return nn.functional.normalize(at_end, dim=-1) if self.normalise else at_end


def write(model: LanguageModel, path: Path, weights: str) -> None:
    """Writes the graph to `path` and its weights, of the type `weights`, beside it; arithmetic is float32."""
    import onnx_ir
    from onnx_ir.passes.common import ClearMetadataAndDocStringPass

    graph = traced(model)
    own = dict(graph.graph.initializers)  # what stands in the weights file; constants of the graph stay in the graph
    simplify(graph, own)
    if weights != "float32":
        trained = {f"base.{name}" for name, _ in model.network.base_model.named_parameters()}
        halve(graph, [name for name in own if name in trained], getattr(onnx_ir.DataType, weights.upper()))
    ClearMetadataAndDocStringPass()(graph)  # places in source files of this machine
    values = sorted(own.values(), key=lambda value: -value.dtype.itemsize)  # so that each begins at a multiple of its size
    tensors = [value.const_value for value in values]
    outside = onnx_ir.external_data.convert_tensors_to_external(tensors, path.parent, path.name + WEIGHTS_SUFFIX)
    for value, tensor in zip(values, outside, strict=True):
        value.const_value = tensor
    onnx_ir.save(graph, path)


def simplify(graph: Any, own: dict[str, Any]) -> None:
    """Folds what follows from the architecture. The weights `own` are inputs meanwhile, so nothing depends on their values."""
    from onnxscript import optimizer

    values = {name: value.const_value for name, value in own.items()}
    inputs = len(graph.graph.inputs)
    for name, value in own.items():
        del graph.graph.initializers[name]
        value.const_value = None
        graph.graph.inputs.append(value)
    optimizer.optimize_ir(graph)
    del graph.graph.inputs[inputs:]
    for name, value in own.items():
        value.const_value = values[name]
        graph.graph.initializers[name] = value


def traced(model: LanguageModel) -> Any:
    """The forward pass as an onnx_ir model, not simplified, with batch and length left open."""
    forward = EmbeddingForward(model.network.base_model, model.contract.normalise).eval()
    ids = torch.full((2, 8), model.contract.embed_id)
    open_axes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("length")}
    level = logging.getLogger("torch.onnx").level
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # each operator of torchvision that is not there has a line
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                forward,
                (ids, torch.ones_like(ids)),
                dynamo=True,
                input_names=list(INPUTS),
                output_names=[OUTPUT],
                dynamic_shapes=dict.fromkeys(INPUTS, open_axes),
                opset_version=OPSET,
                optimize=False,
                verbose=False,
            )
    except Exception as error:  # the exporter raises the base class for what it cannot do
        kind = model.network.config.model_type
        said = str(error).strip().splitlines()[0]
        message = f"The ONNX exporter cannot do the architecture {kind}: {said} Set `onnx: none` to export without ONNX."
        raise Failure("data", message) from error
    finally:
        logging.getLogger("torch.onnx").setLevel(level)
    assert program is not None
    return program.model


def halve(graph: Any, names: list[str], dtype: Any) -> None:
    """Stores these weights in 16 bits; a Cast at the beginning of the graph makes them float32 again."""
    import onnx_ir

    first = graph.graph[0]
    for name in names:
        weight = graph.graph.initializers[name]
        whole = onnx_ir.Value(name=f"{name}.float32", shape=weight.shape, type=onnx_ir.TensorType(onnx_ir.DataType.FLOAT))
        onnx_ir.convenience.replace_all_uses_with(weight, whole)
        attributes = [onnx_ir.AttrInt64("to", FLOAT)]
        graph.graph.insert_before(first, onnx_ir.Node("", "Cast", [weight], attributes, outputs=[whole]))
        small = torch.from_numpy(weight.const_value.numpy().copy()).to(getattr(torch, dtype.name.lower()))
        weight.const_value = onnx_ir.tensor(small, dtype=dtype, name=name)
        weight.dtype = dtype
