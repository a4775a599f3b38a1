"""TRL's side of the benchmark: its trainers for supervised training and GRPO, given the token ids that Pawl trains on.

What would make them slower than need be is off (gradient checkpointing), and examples come sorted by length, so that little
is padding. EOS is off as on Pawl's side: the tokens that end a sample are never drawn.
"""

from __future__ import annotations

import itertools
import os
import tempfile
import time
from typing import Any

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")

import torch
from beside_trl import Setup, reward
from datasets import Dataset
from pawl_side import examples, text_and_data
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, TrainerCallback
from trl import GRPOConfig, GRPOTrainer, SFTConfig, SFTTrainer

IMPOSSIBLE = -1e9  # a logit whose probability is 0


class Steps(TrainerCallback):
    """When each step ended, and what it logged."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.logs: list[dict[str, float]] = []

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.times.append(time.perf_counter())

    def on_log(self, *_: Any, logs: Any = None, **__: Any) -> None:
        if logs is not None and "loss" in logs:
            self.logs.append(logs)

    def answer(self, tokens: int) -> dict[str, Any]:
        """Seconds of each step but the first, and the figures of the first."""
        seconds = [after - before for before, after in itertools.pairwise(self.times)]
        first = self.logs[0]
        return {"seconds": seconds, "tokens": tokens, "loss": float(first["loss"]), "grad_norm": float(first["grad_norm"])}


class Side:
    """Answers the tasks of beside_trl.py."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
        self._folder = tempfile.TemporaryDirectory()
        self.text, self.dataset = text_and_data(setup)
        self.tokenizer = PreTrainedTokenizerFast.from_pretrained(setup.model)

    def common(self, steps: int, rows: int) -> dict[str, Any]:
        """Settings that both trainers have."""
        setup = self.setup
        return {
            "output_dir": self._folder.name, "max_steps": steps, "per_device_train_batch_size": setup.micro_batch,
            "gradient_accumulation_steps": rows // setup.micro_batch, "learning_rate": setup.lr, "adam_beta2": 0.98,
            "lr_scheduler_type": "constant", "max_grad_norm": 1.0, "seed": setup.seed, "use_cpu": not torch.cuda.is_available(),
            "bf16": False, "gradient_checkpointing": False, "logging_steps": 1, "save_strategy": "no", "report_to": "none",
            "disable_tqdm": True,
        }  # fmt: skip

    def network(self) -> Any:
        """The model that Pawl's side begins with."""
        return AutoModelForCausalLM.from_pretrained(self.setup.model, dtype=torch.float32)

    def sft(self, steps: int) -> dict[str, Any]:
        """SFTTrainer on ids and labels."""
        rows = sorted(examples(self.setup), key=lambda pair: len(pair[0]) + len(pair[1]))
        table = [{"input_ids": [*prompt, *answer], "labels": [-100] * len(prompt) + answer} for prompt, answer in rows]
        watch = Steps()
        config = SFTConfig(
            **self.common(steps, self.setup.batch),
            dataset_kwargs={"skip_prepare_dataset": True},
            train_sampling_strategy="sequential",
        )
        SFTTrainer(
            model=self.network(),
            processing_class=self.tokenizer,
            train_dataset=Dataset.from_list(table),
            args=config,
            callbacks=[watch],
        ).train()
        return watch.answer(sum(len(row["input_ids"]) for row in table))

    def grpo(self, steps: int, batch: list[Any] | None = None) -> dict[str, Any]:
        """GRPOTrainer; `batch` replaces what it would sample."""
        setup = self.setup
        network = self.network()
        contract = self.text.contract
        never = torch.zeros(network.config.vocab_size)
        never[[contract.pad_id, contract.end_id, contract.embed_id]] = IMPOSSIBLE
        network.lm_head.register_forward_hook(lambda _module, _inputs, logits: logits + never.to(logits.device))
        watch = Steps()
        config = GRPOConfig(
            **self.common(steps, setup.queries * setup.group),
            num_generations=setup.group,
            max_completion_length=setup.new,
            temperature=1.0,
            beta=0.0,
            epsilon=0.2,
            epsilon_high=0.28,
            loss_type="dapo",
            scale_rewards="group",
            shuffle_dataset=False,
        )
        GRPOTrainer(
            model=network,
            processing_class=self.tokenizer,
            train_dataset=Dataset.from_list([{"prompt": prompt} for prompt in self.prompts()]),
            reward_funcs=rewards,
            args=config,
            callbacks=[watch],
            rollout_func=None if batch is None else given_rollouts(batch, self.tokenizer),
        ).train()
        return watch.answer(setup.queries * setup.group * setup.new)

    def first_grpo(self, batch: list[Any]) -> dict[str, Any]:
        """Loss and gradient norm of the batch of Pawl's side."""
        return self.grpo(1, batch)

    def prompts(self) -> list[str]:
        """Prompts as text that the tokenizer turns into the ids of Pawl's; raises when it does not."""
        queries = [self.dataset.queries[query] for query in self.dataset.split("rl")]
        wanted = self.text.prompts(queries)
        found = [self.tokenizer.decode(ids) for ids in wanted]
        if [self.tokenizer(text)["input_ids"] for text in found] != wanted:
            raise ValueError("a prompt has other token ids as text; take other queries")
        return found


def rewards(prompts: list[str], completion_ids: list[list[int]], **_: Any) -> list[float]:
    """The reward of beside_trl.py, as TRL asks for it."""
    return [reward(completion) for completion in completion_ids]


def given_rollouts(batch: list[Any], tokenizer: Any) -> Any:
    """A rollout function that gives the completions of the batch to the prompts that they were sampled for."""
    waiting: dict[str, list[tuple[list[int], list[int]]]] = {}
    for prompt, completion in zip(*batch, strict=True):
        waiting.setdefault(tokenizer.decode(prompt), []).append((prompt, completion))

    def rollouts(prompts: list[str], _trainer: Any) -> dict[str, Any]:
        rows = [waiting[prompt].pop(0) for prompt in prompts]
        return {
            "prompt_ids": [prompt for prompt, _ in rows],
            "completion_ids": [completion for _, completion in rows],
            "logprobs": None,
        }

    return rollouts
