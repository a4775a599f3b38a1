"""A stand-in of the part of vLLM's Python interface that is used: its names and parameters, as vLLM 0.32 has them.

It draws with a network of its own. test_generation_vllm_installed.py compares the interface with that of vLLM itself.
"""

from __future__ import annotations

import importlib.machinery
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from pawl_trainer import generation_vllm, seeds
from pawl_trainer.language_model import LanguageModel
from pawl_trainer.sampling import Sampling, sample


class Engine:
    """Draws with a network whose weights are those that it was given; notes what it was asked."""

    model: LanguageModel

    def __init__(self, **options: Any) -> None:
        self.options, self.calls = options, list[Any]()
        self.suggested = json.loads((Path(options["generation_config"]) / "generation_config.json").read_text())
        self.awake, self.broken, self.ended = True, False, False
        self.given: dict[str, torch.Tensor] = {}
        self.llm_engine = SimpleNamespace(engine_core=SimpleNamespace(shutdown=self.end))

    def end(self) -> None:
        self.ended = True

    def sleep(self, level: int = 1, mode: str = "abort") -> None:
        assert self.options["enable_sleep_mode"] and not self.ended
        self.awake = False

    def wake_up(self, tags: list[str] | None = None) -> bool:
        assert self.options["enable_sleep_mode"] and not self.ended
        self.awake = True
        return True

    def reset_prefix_cache(self, reset_running_requests: bool = False, reset_connector: bool = False) -> bool:
        self.calls.append("reset")
        return True

    def collective_rpc(
        self, method: str, timeout: float | None = None, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> list[Any]:
        assert self.awake and method == "reload_weights" and kwargs is not None
        self.given = {name: weight.clone() for name, weight in kwargs["weights_iterator"]}
        return [None]

    def generate(self, prompts: list[Any], sampling_params: list[Any], *, use_tqdm: bool = True) -> list[Any]:
        assert self.awake and not self.ended
        if self.broken:
            raise RuntimeError("the kernel gave up")
        self.calls.append(sampling_params)
        told = zip(prompts, sampling_params, strict=True)
        return [self.answer(prompt["prompt_token_ids"], wanted) for prompt, wanted in told]

    def answer(self, prompt: list[int], told: Any) -> Any:
        model = self.model
        model.network.load_state_dict(self.given)
        uniforms = seeds.uniforms(told.seed, [("draw",)], told.max_tokens)
        (found,) = sample(model, [prompt], uniforms, Sampling(told.temperature, told.min_tokens, told.max_tokens))
        # What vLLM computes differs a little from what the trainer does.
        logprobs = [
            {token: SimpleNamespace(logprob=value + 0.01)} for token, value in zip(found.ids, found.logprobs, strict=True)
        ]
        reason = "length" if found.finish == "length" else "stop"
        output = SimpleNamespace(token_ids=found.ids, logprobs=logprobs, finish_reason=reason, stop_reason=found.ids[-1])
        return SimpleNamespace(outputs=[output])


def install(patch: pytest.MonkeyPatch, accelerator: bool) -> list[Engine]:
    """Lets vLLM seem to be installed, for an accelerator or for the processor; returns the engines that will be made."""
    made: list[Engine] = []

    def engine(**options: Any) -> Engine:
        assert all(one.ended for one in made), "two do not fit"
        if options["gpu_memory_utilization"] > 0.9:
            raise ValueError("Free memory on device (10/80 GiB)\n is less than desired.")
        made.append(Engine(**options))
        return made[-1]

    modules = {name: ModuleType(name) for name in ("vllm", "vllm.platforms", "vllm.distributed")}
    modules["vllm"].__spec__ = importlib.machinery.ModuleSpec("vllm", None)
    parts = {
        "vllm": {"LLM": engine, "SamplingParams": lambda **told: SimpleNamespace(**told)},
        "vllm.platforms": {"current_platform": SimpleNamespace(is_sleep_mode_available=lambda: accelerator)},
        "vllm.distributed": {"cleanup_dist_env_and_memory": lambda: None},
    }
    for name, module in modules.items():
        for part, value in parts[name].items():
            setattr(module, part, value)
        patch.setitem(sys.modules, name, module)
    patch.setattr(generation_vllm, "_made", None)
    for name in (*generation_vllm.SURROUNDINGS, "VLLM_LOGGING_LEVEL"):
        patch.setenv(name, "before")
    return made
