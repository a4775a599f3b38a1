"""vLLM as the backend that generates, where it is installed: the same prompts, limits and ends as sampling.py.

vLLM runs in this process, on this device. It gets the weights of the policy before each rollout (adapters merged into a
copy) and, on an accelerator, gives most of its memory back behind it. What it draws depends on its kernels; and its
log-probabilities are not those of the trainer. They are kept as `sampler_logprobs` and compared; what is trained on are those
of the trainer's own pass, as with the other backend. vLLM 0.32 for the processor is what this was run with (docs/models.md).

Options that look odd are for the processor. The head is a table of its own and handed over with the rest: there is a packed
copy of it, which new weights of the table of the embeddings alone do not reach. Nothing is compiled, which takes longer than
what is sampled. No prompt is read in parts: a row that has a seed of its own then fails.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pawl_trainer import devices, distributed, language_model, lora, seeds
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


# Said to vLLM before it is loaded: to stay in this process, so that weights are handed over in memory; to send nobody
# anything; and to log errors only, unless the environment says more.
SURROUNDINGS = {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_NO_USAGE_STATS": "1"}

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
        with torch.autocast(devices.device().type, enabled=False), ending_if_broken():
            results = engine.generate(asked, wanted, use_tqdm=False)
        return [completion_by(result.outputs[0], model) for result in results]

    try:
        yield with_vllm
    finally:
        if _made is not None and sleeps():
            engine.sleep(level=2)


@contextmanager
def ending_if_broken() -> Iterator[None]:
    """A block in which the engine works; if it raises, what the engine holds is not to be trusted, and it is closed."""
    try:
        yield
    except BaseException:
        close()
        raise


def close() -> None:
    """Ends the engine of this process, if it has one, and gives all its memory back."""
    global _made
    if _made is None:
        return
    engine, _made = _made[1], None
    engine.llm_engine.engine_core.shutdown()
    del engine
    importlib.import_module("vllm.distributed").cleanup_dist_env_and_memory()


def filled(model: LanguageModel, generation: Generation) -> Any:
    """The engine of this process with the weights of `model`; made once for models of one shape."""
    global _made
    os.environ.update(SURROUNDINGS)
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "CRITICAL")
    contract, config = model.contract, model.network.config
    length = min(2 * sum(contract.max_tokens.values()) + 256, int(config.max_position_embeddings))  # with the template
    shape = (config.to_json_string(), length, generation)
    if _made is None or _made[0] != shape:
        close()  # first: two do not fit
        _made = (shape, started(model.folder, length, generation))
    elif sleeps():
        _made[1].wake_up()
    engine = _made[1]
    with ending_if_broken():
        engine.collective_rpc("reload_weights", kwargs={"weights_iterator": weights_of(model)})
        engine.reset_prefix_cache()
    return engine


def started(folder: Path, length: int, generation: Generation) -> Any:
    """A new engine for models of the shape of `folder`, without their weights. Raises Failure(config) where vLLM cannot."""
    try:
        make = importlib.import_module("vllm").LLM
    except ImportError as error:
        message = f"`generation: {{backend: vllm}}`: vLLM is installed in the trainer's Python, but cannot be loaded: {error}."
        raise Failure("config", f"{message} Install what it needs, or leave `generation` out.", input="generation") from None
    try:
        with tempfile.TemporaryDirectory() as silent:
            # Else ends that generation_config.json of the model names would be ends here, whatever `parameters` says.
            (Path(silent) / "generation_config.json").write_text("{}")
            return make(
                model=str(folder),
                skip_tokenizer_init=True,
                generation_config=silent,
                load_format="dummy",  # the weights come from memory
                hf_overrides={"tie_word_embeddings": False},
                enforce_eager=not sleeps(),
                enable_chunked_prefill=sleeps(),
                dtype=generation.dtype,
                gpu_memory_utilization=generation.memory,
                max_model_len=length,
                enable_prefix_caching=True,
                enable_sleep_mode=sleeps(),
                logprobs_mode="processed_logprobs",  # under the temperature, as the trainer's
                trust_remote_code=False,
                seed=0,
            )
    except ValueError as error:
        said = " ".join(str(error).split())
        what = f"`generation: {{backend: vllm, memory: {generation.memory}, dtype: {generation.dtype}}}`"
        way = "Change `memory` or `dtype`, or leave `generation` out."
        raise Failure("config", f"{what}: vLLM does not start: {said} {way}", input="generation", ends=True) from None


def sleeps() -> bool:
    """Whether vLLM can give memory back on this device and take it again: on an accelerator, not on a processor."""
    return bool(importlib.import_module("vllm.platforms").current_platform.is_sleep_mode_available())


def weights_of(model: LanguageModel) -> Iterator[tuple[str, Tensor]]:
    """The weights by their names in the model's files; a head that is the table of the embeddings is there too."""
    network = model.network
    if lora.has_adapters(network):
        network = lora.merged(language_model.read_weights(model.folder, model.contract), model.folder)
    yield from network.state_dict().items()


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
