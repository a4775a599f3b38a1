"""LoRA: adapters beside weights that nothing touches; trained, kept, resumed, merged."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
import transformers
from conftest import Bench
from hugging_face import write_model
from pawl_trainer import language_model, lora
from pawl_trainer.cache import Cache
from pawl_trainer.failures import Failure
from pawl_trainer.language_model import LanguageModel
from safetensors.torch import load_file
from update_bench import ROLLOUT, inputs, reward

SFT = {"steps": 5, "batch": 8, "micro_batch": 8, "warmup": 1, "lr": 0.01, "self_from": 0.3, "hard_from": 0.5}


def read(bench: Bench, work: str) -> LanguageModel:
    output = bench.folder / work / "outputs" / "model"
    return language_model.read_folder(output, language_model.text_encoder(bench.job("x", "read", {}), output))


def adapted(bench: Bench, tmp_path: Path, tied: bool = True, **inputs: Any) -> dict[str, str]:
    source = write_model(tmp_path / "hf", "llama", tied=tied)
    bench.run("model_load", "base", {"folder": str(source), "reason_tokens": 8})
    bench.run("model_lora", "lora", {"model": bench.output("base", "model", "model"), "rank": 4, **inputs})
    return bench.output("lora", "model", "model")


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def vectors(model: LanguageModel) -> torch.Tensor:
    with torch.inference_mode():
        return model.embed(model.text.plain("query", ["river stone", "find a cloud"]), 2)


@pytest.mark.parametrize("tied", [True, False])
def test_only_adapters_and_the_embed_row_learn(bench: Bench, tmp_path: Path, tied: bool) -> None:
    model = adapted(bench, tmp_path, tied)
    fresh, base = read(bench, "lora"), read(bench, "base")
    assert torch.equal(vectors(fresh), vectors(base)), "fresh adapters change nothing"
    bench.run("sft", "sft", {"model": model, "data": bench.dataset, **SFT})
    trained = read(bench, "sft")
    assert not torch.allclose(vectors(trained), vectors(base), atol=1e-3)
    row = trained.contract.embed_id
    for name, weight in trained.network.named_parameters():
        if not lora.is_adapter(name):
            plain = base.network.get_parameter(name.replace(".base_layer", "").replace(".token_adapter", ""))
            assert torch.equal(weight, plain), name
    tables = {name: value for name, value in trained.network.named_parameters() if "tokens_delta" in name}
    assert len(tables) == (1 if tied else 2)
    assert all(value.shape[0] == 1 for value in tables.values())
    moved = tables["model.embed_tokens.token_adapter.trainable_tokens_delta.default"][0]
    assert not torch.equal(moved, base.network.get_input_embeddings().weight[row])
    before, after = digests(Path(model["path"])), digests(bench.folder / "sft" / "outputs" / "model")
    assert {name for name in after if after[name] != before[name]} == {"adapter/adapter_model.safetensors"}


def test_peft_itself_reads_the_adapters(bench: Bench, tmp_path: Path) -> None:
    bench.run("sft", "sft", {"model": adapted(bench, tmp_path), "data": bench.dataset, **SFT})
    folder = bench.folder / "sft" / "outputs" / "model"
    base = transformers.AutoModelForCausalLM.from_pretrained(folder)
    theirs = peft.PeftModel.from_pretrained(base, folder / "adapter").eval()
    ids = torch.tensor([[1, 2, read(bench, "sft").contract.embed_id]])
    assert torch.allclose(theirs(ids).logits, read(bench, "sft").network(ids).logits, atol=1e-5)


@pytest.mark.parametrize("tied", [True, False])
def test_a_merged_model_computes_the_same_and_is_a_plain_one(bench: Bench, tmp_path: Path, tied: bool) -> None:
    bench.run("sft", "sft", {"model": adapted(bench, tmp_path, tied), "data": bench.dataset, **SFT})
    before = digests(bench.folder / "sft" / "outputs" / "model")
    bench.run("model_merge", "merged", {"model": bench.output("sft", "model", "model")})
    folder = bench.folder / "merged" / "outputs" / "model"
    assert torch.allclose(vectors(read(bench, "merged")), vectors(read(bench, "sft")), atol=1e-5)
    assert not lora.exists(folder)
    assert {name for name in load_file(folder / "model.safetensors") if "lora" in name or "delta" in name} == set()
    assert transformers.AutoModelForCausalLM.from_pretrained(folder).num_parameters() > 0
    assert digests(bench.folder / "sft" / "outputs" / "model") == before, "what it was made of stays as it was"
    with pytest.raises(Failure, match="The model has no adapters"):
        bench.run("model_merge", "again", {"model": bench.output("merged", "model", "model")})


def test_resumed_training_of_adapters_with_dropout_is_straight(bench: Bench, tmp_path: Path) -> None:
    given = {"model": adapted(bench, tmp_path, dropout=0.2), "data": bench.dataset, **SFT}
    bench.run("sft", "straight", given, every_steps=1)
    straight = digests(bench.folder / "straight" / "outputs")
    for step in (1, 3, 4):
        cold = Bench(bench.folder, Cache(0), dataset=bench.dataset)
        cold.run("sft", f"cut-{step}", given, resume=bench.folder / "straight" / "checkpoints" / str(step))
        assert digests(bench.folder / f"cut-{step}" / "outputs") == straight, f"cut behind step {step}"
        assert not [event for event in cold.events.sent if event["type"] == "diverged"]
    kept = load_file(bench.folder / "straight" / "checkpoints" / "1" / "weights.safetensors")
    assert all(lora.is_adapter(name) for name in kept), "a checkpoint holds what learns, not the base"


def test_an_update_grades_what_was_sampled_whatever_the_dropout(bench: Bench, tmp_path: Path) -> None:
    model = adapted(bench, tmp_path, dropout=0.5)
    bench.run("sft", "learnt", {"model": model, "data": bench.dataset, **SFT, "steps": 40, "self_from": 1.0})
    bench.model = bench.output("learnt", "model", "model")
    bench.run("rollout", "r", {"policy": bench.model, "data": bench.dataset, **ROLLOUT, "replay": 0})
    reward(bench, [number % 5 / 5 for number in range(16)])
    metrics = bench.run("update", "u", inputs(bench, auxiliary_weight=0.0))
    assert metrics["tokens"] > 0
    assert metrics["ratio_max"] == pytest.approx(1.0, abs=1e-4)
    kept = json.loads((bench.folder / "u/outputs/model/adapter/adapter_config.json").read_text())
    assert kept["lora_dropout"] == 0.5, "the model still says how it is trained"


def test_training_goes_on_in_the_same_adapters(bench: Bench, tmp_path: Path) -> None:
    model = adapted(bench, tmp_path)
    bench.run("sft", "first", {"model": model, "data": bench.dataset, **SFT})
    bench.run("sft", "second", {"model": bench.output("first", "model", "model"), "data": bench.dataset, **SFT})
    states = [
        load_file(bench.folder / work / "outputs/model/adapter/adapter_model.safetensors") for work in ("first", "second")
    ]
    assert states[0].keys() == states[1].keys()
    assert any(not torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_what_does_not_fit_is_named(bench: Bench, tmp_path: Path) -> None:
    model = adapted(bench, tmp_path)
    with pytest.raises(Failure, match=r"The model has adapters already"):
        bench.run("model_lora", "twice", {"model": model})
    base = bench.output("base", "model", "model")
    with pytest.raises(Failure, match=r"no linear layer `query_proj`; it has down_proj, gate_proj, k_proj"):
        bench.run("model_lora", "wrong", {"model": base, "targets": ["query_proj"]})
    damaged = Path(model["path"]) / "adapter" / "adapter_config.json"
    content = json.loads(damaged.read_text())
    damaged.write_text(json.dumps({**content, "r": 8}))
    with pytest.raises(Failure, match=r"has no weight .* of the shape \[8, 32\]"):
        read(bench, "lora")
    damaged.write_text("{}")
    with pytest.raises(Failure, match=r"adapter/adapter_config\.json of the model cannot be used"):
        read(bench, "lora")


def test_gradient_checkpointing_changes_no_bit(bench: Bench, tmp_path: Path) -> None:
    for name, model in (("full", bench.model), ("lora", adapted(bench, tmp_path, dropout=0.1))):
        given = {"model": model, "data": bench.dataset, **SFT}
        plain = bench.run("sft", f"{name}-plain", given)
        again = bench.run("sft", f"{name}-again", {**given, "gradient_checkpointing": True})
        assert again == plain, name
        folders = [bench.folder / f"{name}-{how}" / "outputs" for how in ("plain", "again")]
        assert digests(folders[0]) == digests(folders[1]), name


def test_gradient_checkpointing_does_compute_again(bench: Bench) -> None:
    model = language_model.load(bench.job("x", "read", {}), bench.job("x", "read", {"m": bench.model}).artifact("m"))
    calls = {False: 0, True: 0}
    for recompute in calls:
        network = model.for_training(recompute).network

        def count(*_: Any, key: bool = recompute) -> None:
            calls[key] += 1

        network.model.layers[0].mlp.register_forward_pre_hook(count)
        network.base_model(input_ids=torch.tensor([[1, 2]]), use_cache=False).last_hidden_state.sum().backward()
    assert calls == {False: 1, True: 2}
