"""model_init: a Qwen2-architecture model with random weights, and a byte-level BPE tokenizer trained on the sft split."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tokenizers
import torch
import transformers
from transformers import Qwen2Config, Qwen2ForCausalLM

from pawl_trainer import checkpoint, devices
from pawl_trainer import dataset as datasets
from pawl_trainer.encoding import Contract, TextEncoder, framed_prompt
from pawl_trainer.job import Job

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|embed_token|>")
PAD, START, END, EMBED = range(4)
MAX_POSITIONS = 1024


@dataclass(frozen=True)
class Preset:
    """Sizes of a model."""

    hidden: int
    layers: int
    heads: int
    key_value_heads: int
    feed_forward: int
    vocab: int


PRESETS = {
    "tiny": Preset(hidden=128, layers=2, heads=4, key_value_heads=2, feed_forward=384, vocab=4096),
    "test": Preset(hidden=64, layers=2, heads=2, key_value_heads=1, feed_forward=192, vocab=1024),
}


@dataclass(frozen=True)
class Settings:
    preset: str
    vocab: int
    query_tokens: int
    document_tokens: int
    reason_tokens: int


def run(job: Job) -> dict[str, float]:
    """Writes a model folder that transformers loads as it is; returns the number of parameters."""
    settings = job.settings(Settings)
    preset = PRESETS[settings.preset]
    dataset = datasets.load(job, job.artifact("data"))
    with job.timed("tokenizer"):
        tokenizer = train_tokenizer(dataset, settings.vocab or preset.vocab)
    contract = Contract(
        prompts={
            "query": "<|im_start|> embed{}<|im_end|>",
            "document": "<|im_start|> embed{}<|im_end|>",
            "reason": "<|im_start|> think{}<|im_end|>",
        },
        template={"kind": "plain", "text": None},
        embed_token=SPECIAL[EMBED],
        embed_id=EMBED,
        end_id=END,
        pad_id=PAD,
        normalise=True,
        max_tokens={
            "query": settings.query_tokens,
            "document": settings.document_tokens,
            "reason": settings.reason_tokens,
        },
        dimension=preset.hidden,
        padding="right",
    )
    network = new_network(preset, tokenizer.get_vocab_size())
    folder = job.output("model")
    network.save_pretrained(folder)
    write_tokenizer(tokenizer, folder)
    checkpoint.write_json(folder / "pawl.json", contract.to_json())
    for role in ("query", "document", "reason"):
        framed_prompt(contract, role)
    TextEncoder(contract, tokenizer)
    return {"parameters": sum(weight.numel() for weight in network.parameters())}


def train_tokenizer(dataset: datasets.Dataset, vocab: int) -> tokenizers.Tokenizer:
    """Byte-level BPE of the queries of the sft split and their positives; every text begins with a space."""
    from tokenizers import decoders, models, pre_tokenizers, trainers

    queries = dataset.split("sft")
    documents = dict.fromkeys(document for query in queries for document in dataset.positives[query])
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = [dataset.queries[query] for query in queries] + [dataset.corpus[document] for document in documents]
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def new_network(preset: Preset, vocab: int) -> Qwen2ForCausalLM:
    """The network with random weights, drawn from torch's generator, which the job's seed has set."""
    config = Qwen2Config(
        vocab_size=vocab,
        hidden_size=preset.hidden,
        intermediate_size=preset.feed_forward,
        num_hidden_layers=preset.layers,
        num_attention_heads=preset.heads,
        num_key_value_heads=preset.key_value_heads,
        max_position_embeddings=MAX_POSITIONS,
        tie_word_embeddings=True,
        initializer_range=0.02,
        bos_token_id=START,
        eos_token_id=END,
        pad_token_id=PAD,
    )
    network = Qwen2ForCausalLM(config)
    network.generation_config = transformers.GenerationConfig(
        bos_token_id=START, eos_token_id=[END, EMBED], pad_token_id=PAD, do_sample=False
    )
    return network.to(torch.float32)


def write_tokenizer(tokenizer: tokenizers.Tokenizer, folder: Path) -> None:
    """Writes tokenizer.json and what transformers reads beside it."""
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=SPECIAL[START],
        eos_token=SPECIAL[END],
        pad_token=SPECIAL[PAD],
        extra_special_tokens=[SPECIAL[EMBED]],
        model_max_length=MAX_POSITIONS,
        padding_side="right",
    )
    fast.save_pretrained(folder)


devices.prepare()
