"""Decoders of Hugging Face: whatever their family, one path loads them, encodes with them, and trains them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from conftest import Bench
from hugging_face import CHATML, write_model
from pawl_trainer import language_model
from pawl_trainer.failures import Failure
from pawl_trainer.language_model import LanguageModel
from safetensors.torch import load_file

EMBED = "<|embed_token|>"


def loaded(bench: Bench, folder: Path, work: str = "load", **inputs: Any) -> LanguageModel:
    bench.run("model_load", work, {"folder": str(folder), "reason_tokens": 8, **inputs})
    output = bench.folder / work / "outputs" / "model"
    return language_model.read_folder(output, language_model.text_encoder(bench.job("x", work, {}), output))


@pytest.mark.parametrize("family", ["qwen2", "qwen3", "llama"])
@pytest.mark.parametrize(("tied", "rows"), [(True, 0), (False, 0), (True, 64)])
def test_each_family_gets_its_embed_token_and_is_loaded_by_transformers(
    bench: Bench, tmp_path: Path, family: str, tied: bool, rows: int
) -> None:
    source = write_model(tmp_path / "hf", family, tied=tied, rows=rows, shards=rows > 0)
    assert (rows > 0) == (source / "model.safetensors.index.json").exists()
    before = transformers.AutoModelForCausalLM.from_pretrained(source)
    model = loaded(bench, source)
    number = model.contract.embed_id
    tables = [model.network.get_input_embeddings().weight, model.network.get_output_embeddings().weight]
    assert (tables[0] is tables[1]) == tied
    originals = [before.get_input_embeddings().weight, before.get_output_embeddings().weight]
    for table, original in zip(tables, originals, strict=True):
        assert torch.allclose(table[number], original[:number].mean(0), atol=1e-6)
        assert torch.equal(table[:number], original[:number]), "no other row moves"
        assert len(table) == max(len(original), number + 1), "the vocabulary is never shrunk"
    output = bench.folder / "load" / "outputs" / "model"
    again = transformers.AutoModelForCausalLM.from_pretrained(output)
    assert transformers.AutoTokenizer.from_pretrained(output).convert_tokens_to_ids(EMBED) == number
    ids = torch.tensor([[1, 2, number]])
    assert torch.equal(again(ids).logits, model.network(ids).logits)


@pytest.mark.parametrize("family", ["qwen2", "qwen3", "llama"])
def test_padding_on_the_left_and_on_the_right_embed_alike(bench: Bench, tmp_path: Path, family: str) -> None:
    source = write_model(tmp_path / "hf", family)
    texts = ["one", "a longer text than the others", "two words"]
    vectors = []
    for padding in ("left", "right"):
        model = loaded(bench, source, padding, padding=padding)
        assert model.contract.padding == padding
        sequences = model.text.plain("document", texts)
        assert all(sequence[-1] == model.contract.embed_id for sequence in sequences)
        vectors += [model.embed(sequences, 3), torch.cat([model.embed([sequence], 1) for sequence in sequences])]
    for other in vectors[1:]:
        assert torch.allclose(vectors[0], other, atol=1e-5)


def test_turns_are_those_that_the_model_was_taught(bench: Bench, tmp_path: Path) -> None:
    llama = write_model(tmp_path / "llama", "llama")
    model = loaded(bench, llama, "llama", query_prompt="Find: {}", query_system="Be brief.")
    text = model.text.text(model.text.plain("query", ["x"])[0])
    header = "<|start_header_id|>{}<|end_header_id|>\n\n"
    turns = f"{header.format('system')}Be brief.<|eot_id|>{header.format('user')}Find: x<|eot_id|>{header.format('assistant')}"
    assert text == f"<|begin_of_text|>{turns}{EMBED}"
    ends = json.loads((llama / "tokenizer.json").read_text())["added_tokens"]
    assert model.contract.end_id == next(entry["id"] for entry in ends if entry["content"] == "<|eot_id|>")

    without = loaded(bench, write_model(tmp_path / "base", "llama", template=False), "plain", query_prompt="Find: {}")
    assert without.text.text(without.text.plain("query", ["x"])[0]) == f"<|begin_of_text|>Find: x{EMBED}"

    qwen = write_model(tmp_path / "qwen", "qwen3")
    ours = loaded(bench, qwen, "ours", query_prompt="Find: {}")
    assert ours.text.text(ours.text.plain("query", ["x"])[0]).startswith("<|im_start|>user\nFind: x<|im_end|>")
    own = loaded(bench, qwen, "own", query_prompt="Find: {}", template="chat")
    assert own.text.text(own.text.plain("query", ["x"])[0]).startswith("<|im_start|>system\nYou are a model.<|im_end|>\n")
    told = loaded(bench, qwen, "told", query_prompt="Find: {}", query_system="Be brief.")
    assert told.text.text(told.text.plain("query", ["x"])[0]).startswith("<|im_start|>system\nBe brief.<|im_end|>\n")
    assert {one.contract.end_id for one in (ours, own, told)} == {256 + CHATML.index("<|im_end|>")}


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"hub": "qwen", "revision": "0" * 40}, r"`hub` is owner/name"),
        ({"hub": "Qwen/Qwen3-0.6B", "revision": "main"}, r"it is 'main'\. Branches and tags move"),
        ({"folder": "F", "template": "chatml"}, r"the tokenizer knows no <\|im_start\|>.*Use chat or plain"),
        ({"folder": "F", "template": "chat"}, r"the model has no chat template"),
        ({"folder": "F", "query_system": "x"}, r"`template: plain` has no system turn"),
    ],
)
def test_what_cannot_be_asked_for_is_said(bench: Bench, tmp_path: Path, inputs: dict[str, str], said: str) -> None:
    folder = write_model(tmp_path / "hf", "llama", template=False)
    given = {name: str(folder) if value == "F" else value for name, value in inputs.items()}
    with pytest.raises(Failure, match=said) as failed:
        bench.run("model_load", "load", given)
    assert failed.value.failure_class == "config"


def test_without_a_network_the_hub_is_said_to_be_out_of_reach(bench: Bench) -> None:
    with pytest.raises(Failure, match=r"is not in the cache of the hub, and the hub cannot be reached.*give its `folder`"):
        bench.run("model_load", "load", {"hub": "Qwen/Qwen2.5-1.5B-Instruct", "revision": "0" * 40})


def test_a_model_of_the_hub_is_read_from_its_cache(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the hub's own client leaves is a folder of links; nothing else of it is used."""
    import huggingface_hub

    asked: dict[str, Any] = {}

    def snapshot(name: str, **more: Any) -> str:
        asked.update(more, name=name)
        return str(write_model(tmp_path / "snapshot", "qwen2"))

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    bench.run("model_load", "load", {"hub": "Qwen/Qwen2.5-1.5B-Instruct", "revision": "a" * 40})
    assert (asked["name"], asked["revision"]) == ("Qwen/Qwen2.5-1.5B-Instruct", "a" * 40)
    assert not any(pattern.endswith((".bin", ".py", "*")) for pattern in asked["allow_patterns"])


def test_bfloat16_weights_stay_so_until_all_of_them_are_trained(bench: Bench, tmp_path: Path) -> None:
    model = loaded(bench, write_model(tmp_path / "hf", "qwen3"), dtype="bfloat16")
    assert {weight.dtype for weight in model.network.parameters()} == {torch.bfloat16}
    stored = load_file(bench.folder / "load" / "outputs" / "model" / "model.safetensors")
    assert {weight.dtype for weight in stored.values()} == {torch.bfloat16}
    assert {weight.dtype for weight in model.for_training().network.parameters()} == {torch.float32}
    assert model.embed(model.text.plain("query", ["x"]), 1).dtype == torch.float32


def test_the_attention_that_is_asked_for_computes(bench: Bench, tmp_path: Path) -> None:
    source = write_model(tmp_path / "hf", "qwen3")
    eager = loaded(bench, source, "eager", attention="eager")
    assert eager.network.config._attn_implementation == "eager"
    with pytest.raises(Failure, match=r"`attention: flash_attention_2` of the model cannot be used here"):
        loaded(bench, source, "flash", attention="flash_attention_2")
