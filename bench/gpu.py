"""What training costs on this machine's accelerator: tokens/s, MFU, peak memory and where the time goes.

    PYTHONPATH=trainer .pawl/python/bin/python bench/gpu.py --size 1.5b --peak 989e12

Makes a decoder of the given size from random weights and does, with the trainer's own functions, what a step of stage 1 and
a rollout do: encode, train all weights, train adapters, sample. All sequences have the same length, so no token is padding.
Prints one JSON line a part. `--size test` runs anywhere in seconds; its figures say nothing.

MFU is the floating-point operations that the model needs, over seconds and `--peak`. A token needs, with N parameters in
L layers of width d over T tokens, of which half are seen: forward 2 N + 2 L d T; backward twice that, of which adapters
need the half (no gradient of the weights); the head 2 V d a token, where it is used, three times in training. What
recomputing adds does not count.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from pawl_trainer import devices, lora, optimizer, seeds
from pawl_trainer.batching import hidden_at
from pawl_trainer.encoding import Contract, TextEncoder
from pawl_trainer.language_model import LanguageModel
from pawl_trainer.likelihood import in_parts
from pawl_trainer.losses import info_nce
from pawl_trainer.sampling import Sampling, sample
from torch import Tensor
from transformers import Qwen2Config, Qwen2ForCausalLM

# Those of Qwen2.5-0.5B, -1.5B and -7B; all but the last tie their tables.
SIZES: dict[str, dict[str, Any]] = {
    "test": {"width": 32, "layers": 2, "heads": 2, "pairs": 1, "inner": 64, "vocabulary": 512},
    "0.5b": {"width": 896, "layers": 24, "heads": 14, "pairs": 2, "inner": 4864, "vocabulary": 151936},
    "1.5b": {"width": 1536, "layers": 28, "heads": 12, "pairs": 2, "inner": 8960, "vocabulary": 151936},
    "7b": {"width": 3584, "layers": 28, "heads": 28, "pairs": 4, "inner": 18944, "vocabulary": 152064, "tied": False},
}
EMBED, END, PAD, FIRST = 3, 2, 0, 8
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass
class Clock:
    """Seconds by part; waits for the device at the end of each."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def part(self, name: str) -> Any:
        """Adds the seconds of the block."""
        start = time.perf_counter()
        yield
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


@dataclass(frozen=True)
class Work:
    """What is measured: `rows` sequences of `tokens` a step, `micro` of them a pass, `steps` times after one to warm up."""

    rows: int
    tokens: int
    micro: int
    steps: int
    new: int
    recompute: bool
    dtype: str


def model_of(size: dict[str, Any], dtype: str) -> LanguageModel:
    """A decoder of random weights."""
    config = Qwen2Config(
        vocab_size=size["vocabulary"],
        hidden_size=size["width"],
        intermediate_size=size["inner"],
        num_hidden_layers=size["layers"],
        num_attention_heads=size["heads"],
        num_key_value_heads=size["pairs"],
        max_position_embeddings=32768,
        tie_word_embeddings=size.get("tied", True),
    )
    torch.manual_seed(0)
    with devices.device():
        network = Qwen2ForCausalLM(config).to(devices.DTYPES[dtype]).eval().requires_grad_(False)
    limits = {"query": 64, "document": 64, "reason": 64}
    prompts = dict.fromkeys(limits, "{}")
    template = {"kind": "plain", "text": None}
    contract = Contract(prompts, template, "<e>", EMBED, END, PAD, True, limits, size["width"], "right")
    return LanguageModel(Path(), network, contract, cast(TextEncoder, None))


def sequences_of(model: LanguageModel, work: Work) -> list[list[int]]:
    """Random tokens that end in the embed token."""
    chance = seeds.chooser(0, "bench")
    top = model.network.config.vocab_size - 1
    return [[*(chance.randint(FIRST, top) for _ in range(work.tokens - 1)), EMBED] for _ in range(work.rows)]


def needed(model: LanguageModel, tokens: int) -> tuple[float, float]:
    """Floating-point operations of a token forward: through the layers, and through the head."""
    config = model.network.config
    layers = sum(
        weight.numel() for name, weight in model.network.named_parameters() if ".layers." in name and not lora.is_adapter(name)
    )
    return (
        2.0 * layers + 2.0 * config.num_hidden_layers * config.hidden_size * tokens,
        2.0 * config.vocab_size * config.hidden_size,
    )


def encode(model: LanguageModel, work: Work, clock: Clock) -> float:
    """Embeds all sequences; returns the operations that takes."""
    with torch.inference_mode(), devices.arithmetic(work.dtype), clock.part("forward"):
        model.embed(sequences_of(model, work), work.micro)
    return needed(model, work.tokens)[0] * work.rows * work.tokens


