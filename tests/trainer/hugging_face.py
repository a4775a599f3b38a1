"""Model folders as the hub has them, of a few thousand random weights: Qwen2, Qwen3 and Llama, which never saw Pawl."""

from __future__ import annotations

import json
from pathlib import Path

import torch
import transformers
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

CHATML = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
LLAMA = ("<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
QWEN_TEMPLATE = (
    "{% if messages[0].role != 'system' %}<|im_start|>system\nYou are a model.<|im_end|>\n{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n"
    "{{ m.content | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
SIZES = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
}


def tokenizer(special: tuple[str, ...], start: str | None) -> Tokenizer:
    """Bytes as tokens and the special ones behind them; `start` is put in front of every text, as Llama's does."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE(vocab={symbol: number for number, symbol in enumerate(alphabet)}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    if start is not None:
        made.post_processor = processors.TemplateProcessing(
            single=f"{start} $A", special_tokens=[(start, made.token_to_id(start))]
        )
    return made


def write_model(
    folder: Path, family: str, *, tied: bool = True, rows: int = 0, shards: bool = False, template: bool = True
) -> Path:
    """A model folder of `family` (qwen2, qwen3, llama); `rows` = size of the vocabulary beyond its tokens."""
    llama = family == "llama"
    special = LLAMA if llama else CHATML
    made = tokenizer(special, special[0] if llama else None)
    end = made.token_to_id("<|eot_id|>" if llama else "<|im_end|>")
    classes = {
        "qwen2": (transformers.Qwen2Config, transformers.Qwen2ForCausalLM, {}),
        "qwen3": (transformers.Qwen3Config, transformers.Qwen3ForCausalLM, {"head_dim": 8}),
        "llama": (transformers.LlamaConfig, transformers.LlamaForCausalLM, {}),
    }
    config_class, network_class, more = classes[family]
    vocabulary = made.get_vocab_size() + rows
    config = config_class(vocab_size=vocabulary, tie_word_embeddings=tied, eos_token_id=end, bos_token_id=None, **SIZES, **more)
    torch.manual_seed(5)
    network_class(config).save_pretrained(folder, max_shard_size="20KB" if shards else "1GB")
    made.save(str(folder / "tokenizer.json"))
    about = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": special[-1] if llama else "<|im_end|>"}
    about |= {"bos_token": special[0]} if llama else {"pad_token": "<|endoftext|>"}
    if template:
        about["chat_template"] = LLAMA_TEMPLATE if llama else QWEN_TEMPLATE
    (folder / "tokenizer_config.json").write_text(json.dumps(about))
    return folder
