"""Model folders from elsewhere: what fits is taken over, what does not is named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import transformers
from conftest import Bench
from pawl_trainer.failures import Failure
from safetensors.torch import load_file, save_file


@pytest.fixture
def folder(bench: Bench, tmp_path: Path) -> Path:
    """A Hugging Face folder that has never seen Pawl: no pawl.json, no embed token."""
    copy = tmp_path / "hf"
    shutil.copytree(bench.model["path"], copy)
    (copy / "pawl.json").unlink()
    tokenizer = json.loads((copy / "tokenizer.json").read_text())
    tokenizer["added_tokens"] = [entry for entry in tokenizer["added_tokens"] if entry["content"] != "<|embed_token|>"]
    last = max(tokenizer["model"]["vocab"], key=tokenizer["model"]["vocab"].__getitem__)
    del tokenizer["model"]["vocab"]["<|embed_token|>"]
    tokenizer["model"]["vocab"][last] = 3
    tokenizer["model"]["merges"] = [
        pair for pair in tokenizer["model"]["merges"] if "".join(pair) in tokenizer["model"]["vocab"]
    ]
    (copy / "tokenizer.json").write_text(json.dumps(tokenizer))
    return copy


def test_the_embed_token_starts_at_the_mean_of_the_others(bench: Bench, folder: Path) -> None:
    metrics = bench.run("model_load", "load", {"folder": str(folder)})
    output = bench.folder / "load" / "outputs" / "model"
    contract = json.loads((output / "pawl.json").read_text())
    table = load_file(output / "model.safetensors")["model.embed_tokens.weight"]
    number = contract["embedTokenId"]
    assert torch.allclose(table[number], table[:number].mean(dim=0), atol=1e-6)
    assert metrics["parameters"] > 0
    assert contract["template"] == {"kind": "chatml", "text": None}
    tokenizer = transformers.AutoTokenizer.from_pretrained(output)
    assert tokenizer.convert_tokens_to_ids("<|embed_token|>") == number
    assert transformers.AutoModelForCausalLM.from_pretrained(output).config.vocab_size == len(table)


def test_a_loaded_model_encodes(bench: Bench, folder: Path, tmp_path: Path) -> None:
    bench.run("model_load", "load", {"folder": str(folder), "document_tokens": 16})
    texts = tmp_path / "texts.jsonl"
    texts.write_text('{"_id": "a", "text": "river stone"}\n{"_id": "b", "text": "music"}\n')
    inputs = {"model": bench.output("load", "model", "model"), "texts": str(texts), "role": "document", "out": "e.f32"}
    assert bench.run("encode", "e", inputs) == {"rows": 2, "dimension": 64, "passes": 1}


def drop(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def put(name: str, content: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_text(content) and None


def without_a_weight(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.norm.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def with_a_foreign_weight(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors["model.layers.0.adapter.weight"] = torch.ones(2)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (drop("config.json"), r"config\.json is missing in the model folder hf"),
        (drop("tokenizer.json"), r"tokenizer\.json is missing in the model folder hf"),
        (drop("model.safetensors"), r"model\.safetensors \(or its index\) is missing"),
        (put("pytorch_model.bin", "x"), r"pytorch_model\.bin is a pickle"),
        (put("modeling_mine.py", "x"), r"modeling_mine\.py is code that comes with the model"),
        (put("holiday.jpg", "x"), r"holiday\.jpg does not belong to a model folder"),
        (put("config.json", "{"), r"config\.json is not JSON"),
        (put("config.json", '{"model_type": "bert9"}'), r"expected `model_type` of a causal language model.*found 'bert9'"),
        (put("config.json", '{"model_type": "qwen2", "auto_map": {}}'), r"asks for code that comes with the model"),
        (put("tokenizer.json", "{}"), r"tokenizer\.json in the model folder cannot be read"),
        (put("model.safetensors", "no weights"), r"The weights cannot be read"),
        (without_a_weight, r"has no weight model\.norm\.weight"),
        (with_a_foreign_weight, r"has a foreign weight model\.layers\.0\.adapter\.weight"),
    ],
)
def test_what_does_not_fit_is_named(bench: Bench, folder: Path, change: Callable[[Path], None], said: str) -> None:
    change(folder)
    with pytest.raises(Failure, match=said) as failed:
        bench.run("model_load", "load", {"folder": str(folder)})
    assert failed.value.failure_class == "data"
