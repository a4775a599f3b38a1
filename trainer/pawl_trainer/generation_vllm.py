"""vLLM as the backend that generates, where it is installed: the same prompts, limits and ends as sampling.py.

vLLM runs in this process, on this device. It gets the weights of the policy before each rollout (adapters merged into a
copy) and gives most of its memory back behind it. What it draws depends on its kernels and on what is drawn together, so a
rollout by it is not the same bits each time; and its log-probabilities are not those of the trainer. They are kept as
`sampler_logprobs` and compared; what is trained on are those of the trainer's own pass, as with the other backend.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from pawl_trainer import distributed, language_model, lora, seeds
from pawl_trainer.completion import Completion, completion_of
from pawl_trainer.failures import Failure
from pawl_trainer.generation import Draws, Generate, with_network
from pawl_trainer.language_model import LanguageModel
from pawl_trainer.sampling import Sampling

NEVER = -100.0  # added to a logit


@dataclass(frozen=True)
class Generation:
    """How completions are generated. `memory` is the share of the device's memory that vLLM may take."""

    backend: str = "torch"
    memory: float = 0.4
    dtype: str = "bfloat16"


def generation_of(value: Mapping[str, Any]) -> Generation:
    """The input `generation` of rl.rollout, as declared; raises Failure(config) for a backend that is not installed."""
    found = Generation(**value)
    size = distributed.world().size
    if found.backend == "vllm" and size > 1:
        message = f"`generation.backend: vllm` samples on one accelerator, and the trainers of this queue have {size} each."
        raise Failure("config", f"{message} Leave `generation` out, or give the step a queue of one.", input="generation")
    if found.backend == "vllm" and importlib.util.find_spec("vllm") is None:
        message = "`generation: {backend: vllm}`, but vLLM is not installed in the trainer's Python. Install it there, or leave"
        raise Failure("config", f"{message} `generation` out: the trainer then samples by itself.", input="generation")
    return found


_made: tuple[tuple[Any, ...], Any] | None = None  # the engine of this process, and what it was made for


@contextmanager
def opened(generation: Generation, model: LanguageModel) -> Iterator[Generate]:
    """The backend that is asked for, with the weights of `model` for as long as the block runs."""
    if generation.backend == "torch":
        yield with_network
        return
    engine = filled(model, generation)

    def with_vllm(
        model: LanguageModel, prompts: Sequence[Sequence[int]], draws: Draws | None, sampling: Sampling
    ) -> list[Completion]:
        wanted = parameters(len(prompts), model, draws, sampling)
        asked = [{"prompt_token_ids": list(prompt)} for prompt in prompts]
        results = engine.generate(asked, wanted, use_tqdm=False)
        return [completion_by(result.outputs[0], model) for result in results]

    try:
        yield with_vllm
    finally:
        engine.sleep(level=2)


def filled(model: LanguageModel, generation: Generation) -> Any:
    """The engine of this process with the weights of `model`; made once for models of one shape."""
    global _made
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"  # in this process, so that weights are handed over in memory
    contract, config = model.contract, model.network.config
    length = min(2 * sum(contract.max_tokens.values()) + 256, int(config.max_position_embeddings))  # with the template
    shape = (config.to_json_string(), length, generation)
    if _made is not None and _made[0] == shape:
        engine = _made[1]
        engine.wake_up()
    else:
        engine = importlib.import_module("vllm").LLM(
            model=str(model.folder),
            skip_tokenizer_init=True,
            load_format="dummy",  # the weights come from memory
            dtype=generation.dtype,
            gpu_memory_utilization=generation.memory,
            max_model_len=length,
            enable_prefix_caching=True,
            enable_sleep_mode=True,
            logprobs_mode="processed_logprobs",  # under the temperature, as the trainer's
            trust_remote_code=False,
            seed=0,
        )
        _made = (shape, engine)
    network = engine.llm_engine.model_executor.driver_worker.model_runner.model
    network.load_weights(weights_of(model))
    engine.reset_prefix_cache()
    return engine


def weights_of(model: LanguageModel) -> Iterator[tuple[str, Tensor]]:
    """The weights by their names in the model's files, without a head that is the table of the embeddings."""
    network = model.network
    if lora.has_adapters(network):
        network = lora.merged(language_model.read_weights(model.folder, model.contract), model.folder)
    tied = network.get_output_embeddings().weight is network.get_input_embeddings().weight
    for name, weight in network.state_dict().items():
        if not (tied and name == "lm_head.weight"):
            yield name, weight


def parameters(count: int, model: LanguageModel, draws: Draws | None, sampling: Sampling) -> list[Any]:
    """What vLLM is told for each of `count` prompts: the distribution of sampling.distribution, a seed of its own a row."""
    contract = model.contract
    ends = [contract.embed_id, contract.end_id]
    never = {} if contract.pad_id in ends else {"logit_bias": {contract.pad_id: NEVER}}
    seeds_of = [None] * count if draws is None else [seeds.derive(draws.seed, *key) % 2**31 for key in draws.keys]
    make = importlib.import_module("vllm").SamplingParams
    return [
        make(
            temperature=0.0 if draws is None else sampling.temperature,
            max_tokens=sampling.max_new,
            min_tokens=sampling.min_new,
            stop_token_ids=ends,
            logprobs=0,
            detokenize=False,
            seed=seed,
            **never,
        )
        for seed in seeds_of
    ]


def completion_by(output: Any, model: LanguageModel) -> Completion:
    """What vLLM gave for a prompt. Raises Failure(internal) when it left out the token that ended it."""
    ids = list(output.token_ids)
    if output.finish_reason == "stop" and (not ids or ids[-1] not in (model.contract.embed_id, model.contract.end_id)):
        message = f"vLLM stopped at {output.stop_reason!r} and did not return it: this version of vLLM cannot be used."
        raise Failure("internal", message)
    logprobs = [float(found[token].logprob) for token, found in zip(ids, output.logprobs, strict=True)]
    return completion_of(ids, logprobs, model.contract)
