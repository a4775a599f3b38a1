"""Completions by vLLM, where it is installed: the same prompts, limits and ends as sampling.py, drawn by its engine.

vLLM runs in this process, on this device. It gets the weights of the policy before each rollout (adapters merged into a
copy) and gives its memory back behind it. What it draws depends on its kernels and on what is drawn together, so a rollout
by it is not the same bits each time; and its log-probabilities are not those of the trainer. They are kept as
`sampler_logprobs` and compared; what is trained on are those of the trainer's own pass, as with the other backend.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from pawl_trainer import language_model, lora, seeds
from pawl_trainer.failures import Failure
from pawl_trainer.language_model import LanguageModel
from pawl_trainer.sampling import Completion, Sampling, cut

BACKENDS = ("torch", "vllm")


@dataclass(frozen=True)
class Generation:
    """How completions are generated. `memory` is the share of the device's memory that vLLM may take."""

    backend: str = "torch"
    memory: float = 0.4
    dtype: str = "bfloat16"


def generation_of(value: Mapping[str, Any]) -> Generation:
    """The input `generation` of rl.rollout; raises Failure(config) for what it does not know, or has not here."""
    known = Generation.__dataclass_fields__
    for name in value:
        if name not in known:
            raise Failure("config", f"`generation` has no `{name}`; it takes {', '.join(known)}.", input="generation")
    found = Generation(**value)
    if found.backend not in BACKENDS:
        message = f"`generation.backend` must be one of {', '.join(BACKENDS)}, but is {found.backend!r}."
        raise Failure("config", message, input="generation")
    if not 0 < found.memory < 1:
        message = f"`generation.memory` is a share of the device's memory between 0 and 1, but is {found.memory}."
        raise Failure("config", message, input="generation")
    if found.backend == "vllm" and importlib.util.find_spec("vllm") is None:
        message = "`generation: {backend: vllm}`, but vLLM is not installed in the trainer's Python. Install it there, or leave"
        raise Failure("config", f"{message} `generation` out: the trainer then samples by itself.", input="generation")
    return found


_engine: tuple[tuple[Any, ...], Any] | None = None


def engine(model: LanguageModel, generation: Generation) -> Any:
    """The engine of this process with the weights of `model`; made once, filled again for each policy."""
    global _engine
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"  # in this process, so that weights are handed over in memory
    vllm = importlib.import_module("vllm")
    contract = model.contract
    length = 2 * sum(contract.max_tokens.values()) + 256  # content, template and completion
    shape = (model.network.config.to_json_string(), length, generation)
    if _engine is None or _engine[0] != shape:
        made = vllm.LLM(
            model=str(model.folder),
            skip_tokenizer_init=True,
            load_format="dummy",  # the weights come from memory
            dtype=generation.dtype,
            gpu_memory_utilization=generation.memory,
            max_model_len=min(length, int(model.network.config.max_position_embeddings)),
            enable_prefix_caching=True,
            enable_sleep_mode=True,
            logprobs_mode="processed_logprobs",
            trust_remote_code=False,
            seed=0,
        )
        _engine = (shape, made)
    else:
        made = _engine[1]
        made.wake_up()
    network = made.llm_engine.model_executor.driver_worker.model_runner.model
    network.load_weights(weights_of(model))
    made.reset_prefix_cache()
    return made


def weights_of(model: LanguageModel) -> Iterator[tuple[str, Tensor]]:
    """The weights by their names in the model's files, without a head that is the table of the embeddings."""
    network = model.network
    if lora.has_adapters(network):
        network = lora.merged(language_model.read_weights(model.folder, model.contract), model.folder)
    tied = network.get_output_embeddings().weight is network.get_input_embeddings().weight
    for name, weight in network.state_dict().items():
        if not (tied and name == "lm_head.weight"):
            yield name, weight


def sample(
    model: LanguageModel,
    prompts: Sequence[Sequence[int]],
    keys: Sequence[tuple[str | int, ...]],
    sampling: Sampling,
    generation: Generation,
    seed: int,
) -> list[Completion]:
    """One completion a prompt, each drawn with a seed of its own; like sampling.sample in all that the contract says."""
    made = engine(model, generation)
    vllm = importlib.import_module("vllm")
    contract = model.contract
    ends = [contract.embed_id, contract.end_id]
    never = {} if contract.pad_id in ends else {"logit_bias": {contract.pad_id: -100.0}}
    wanted = [
        vllm.SamplingParams(
            temperature=sampling.temperature,
            max_tokens=sampling.max_new,
            min_tokens=sampling.min_new,
            stop_token_ids=ends,
            logprobs=0,
            detokenize=False,
            seed=seeds.derive(seed, *key) % 2**31,
            **never,
        )
        for key in keys
    ]
    asked = [{"prompt_token_ids": list(prompt)} for prompt in prompts]
    found = [result.outputs[0] for result in made.generate(asked, wanted, use_tqdm=False)]
    made.sleep(level=2)
    return [completion_of(output, model) for output in found]


def completion_of(output: Any, model: LanguageModel) -> Completion:
    """What vLLM gave for a prompt. Raises Failure(internal) when it left out the token that ended it."""
    ids = list(output.token_ids)
    ends = (model.contract.embed_id, model.contract.end_id)
    if output.finish_reason == "stop" and (not ids or ids[-1] not in ends):
        message = f"vLLM stopped at {output.stop_reason!r} and did not return it: this version cannot be used."
        raise Failure("internal", message)
    logprobs = [float(found[token].logprob) for token, found in zip(ids, output.logprobs, strict=True)]
    return cut(ids, logprobs, model.contract)