def trainer_of(model: LanguageModel, work: Work, adapters: bool) -> Callable[[Clock], float]:
    """A training step on a model of its own: InfoNCE between halves of the batch, cross-entropy on half of the tokens."""
    learner = model.for_training(work.recompute)
    if adapters:
        lora.attach(learner.network, lora.Adapters(16, 32, 0.0, TARGETS, (EMBED,)))
        learner.network.to(devices.device())
    adamw = optimizer.adamw(learner.network, 1e-5, 0.0)
    sequences = sequences_of(model, work)
    places = [list(range(work.tokens // 2, work.tokens)) for _ in sequences]
    spoken = len(places[0])
    head = learner.network.get_output_embeddings()

    def entropy(part: Tensor, target: Tensor) -> tuple[Tensor, ...]:
        return (torch.nn.functional.cross_entropy(head(part).float(), target, reduction="none"),)

    def step(clock: Clock) -> float:
        with clock.part("forward"), devices.arithmetic(work.dtype):
            states = hidden_at(learner.network, sequences, places, rows=work.micro)
            by_row = states.reshape(work.rows, spoken, -1)
            vectors = learner.finish(by_row[:, -1])
            half = work.rows // 2
            known = torch.zeros(half, half, dtype=torch.bool, device=states.device)
            said = torch.tensor([row[place] for row in sequences for place in range(work.tokens // 2, work.tokens)])
            losses = in_parts(entropy, states, said.to(states.device), width=model.network.config.vocab_size)[0]
            loss = losses.mean() + info_nce(vectors[:half], vectors[half : 2 * half], temperature=0.05, known=known)
        with clock.part("backward"):
            loss.backward()
        with clock.part("optimizer"):
            optimizer.take_step(adamw, learner.network, 1.0, "the benchmark")
        body, top = needed(model, work.tokens)
        return (2 if adapters else 3) * body * work.rows * work.tokens + 3 * top * work.rows * spoken

    return step


def generate(model: LanguageModel, work: Work, clock: Clock) -> float:
    """Samples `new` tokens after each sequence, none of which may end early; returns the operations of the new tokens."""
    sampling = Sampling(1.0, work.new, work.new)
    uniforms = seeds.uniforms(0, [("bench", row) for row in range(work.rows)], work.new)
    with devices.arithmetic(work.dtype), clock.part("sample"):
        sample(model, sequences_of(model, work), uniforms, sampling)
    return sum(needed(model, work.tokens)) * work.rows * work.new


def measured(name: str, once: Callable[[Clock], float], tokens: int, work: Work, peak: float | None) -> dict[str, Any]:
    """Runs a part once to warm up and `steps` times; returns its figures."""
    once(Clock())
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    clock, start, operations = Clock(), time.perf_counter(), 0.0
    for _ in range(work.steps):
        operations += once(clock)
    seconds = time.perf_counter() - start
    if torch.cuda.is_available():
        memory = torch.cuda.max_memory_allocated() / 2**30
    else:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**30 if sys.platform == "darwin" else 2**20)
    return {
        "part": name,
        "tokens_per_second": round(tokens * work.steps / seconds, 1),
        "mfu": None if peak is None else round(operations / seconds / peak, 4),
        "peak_gib": round(memory, 2),
        "seconds": {part: round(value / work.steps, 4) for part, value in clock.seconds.items()},
    }


def main(arguments: list[str]) -> int:
    """Prints the figures of each part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="1.5b")
    parser.add_argument("--parts", default="encode,full,lora,sample")
    for name, default in (("--rows", 64), ("--tokens", 512), ("--micro", 8), ("--steps", 5), ("--new", 128)):
        parser.add_argument(name, type=int, default=default)
    parser.add_argument("--no-recompute", action="store_true", help="keep activations instead of computing them again")
    parser.add_argument("--dtype", choices=devices.DTYPES, default="bfloat16")
    parser.add_argument("--peak", type=float, default=None, help="operations/s of the device in --dtype, for MFU")
    given = parser.parse_args(arguments)
    work = Work(given.rows, given.tokens, given.micro, given.steps, given.new, not given.no_recompute, given.dtype)
    model = model_of(SIZES[given.size], given.dtype)
    about = {"device": torch.cuda.get_device_name() if torch.cuda.is_available() else devices.device().type}
    print(json.dumps({**about, "torch": torch.__version__, "size": given.size, **vars(work)}), flush=True)  # noqa: T201
    for part in given.parts.split(","):
        if part in ("full", "lora"):
            once, tokens = trainer_of(model, work, part == "lora"), work.rows * work.tokens
        else:
            body = encode if part == "encode" else generate

            def once(clock: Clock, body: Callable[..., float] = body) -> float:
                return body(model, work, clock)

            tokens = work.rows * (work.tokens if part == "encode" else work.new)
        print(json.dumps(measured(part, once, tokens, work, given.peak)), flush=True)  # noqa: T201
        del once
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
