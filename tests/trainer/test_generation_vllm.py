"""vLLM as a backend, against a stand-in of the part of its interface that is used: it has not been run with vLLM itself."""

from __future__ import annotations

import importlib.machinery
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from conftest import Bench, read_jsonl
from pawl_trainer import distributed, generation_vllm, seeds
from pawl_trainer.failures import Failure
from pawl_trainer.language_model import LanguageModel
from pawl_trainer.sampling import Sampling, sample
from safetensors.torch import load_file

ROLLOUT = {"split": "rl", "queries": 3, "group": 2, "min_new": 2, "temperature": 1.0, "chunk": 4, "micro_batch": 6}


class Engine:
    """Draws with a network of its own, whose weights are those that it was given; notes what it was asked."""

    def __init__(self, **options: Any) -> None:
        self.options, self.calls, self.awake = options, [], True
        self.given: dict[str, torch.Tensor] = {}
        holder = SimpleNamespace(model=SimpleNamespace(load_weights=lambda found: self.given.update(found)))
        worker = SimpleNamespace(model_runner=holder)
        self.llm_engine = SimpleNamespace(model_executor=SimpleNamespace(driver_worker=worker))

    def sleep(self, level: int) -> None:
        self.awake = False

    def wake_up(self) -> None:
        self.awake = True

    def reset_prefix_cache(self) -> None:
        self.calls.append("reset")

    def generate(self, asked: list[Any], wanted: list[Any], use_tqdm: bool) -> list[Any]:
        assert self.awake
        self.calls.append(wanted)
        return [self.answer(prompt["prompt_token_ids"], told) for prompt, told in zip(asked, wanted, strict=True)]

    def answer(self, prompt: list[int], told: Any) -> Any:
        model = self.model
        model.network.load_state_dict({**model.network.state_dict(), **self.given})
        uniforms = seeds.uniforms(told.seed, [("draw",)], told.max_tokens)
        (found,) = sample(model, [prompt], uniforms, Sampling(told.temperature, told.min_tokens, told.max_tokens))
        # What vLLM computes differs a little from what the trainer does.
        logprobs = [
            {token: SimpleNamespace(logprob=value + 0.01)} for token, value in zip(found.ids, found.logprobs, strict=True)
        ]
        reason = "length" if found.finish == "length" else "stop"
        output = SimpleNamespace(token_ids=found.ids, logprobs=logprobs, finish_reason=reason, stop_reason=found.ids[-1])
        return SimpleNamespace(outputs=[output])

    model: LanguageModel


@pytest.fixture
def engines(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Engine]]:
    """The engines that are made while vLLM seems to be installed."""
    made: list[Engine] = []
    job = bench.job("x", "read", {"m": bench.model})
    Engine.model = generation_vllm.language_model.load(job, job.artifact("m")).for_training()
    Engine.model.network.eval()

    def engine(**options: Any) -> Engine:
        made.append(Engine(**options))
        return made[-1]

    module = ModuleType("vllm")
    module.__spec__ = importlib.machinery.ModuleSpec("vllm", None)
    module.LLM, module.SamplingParams = engine, lambda **told: SimpleNamespace(**told)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "vllm", module)
    monkeypatch.setattr(generation_vllm, "_made", None)
    monkeypatch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "1")
    yield made


def given(bench: Bench, **generation: Any) -> dict[str, Any]:
    return {"policy": bench.model, "data": bench.dataset, **ROLLOUT, "generation": {"backend": "vllm", **generation}}


def test_a_rollout_by_vllm_keeps_its_logprobs_and_trains_on_those_of_the_trainer(bench: Bench, engines: list[Engine]) -> None:
    figures = bench.run("rollout", "r", given(bench, memory=0.3))
    (engine,) = engines
    assert (engine.options["gpu_memory_utilization"], engine.options["dtype"]) == (0.3, "bfloat16")
    assert engine.options["model"] == bench.model["path"] and engine.options["trust_remote_code"] is False
    assert {name for name in engine.given if "embed_tokens" in name} == {"model.embed_tokens.weight"}
    assert "lm_head.weight" not in engine.given, "a tied head is not a weight of its own"
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
    assert len(engines) == 2


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
