"""An exported folder gives, in ONNX, transformers and sentence-transformers, the embeddings of the model it came from."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import onnx_ir
import onnxruntime
import pytest
import torch
import transformers
from conftest import Bench
from pawl_trainer import export_graph, export_parity, language_model
from pawl_trainer.export_text import BORDER
from pawl_trainer.failures import Failure
from pawl_trainer.job import Artifact

needs_library = pytest.mark.skipif(
    importlib.util.find_spec("sentence_transformers") is None, reason="sentence-transformers is not installed: npm run setup"
)
TEXTS = [
    *export_parity.TEXTS,
    "apple river stone",
    "<|im_end|> and <|embed_token|> are text",
    "window " * 200,
    "\nriver",
    " river",
    "e\u0301te\u0301",
]
CHAT = {
    "query": "Represent this query for retrieval.\n{}",
    "document": "Represent this document for retrieval: {}",
    "reason": "{}",
}


def with_contract(bench: Bench, name: str, **changes: object) -> dict[str, str]:
    """A copy of the model with other values in pawl.json."""
    folder = bench.folder / name
    shutil.copytree(bench.model["path"], folder)
    contract = json.loads((folder / "pawl.json").read_text())
    (folder / "pawl.json").write_text(json.dumps({**contract, **changes}))
    return {"path": str(folder), "identity": name, "type": "model"}


def loaded(bench: Bench, model: dict[str, str]) -> language_model.LanguageModel:
    return language_model.load(bench.job("encode", "load", {}), Artifact(Path(model["path"]), model["identity"], "model"))


def wanted(bench: Bench, model: dict[str, str], role: str) -> np.ndarray:
    """What Pawl's encode gives for TEXTS."""
    source = loaded(bench, model)
    with torch.inference_mode():
        return source.embed(source.text.plain(role, TEXTS), 8).numpy()  # type: ignore[arg-type]


def exported(bench: Bench, model: dict[str, str], **inputs: object) -> Path:
    bench.run("model_export", "export", {"model": model, "onnx": "none", **inputs})
    return bench.folder / "export" / "outputs" / "export"


@needs_library
@pytest.mark.parametrize(
    ("template", "prompts", "padding"),
    [({"kind": "plain", "text": None}, None, "right"), ({"kind": "chatml", "text": "You embed."}, CHAT, "left")],
)
def test_sentence_transformers_gives_the_same(bench: Bench, template: object, prompts: object, padding: str) -> None:
    from sentence_transformers import SentenceTransformer

    changes = {"template": template, "padding": padding, **({} if prompts is None else {"prompts": prompts})}
    model = with_contract(bench, "changed", **changes)
    folder = exported(bench, model)
    served = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    assert served.tokenizer is not None and served.tokenizer.padding_side == padding
    for role, encode in (("query", served.encode_query), ("document", served.encode_document)):
        found = encode(TEXTS, batch_size=5, show_progress_bar=False)
        assert np.abs(found - wanted(bench, model, role)).max() <= 1e-5
    said = json.loads((folder / "config_sentence_transformers.json").read_text())["prompts"]
    assert [prompt.endswith(BORDER) for prompt in said.values()] == [prompts is not None] * 2


def test_transformers_loads_the_folder_as_it_is(bench: Bench) -> None:
    folder = exported(bench, bench.model)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    network = transformers.AutoModel.from_pretrained(folder, dtype=torch.float32)
    batch = tokenizer(TEXTS, padding=True, truncation=True, return_tensors="pt")
    with torch.inference_mode():
        states = network(**batch).last_hidden_state
    last = batch["attention_mask"].sum(1) - 1
    vectors = torch.nn.functional.normalize(states[torch.arange(len(TEXTS)), last], dim=-1)
    assert np.abs(vectors.numpy() - wanted(bench, bench.model, "document")).max() <= 1e-5
    assert "auto_map" not in json.loads((folder / "config.json").read_text())


