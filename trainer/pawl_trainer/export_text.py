"""An exported folder for transformers and sentence-transformers: a tokenizer that frames a text as the contract does.

Pawl tokenises content by itself and puts the template around it. Other programs tokenise prompt and content as one text. So
the tokenizer is given: what all roles begin with, and the embed token at the end, as its own special tokens; a sign at the
end of each prompt at which it cuts and which it drops, so that no token spans both; special tokens in a text as ordinary text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from pawl_trainer import checkpoint
from pawl_trainer.encoding import Contract, PlainRole, TextEncoder, read_tokenizer
from pawl_trainer.failures import Failure
from pawl_trainer.language_model import LanguageModel

ROLES: tuple[PlainRole, ...] = ("query", "document")
BORDER = "\ue000"  # of the private use area: in no text that has a meaning
WAY_OUT = "Set `sentence_transformers: false` to export without, or change the prompts of the model."


def write(model: LanguageModel, folder: Path, left_out: Iterable[str]) -> None:
    """Replaces the tokenizer in the folder and adds what sentence-transformers reads. Raises when it cannot say a prompt."""
    for name in left_out:
        (folder / name).unlink(missing_ok=True)
    contract, text = model.contract, model.text
    tokenizer = read_tokenizer(model.folder)
    leading, prompts = split_prompts(text, tokenizer)
    _, after = text.around("query")
    tokens = {role: contract.max_tokens[role] + len(text.frame(role, [])) for role in ROLES}
    longest = max(tokens.values())
    checkpoint.write_json(
        folder / "tokenizer.json", framed_tokenizer(tokenizer, leading, [*after, contract.embed_id], any(prompts.values()))
    )
    architecture = model.network.config.model_type
    checkpoint.write_json(folder / "tokenizer_config.json", tokenizer_config(contract, tokenizer, longest, architecture))
    checkpoint.write_json(
        folder / "config_sentence_transformers.json",
        {
            "model_type": "SentenceTransformer",
            "prompts": prompts,
            "default_prompt_name": None,
            "similarity_fn_name": "cosine" if contract.normalise else "dot",
        },
    )
    limits = {"max_seq_length": longest, "query_length": tokens["query"], "document_length": tokens["document"]}
    checkpoint.write_json(folder / "sentence_bert_config.json", limits)
    names = ["Transformer", "Pooling", *(["Normalize"] if contract.normalise else [])]
    paths = ["", *(f"{number}_{name}" for number, name in enumerate(names) if number > 0)]
    modules = [
        {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{name}"}
        for number, (name, path) in enumerate(zip(names, paths, strict=True))
    ]
    checkpoint.write_json(folder / "modules.json", modules)
    for path in paths[1:]:
        (folder / path).mkdir()
    pooling = {"embedding_dimension": contract.dimension, "pooling_mode": "lasttoken", "include_prompt": True}
    checkpoint.write_json(folder / paths[1] / "config.json", pooling)
    if contract.normalise:
        checkpoint.write_json(folder / paths[2] / "config.json", {})


def split_prompts(text: TextEncoder, tokenizer: Tokenizer) -> tuple[list[int], dict[str, str]]:
    """
    What stands before the content of both roles, as the ids that they begin with in common, and for each role the rest as
    text that ends in BORDER ("" when there is none).
    """
    before = {role: text.around(role)[0] for role in ROLES}
    if text.around("query")[1] != text.around("document")[1]:
        message = f"The prompts for query and document differ after {{}}, which sentence-transformers cannot say. {WAY_OUT}"
        raise Failure("config", message)
    pairs = zip(before["query"], before["document"], strict=False)
    shared = next((place for place, (one, other) in enumerate(pairs) if one != other), min(map(len, before.values())))
    for count in range(shared, -1, -1):
        prompts = {role: rest_of_prompt(text, tokenizer, role, count) for role in ROLES}
        if all(prompt is not None for prompt in prompts.values()):
            return before["query"][:count], {role: prompt or "" for role, prompt in prompts.items()}
    message = f"The prompts cannot be cut so that their tokens stay what they are in this tokenizer. {WAY_OUT}"
    raise Failure("config", message)


def rest_of_prompt(text: TextEncoder, tokenizer: Tokenizer, role: PlainRole, count: int) -> str | None:
    """A prompt after its first `count` tokens, with BORDER at its end; None when it alone has other tokens than there."""
    before = text.around(role)[0]
    if count == len(before):
        return ""
    whole = text.before(role)
    tokenizer.encode_special_tokens = False
    encoding = tokenizer.encode(whole, add_special_tokens=False)
    rest = whole[encoding.offsets[count][0] :]
    tokenizer.encode_special_tokens = True
    return rest + BORDER if tokenizer.encode(rest, add_special_tokens=False).ids == before[count:] else None


def framed_tokenizer(tokenizer: Tokenizer, leading: list[int], trailing: list[int], is_cut: bool) -> dict[str, Any]:
    """tokenizer.json that puts `leading` and `trailing` around a text, and cuts at BORDER if there are prompts."""
    value: dict[str, Any] = json.loads(tokenizer.to_str())
    names = {number: tokenizer.id_to_token(number) for number in [*leading, *trailing]}

    def special(number: int) -> dict[str, Any]:
        return {"SpecialToken": {"id": names[number], "type_id": 0}}

    single = [*map(special, leading), {"Sequence": {"id": "A", "type_id": 0}}, *map(special, trailing)]
    value["post_processor"] = {
        "type": "TemplateProcessing",
        "single": single,
        "pair": [*single, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {name: {"id": name, "ids": [number], "tokens": [name]} for number, name in names.items()},
    }
    if is_cut:
        cut = {"type": "Split", "pattern": {"String": BORDER}, "behavior": "Removed", "invert": False}
        steps = [] if value["pre_tokenizer"] is None else [value["pre_tokenizer"]]
        value["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [cut, *steps]}
    value["truncation"] = value["padding"] = None
    return value


def tokenizer_config(contract: Contract, tokenizer: Tokenizer, longest: int, architecture: str) -> dict[str, Any]:
    """tokenizer_config.json: the tokenizer is to be read from tokenizer.json as it stands there."""
    from transformers.models.auto.tokenization_auto import MODELS_WITH_INCORRECT_HUB_TOKENIZER_CLASS

    # For these architectures transformers puts together a tokenizer of its own, whatever class is named here, unless the
    # folder says that it brings code; it brings none, and then the class is read after all.
    is_overruled = architecture in MODELS_WITH_INCORRECT_HUB_TOKENIZER_CLASS
    return {
        "tokenizer_class": "TokenizersBackend",
        **({"auto_map": {"AutoTokenizer": [None, None]}} if is_overruled else {}),
        "backend": "tokenizers",
        "model_input_names": ["input_ids", "attention_mask"],
        "model_max_length": longest,
        "padding_side": contract.padding,
        "truncation_side": "right",
        "pad_token": tokenizer.id_to_token(contract.pad_id),
        "eos_token": tokenizer.id_to_token(contract.end_id),
        "split_special_tokens": True,
        "clean_up_tokenization_spaces": False,
    }
