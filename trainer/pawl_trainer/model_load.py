"""model_load: a Hugging Face folder, local or of a pinned revision of the hub, becomes a model artifact: checked, given the
embed token, and a pawl.json.

Only safetensors and JSON are read: a pickle can run code when it is opened, and so can code that comes with a model.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers

from pawl_trainer import chat, checkpoint, devices, hub
from pawl_trainer.encoding import Contract, TextEncoder, read_tokenizer
from pawl_trainer.failures import Failure
from pawl_trainer.job import Job
from pawl_trainer.language_model import WEIGHTS

PICKLES = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt"})
KEPT = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja", "vocab.json", "merges.txt")
KNOWN = frozenset({*KEPT, *WEIGHTS, "config.json", "generation_config.json", "added_tokens.json", "pawl.json"})
TEXT = frozenset({".md", ".txt", ""})  # README.md, LICENSE and their like


@dataclass(frozen=True)
class Settings:
    folder: Any
    hub: str
    revision: str
    template: str
    query_system: str
    document_system: str
    reason_system: str
    query_prompt: str
    document_prompt: str
    reason_prompt: str
    query_tokens: int
    document_tokens: int
    reason_tokens: int
    embed_token: str
    padding: str
    dtype: str
    attention: str


def run(job: Job) -> dict[str, float]:
    """Writes the model; returns its number of parameters. Raises Failure(data) that names a file that does not belong."""
    settings = job.settings(Settings)
    with job.timed("fetch"):
        folder = folder_of(settings)
    require_model_folder(folder)
    config = read_config(folder)
    tokenizer = read_tokenizer(folder)
    with job.timed("load"):
        network = read_network(folder, settings.dtype)
    job.progress(1, 3, "weights read")
    embed_id = add_embed_token(network, tokenizer, settings.embed_token)
    contract = contract_of(settings, folder, config, tokenizer, network, embed_id)
    job.progress(2, 3, "embed token added")
    output = job.output("model")
    with job.timed("save"):
        network.save_pretrained(output)
        for name in KEPT:
            if (folder / name).exists():
                shutil.copyfile(folder / name, output / name)
        TextEncoder(contract, tokenizer)  # raises when a prompt does not hold {} once
        tokenizer.encode_special_tokens = False
        tokenizer.save(str(output / "tokenizer.json"))
        checkpoint.write_json(output / "pawl.json", contract.to_json())
    job.progress(3, 3, "written")
    return {"parameters": sum(weight.numel() for weight in network.parameters())}


def folder_of(settings: Settings) -> Path:
    """The folder to read: the local one, or what the hub has under the pinned revision."""
    if settings.folder is None:
        return hub.fetch(settings.hub, settings.revision)
    return Path(settings.folder["path"] if isinstance(settings.folder, dict) else settings.folder)


def require_model_folder(folder: Path) -> None:
    """Raises unless the folder holds what a model is made of and nothing that could run code."""
    if not folder.is_dir():
        raise Failure("data", f"{folder.name} is no folder: give one with config.json and model.safetensors.")
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    for file in files:
        if file.suffix in PICKLES:
            message = f"{file} is a pickle, which can run code when it is opened. Convert it to safetensors and remove it."
            raise Failure("data", message, file=str(file))
        if file.suffix == ".py":
            message = f"{file} is code that comes with the model; Pawl runs none. Use an architecture that transformers has."
            raise Failure("data", message, file=str(file))
        hidden = file.parts[0].startswith(".")
        if not hidden and file.name not in KNOWN and file.suffix not in {*TEXT, ".safetensors"}:
            message = f"{file} does not belong to a model folder. Expected are {', '.join(sorted(KNOWN))}. Remove it."
            raise Failure("data", message, file=str(file))
    names = {str(file) for file in files}
    for needed in ("config.json", "tokenizer.json"):
        if needed not in names:
            raise Failure("data", f"{needed} is missing in the model folder {folder.name}.", file=needed)
    if not names & set(WEIGHTS):
        message = f"model.safetensors (or its index) is missing in the model folder {folder.name}."
        raise Failure("data", message, file="model.safetensors")


def read_config(folder: Path) -> dict[str, Any]:
    """config.json, if it is one of a causal language model that transformers knows."""
    try:
        config = checkpoint.read_json(folder / "config.json")
    except ValueError as error:
        raise Failure("data", f"config.json is not JSON: {error}.", file="config.json") from None
    kind = config.get("model_type") if isinstance(config, dict) else None
    if "auto_map" in (config or {}):
        raise Failure(
            "data", "config.json asks for code that comes with the model (auto_map); Pawl runs none.", file="config.json"
        )
    known = transformers.models.auto.modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    if kind not in known:
        message = f"config.json: expected `model_type` of a causal language model, such as qwen2; found {kind!r}."
        raise Failure("data", message, file="config.json")
    return dict(config)


def read_network(folder: Path, dtype: str = "float32") -> Any:
    """The network with its weights in `dtype`; raises when weights are missing or foreign."""
    try:
        network, report = transformers.AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=devices.DTYPES[dtype],
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
        )
    except MemoryError:
        raise
    except Exception as error:  # the library raises many kinds for files that do not fit together
        raise Failure("data", f"The weights cannot be read: {str(error).splitlines()[0]}", file="model.safetensors") from error
    for what, key in (("has no weight", "missing_keys"), ("has a foreign weight", "unexpected_keys")):
        names = sorted(report[key])
        if names:
            message = f"model.safetensors {what} {names[0]} ({len(names)} in all) for the architecture of config.json."
            raise Failure("data", message, file="model.safetensors")
    return network.to(devices.device()).eval()


def add_embed_token(network: Any, tokenizer: Any, token: str) -> int:
    """
    The id of the embed token, which is added to the tokenizer if it is not there. A new row starts at the mean of the
    others; the vocabulary of the weights only ever grows.
    """
    from tokenizers import AddedToken

    known = tokenizer.token_to_id(token)
    if known is not None:
        return int(known)
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False)])
    number = int(tokenizer.token_to_id(token))
    embeddings = network.get_input_embeddings().weight
    used = min(number, embeddings.shape[0])
    if number >= embeddings.shape[0]:
        network.resize_token_embeddings(number + 1, mean_resizing=False)
    with torch.no_grad():
        tables = [network.get_input_embeddings().weight]
        head = network.get_output_embeddings().weight
        if head is not tables[0]:
            tables.append(head)
        for table in tables:
            table[number] = table[:used].mean(dim=0, dtype=torch.float32)
    return number


def contract_of(
    settings: Settings, folder: Path, config: dict[str, Any], tokenizer: Any, network: Any, embed_id: int
) -> Contract:
    """The encoding contract: the prompts in the turns that the model knows, and the token that ends one."""
    prompts = {"query": settings.query_prompt, "document": settings.document_prompt, "reason": settings.reason_prompt}
    systems = {"query": settings.query_system, "document": settings.document_system, "reason": settings.reason_system}
    turns = chat.turns(folder, tokenizer, settings.template, prompts, systems)
    end = turns.end_id if turns.end_id is not None else first_id(config.get("eos_token_id"))
    if end is None:
        message = "config.json: expected `eos_token_id`, or a tokenizer with <|im_end|>: generation needs an end."
        raise Failure("data", message, file="config.json")
    pad = first_id(config.get("pad_token_id"))
    if pad is None:
        pad = tokenizer.token_to_id("<|endoftext|>")
    return Contract(
        prompts=turns.prompts,
        template=turns.template,
        embed_token=settings.embed_token,
        embed_id=embed_id,
        end_id=int(end),
        pad_id=int(end if pad is None else pad),
        normalise=True,
        max_tokens={"query": settings.query_tokens, "document": settings.document_tokens, "reason": settings.reason_tokens},
        dimension=int(network.config.hidden_size),
        padding="left" if settings.padding == "left" else "right",
        attention=settings.attention,
    )


def first_id(value: Any) -> int | None:
    """A token id of a config, where there may be several."""
    if isinstance(value, list):
        return int(value[0]) if value else None
    return None if value is None else int(value)
