"""vLLM as a backend, against a stand-in of it (vllm_stand_in.py); vLLM itself: test_generation_vllm_installed.py."""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import Any

import pytest
import torch
import vllm_stand_in
from conftest import Bench, read_jsonl
from pawl_trainer import distributed, generation_vllm
from pawl_trainer.failures import Failure
from safetensors.torch import load_file
from vllm_stand_in import Engine

ROLLOUT = {"split": "rl", "queries": 3, "group": 2, "min_new": 2, "temperature": 1.0, "chunk": 4, "micro_batch": 6}


@pytest.fixture
def engines(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> list[Engine]:
    """The engines that are made while vLLM for an accelerator seems to be installed."""
    job = bench.job("x", "read", {"m": bench.model})
    Engine.model = generation_vllm.language_model.load(job, job.artifact("m")).for_training()
    Engine.model.network.eval()
    return vllm_stand_in.install(monkeypatch, accelerator=True)


def given(bench: Bench, **generation: Any) -> dict[str, Any]:
    return {"policy": bench.model, "data": bench.dataset, **ROLLOUT, "generation": {"backend": "vllm", **generation}}


def test_a_rollout_by_vllm_keeps_its_logprobs_and_trains_on_those_of_the_trainer(bench: Bench, engines: list[Engine]) -> None:
    figures = bench.run("rollout", "r", given(bench, memory=0.3))
    (engine,) = engines
    assert (engine.options["gpu_memory_utilization"], engine.options["dtype"]) == (0.3, "bfloat16")
    assert engine.options["model"] == bench.model["path"] and engine.options["trust_remote_code"] is False
    assert engine.options["hf_overrides"] == {"tie_word_embeddings": False} and engine.options["enforce_eager"] is False
    assert torch.equal(engine.given["lm_head.weight"], engine.given["model.embed_tokens.weight"]), "a tied head goes along"
    assert engine.suggested == {}, "what the model's files suggest is not heard"
    surroundings = {name: os.environ[name] for name in generation_vllm.SURROUNDINGS}
    assert surroundings == {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_NO_USAGE_STATS": "1"}
    assert not engine.awake, "its memory is free for the update"
    told = engine.calls[1]
    assert {one.min_tokens for one in told} == {2} and len({one.seed for one in told}) == len(told)
    assert all(set(one.stop_token_ids) == {3, 2} and one.logit_bias == {0: -100.0} for one in told)
    folder = bench.folder / "r" / "outputs" / "rollouts"
    tensors = load_file(folder / "rollouts.safetensors")
    apart = tensors["sampler_logprobs"] - tensors["old_logprobs"]
    assert torch.allclose(apart, torch.full_like(apart, 0.01), atol=1e-4), "both are kept, and differ as they do"
    assert figures["mismatch_mean"] == pytest.approx(0.01, abs=1e-4)
    assert len(read_jsonl(folder / "samples.jsonl")) == 4, "half of the four queries, two samples each"


def test_the_engine_is_made_once_and_filled_for_each_policy(bench: Bench, engines: list[Engine]) -> None:
    bench.run("rollout", "first", given(bench))
    bench.run("rollout", "second", given(bench))
    (engine,) = engines
    assert engine.calls.count("reset") == 2
    bench.run("rollout", "other", given(bench, memory=0.2))
    assert [one.ended for one in engines] == [True, False], "the first one ends before the second one begins"


def test_on_the_processor_it_does_not_sleep_and_nothing_is_compiled(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    job = bench.job("x", "read", {"m": bench.model})
    Engine.model = generation_vllm.language_model.load(job, job.artifact("m")).for_training()
    made = vllm_stand_in.install(monkeypatch, accelerator=False)
    bench.run("rollout", "first", given(bench))
    bench.run("rollout", "second", given(bench))
    (engine,) = made
    assert engine.awake and engine.options["enforce_eager"] is True and engine.options["enable_sleep_mode"] is False


def test_an_engine_that_broke_is_not_used_again(bench: Bench, engines: list[Engine]) -> None:
    bench.run("rollout", "first", given(bench))
    engines[0].broken = True
    with pytest.raises(RuntimeError, match="the kernel gave up"):
        bench.run("rollout", "second", given(bench))
    assert engines[0].ended
    bench.run("rollout", "third", given(bench))
    assert len(engines) == 2


def test_why_vllm_does_not_start_is_said(bench: Bench, engines: list[Engine], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        Failure, match=r"memory: 0\.95.*does not start: Free memory on device \(10/80 GiB\) is less.*Change"
    ) as full:
        bench.run("rollout", "r", given(bench, memory=0.95))
    assert full.value.failure_class == "config" and full.value.details["ends"], "a process that is half filled is not kept"

    def missing(name: str) -> Any:
        raise ModuleNotFoundError("No module named 'uvloop'")

    module = ModuleType("vllm")
    module.__spec__, module.__getattr__ = sys.modules["vllm"].__spec__, missing  # type: ignore[method-assign]
    monkeypatch.setitem(sys.modules, "vllm", module)
    with pytest.raises(Failure, match=r"is installed.*cannot be loaded: No module named 'uvloop'\. Install") as failed:
        bench.run("rollout", "r", given(bench))
    assert failed.value.failure_class == "config"


def test_what_vllm_cannot_do_is_said(bench: Bench, engines: list[Engine]) -> None:
    for change, said in (
        ({"generation": {"backend": "vlm"}}, "`generation.backend` must be one of torch, vllm, but is 'vlm'"),
        ({"generation": {"beckend": "vllm"}}, "`generation` has no `beckend`. Did you mean `backend`?"),
        ({"generation": {"backend": "vllm", "memory": 2}}, "`generation.memory` must be at most 1, but is 2"),
        ({"top_k": 5}, "does not take `top_p` and `top_k`"),
    ):
        with pytest.raises(Failure, match=said) as failed:
            bench.run("rollout", "r", {**given(bench), **change})
        assert failed.value.failure_class == "config"


def test_without_vllm_the_way_out_is_said(bench: Bench) -> None:
    with pytest.raises(Failure, match=r"vLLM is not installed in the trainer's Python.*samples by itself"):
        bench.run("rollout", "r", given(bench))


def test_vllm_beside_other_processes_is_refused(bench: Bench, engines: list[Engine], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "_world", distributed.World(0, 4))
    with pytest.raises(Failure, match="samples on one accelerator, and the trainers of this queue have 4 each") as failed:
        bench.run("rollout", "r", given(bench))
    assert failed.value.failure_class == "config"
    assert not engines
