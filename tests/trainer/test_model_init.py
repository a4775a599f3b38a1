"""A model from scratch is a Hugging Face folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import transformers
from conftest import Bench, weights
from pawl_trainer import schemas


def test_the_folder_loads_in_transformers_as_it_is(bench: Bench) -> None:
    network = transformers.AutoModelForCausalLM.from_pretrained(bench.model["path"])
    tokenizer = transformers.AutoTokenizer.from_pretrained(bench.model["path"])
    contract = json.loads((Path(bench.model["path"]) / "pawl.json").read_text())
    schemas.require("artifacts/model", contract, "pawl.json")
    assert tokenizer.convert_tokens_to_ids("<|embed_token|>") == contract["embedTokenId"]
    assert tokenizer.pad_token_id == contract["padTokenId"]
    ids = tokenizer("<|im_start|> think river stone<|im_end|>", return_tensors="pt")
    said = network.generate(**ids, max_new_tokens=4)
    assert said.shape[1] > ids["input_ids"].shape[1]
    assert network.generation_config.eos_token_id == [contract["endTokenId"], contract["embedTokenId"]]


def test_the_seed_decides_the_weights(bench: Bench) -> None:
    inputs = {"data": bench.dataset, "preset": "test", "vocab": 320}
    for work, seed in (("one", 1), ("again", 1), ("two", 2)):
        bench.run("model_init", work, inputs, seed=seed)
    one, again, two = (weights(bench.folder / work / "outputs" / "model") for work in ("one", "again", "two"))
    assert one == again
    assert one != two


def test_the_tokenizer_sees_the_sft_split_only(bench: Bench) -> None:
    """`item17` and what follows is in no query of the sft split, so no token was learnt from it."""
    bench.run("model_init", "large", {"data": bench.dataset, "preset": "test", "vocab": 2000})
    folder = bench.folder / "large" / "outputs" / "model"
    learnt = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    assert "Ġitem15" in learnt or "item15" in learnt or "15" in learnt
    assert not any("17" in token or "19" in token or "23" in token for token in learnt)


@pytest.mark.parametrize(("preset", "dimension"), [("test", 64), ("tiny", 128)])
def test_presets_have_their_sizes(bench: Bench, preset: str, dimension: int) -> None:
    bench.run("model_init", preset, {"data": bench.dataset, "preset": preset})
    config = json.loads((bench.folder / preset / "outputs" / "model" / "config.json").read_text())
    assert (config["hidden_size"], config["num_hidden_layers"]) == (dimension, 2)
