"""The turns around a prompt: what a model was taught to expect around what a user says.

A model's own chat template is a program in a small language without access to anything (Jinja in the sandbox of
transformers). It runs once, when the model is loaded; what it makes is written into the encoding contract as text.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pawl_trainer import checkpoint
from pawl_trainer.failures import Failure

ANSWER = "An answer."
SPECIAL = ("bos_token", "eos_token", "pad_token", "unk_token")


@dataclass(frozen=True)
class Turns:
    """Prompts by role, the template that the encoder puts around them, and the token that ends a turn, if one does."""

    prompts: dict[str, str]
    template: dict[str, Any]
    end_id: int | None


def turns(folder: Path, tokenizer: Any, kind: str, prompts: dict[str, str], systems: dict[str, str]) -> Turns:
    """
    The turns for a model folder. `kind` is chat (the model's own template), chatml, plain, or auto: chatml where the
    tokenizer knows its tokens, else chat where there is a template, else plain. Raises Failure(config) when it has not
    what is asked for.
    """
    knows_chatml = tokenizer.token_to_id("<|im_start|>") is not None and tokenizer.token_to_id("<|im_end|>") is not None
    own = template_of(folder)
    if kind == "auto":
        kind = "chatml" if knows_chatml else "plain" if own is None else "chat"
    if kind == "chat":
        if own is None:
            message = "`template: chat`, but the model has no chat template (chat_template.jinja, tokenizer_config.json)."
            raise Failure("config", f"{message} Use plain.", input="template")
        return of_template(own, special_tokens(folder), tokenizer, prompts, systems)
    if kind == "chatml":
        if not knows_chatml:
            message = "`template: chatml`, but the tokenizer knows no <|im_start|> and <|im_end|>. Use chat or plain."
            raise Failure("config", message, input="template")
        return of_chatml(tokenizer, prompts, systems)
    if any(systems.values()):
        raise Failure("config", "`template: plain` has no system turn: put the text into the prompt.", input="template")
    first = tokenizer.encode("a").ids[: -len(tokenizer.encode("a", add_special_tokens=False).ids)]
    start = "".join(tokenizer.id_to_token(token) for token in first)  # <s> and its like, where the tokenizer adds one
    return Turns({role: start + prompt for role, prompt in prompts.items()}, {"kind": "plain", "text": None}, None)


def of_chatml(tokenizer: Any, prompts: dict[str, str], systems: dict[str, str]) -> Turns:
    """Turns of <|im_start|> and <|im_end|>; where there are system turns, written out for each role."""
    end_id = int(tokenizer.token_to_id("<|im_end|>"))
    if not any(systems.values()):
        return Turns(prompts, {"kind": "chatml", "text": None}, end_id)
    framed = {}
    for role, prompt in prompts.items():
        system = f"<|im_start|>system\n{systems[role]}<|im_end|>\n" if systems[role] else ""
        framed[role] = f"{system}<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n"
    return Turns(framed, {"kind": "plain", "text": None}, end_id)


def of_template(
    template: str, special: dict[str, str], tokenizer: Any, prompts: dict[str, str], systems: dict[str, str]
) -> Turns:
    """Turns as the model's own template makes them; a turn ends with the first special token behind an answer."""
    framed = {role: render(template, special, systems[role], prompt, None) for role, prompt in prompts.items()}
    for role, text in framed.items():
        if text.count("{}") != 1:
            message = f"The chat template makes {text!r} of the prompt for `{role}`, in which {{}} does not stand once."
            raise Failure("data", message, file="chat_template.jinja")
    role, prompt = next(iter(prompts.items()))
    behind = render(template, special, systems[role], prompt, ANSWER).rpartition(ANSWER)[2]
    known = {added.content for added in tokenizer.get_added_tokens_decoder().values() if added.special}
    found = [(behind.find(token), token) for token in known if token in behind]
    return Turns(framed, {"kind": "plain", "text": None}, int(tokenizer.token_to_id(min(found)[1])) if found else None)


def render(template: str, special: dict[str, str], system: str, prompt: str, answer: str | None) -> str:
    """A conversation as text: up to where the model is to speak, or with an answer."""
    from transformers.utils.chat_template_utils import render_jinja_template

    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": prompt})
    if answer is not None:
        messages.append({"role": "assistant", "content": answer})
    try:
        rendered, _ = render_jinja_template([messages], chat_template=template, add_generation_prompt=answer is None, **special)
    except Exception as error:  # a template may raise what it likes
        text = f"The chat template of the model cannot be used: {type(error).__name__}: {error}"
        hint = " It may know no system turn." if system else ""
        raise Failure("data", f"{text}.{hint} Use `template: plain`, or chatml.", file="chat_template.jinja") from None
    return str(rendered[0])


def template_of(folder: Path) -> str | None:
    """The chat template of a model folder; of several, the one named default."""
    if (folder / "chat_template.jinja").exists():
        return (folder / "chat_template.jinja").read_text(encoding="utf-8")
    found = _tokenizer_config(folder).get("chat_template")
    if isinstance(found, list):
        named = {entry["name"]: entry["template"] for entry in found}
        found = named.get("default")
    return found if isinstance(found, str) else None


def special_tokens(folder: Path) -> dict[str, str]:
    """The special tokens that a template may name."""
    config = _tokenizer_config(folder)
    values = {name: config.get(name) for name in SPECIAL}
    texts = {name: value.get("content") if isinstance(value, dict) else value for name, value in values.items()}
    return {name: "" if text is None else str(text) for name, text in texts.items()}


def _tokenizer_config(folder: Path) -> dict[str, Any]:
    path = folder / "tokenizer_config.json"
    value = checkpoint.read_json(path) if path.exists() else {}
    return value if isinstance(value, dict) else {}