def test_prompts_that_cannot_be_said_are_named_with_the_way_out(bench: Bench) -> None:
    model = with_contract(bench, "after", prompts={**CHAT, "query": "query: {} ?"})
    with pytest.raises(Failure, match=r"differ after \{\}.*Set `sentence_transformers: false`") as failed:
        exported(bench, model)
    assert failed.value.failure_class == "config"
    folder = exported(bench, model, sentence_transformers=False)
    assert (folder / "tokenizer.json").read_bytes() == (Path(model["path"]) / "tokenizer.json").read_bytes()
    assert not (folder / "modules.json").exists()


def test_a_model_with_adapters_has_to_be_merged_first(bench: Bench) -> None:
    bench.run("model_lora", "lora", {"model": bench.model})
    with pytest.raises(Failure, match=r"Put `model\.merge` between") as failed:
        exported(bench, bench.output("lora", "model", "model"))
    assert failed.value.failure_class == "config"


def test_a_tokenizer_that_gives_other_tokens_is_not_exported(bench: Bench) -> None:
    folder = exported(bench, bench.model)
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["normalizer"] = {"type": "Lowercase"}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(Failure, match="does not give the tokens of the contract for the query 'How do I read"):
        export_parity.require_same_ids(loaded(bench, bench.model).text, folder)


def graph_of(weight: np.ndarray) -> onnx_ir.Model:
    """A graph with the inputs and the output of an export that looks up the first token in a table of weights."""
    text = (
        '<ir_version: 8, opset_import: ["": 20]> export (int64[batch, length] input_ids, int64[batch, length] attention_mask)'
        " => (float[batch, dimension] sentence_embedding) { zero = Constant<value_int=0>()"
        " first = Gather<axis=1>(input_ids, zero) sentence_embedding = Gather<axis=0>(table, first) }"
    )
    graph = onnx_ir.from_proto(onnx.parser.parse_model(text))
    table = onnx_ir.Value(name="table", shape=onnx_ir.Shape(weight.shape), type=onnx_ir.TensorType(onnx_ir.DataType.FLOAT))
    for node in graph.graph:
        for place, value in enumerate(node.inputs):
            if value is not None and value.name == "table":
                node.replace_input_with(place, table)
    table.const_value = onnx_ir.tensor(weight, name="table")
    graph.graph.initializers["table"] = table
    return graph


def test_a_graph_that_embeds_otherwise_is_not_exported(bench: Bench, tmp_path: Path) -> None:
    model = loaded(bench, bench.model)
    table = model.network.get_input_embeddings().weight.numpy()
    for weight, said in ((table, "differs from the model on sequences alone: by "), (table * np.nan, "by nan of a vector's")):
        onnx_ir.save(graph_of(weight.copy()), tmp_path / "graph.onnx")
        with pytest.raises(Failure, match=f"{said}.*Set `onnx: none`") as failed:
            export_parity.require_same_embeddings(model, tmp_path / "graph.onnx", "float32")
        assert failed.value.failure_class == "data"
        with pytest.raises(Failure, match="Set `onnx: float32`"):
            export_parity.require_same_embeddings(model, tmp_path / "graph.onnx", "bfloat16")


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_weights_in_16_bits_are_rounded_and_made_float32_again(tmp_path: Path, kind: str) -> None:
    table = np.random.default_rng(1).standard_normal((6, 4)).astype(np.float32)
    graph = graph_of(table)
    export_graph.halve(graph, ["table"], getattr(onnx_ir.DataType, kind.upper()))
    onnx_ir.save(graph, tmp_path / "graph.onnx", external_data="graph.onnx.data", size_threshold_bytes=0)
    assert (tmp_path / "graph.onnx.data").stat().st_size == 2 * table.size
    session = onnxruntime.InferenceSession(tmp_path / "graph.onnx")
    ids = np.arange(6, dtype=np.int64)[:, None]
    found = session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0]
    assert np.array_equal(found, torch.from_numpy(table).to(getattr(torch, kind)).float().numpy())
    bound = export_parity.BOUNDS[kind]
    parity = export_parity.compare(found, table)
    assert parity.difference <= bound.difference and parity.cosine >= bound.cosine
