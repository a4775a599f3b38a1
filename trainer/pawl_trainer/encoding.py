"""The encoding contract (pawl.json): how text becomes token ids whose last one is the embed token.

Content is tokenised by itself, with special tokens disabled, and truncated; then the template is put around it. So what
a user writes cannot become a special token, truncation cannot cut the template, and the place of the embedding is known
from construction: it is the last token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tokenizers import Tokenizer

from pawl_trainer import checkpoint, schemas
from pawl_trainer.failures import Failure

Role = Literal["query", "document", "reason"]
PlainRole = Literal["query", "document"]
ROLES: tuple[Role, ...] = ("query", "document", "reason")
REMEMBERED_TEXTS = 65_536


@dataclass(frozen=True)
class Contract:
    """pawl.json, as far as Python reads it."""

    prompts: dict[str, str]
    template: dict[str, Any]
    embed_token: str
    embed_id: int
    end_id: int
    pad_id: int
    normalise: bool
    max_tokens: dict[str, int]
    dimension: int
    padding: Literal["left", "right"]
    attention: str = "auto"  # which kernels of transformers; auto = those that it picks

    def to_json(self) -> dict[str, Any]:
        """The content of pawl.json (schemas/artifacts/model.schema.json)."""
        return {
            "schema": 1,
            "prompts": self.prompts,
            "template": self.template,
            "embedToken": self.embed_token,
            "embedTokenId": self.embed_id,
            "endTokenId": self.end_id,
            "padTokenId": self.pad_id,
            "pooling": "embed-token",
            "normalise": self.normalise,
            "maxTokens": self.max_tokens,
            "dimension": self.dimension,
            "padding": self.padding,
            **({} if self.attention == "auto" else {"attention": self.attention}),
        }


def read_contract(folder: Path) -> Contract:
    """Reads and checks pawl.json of a model folder; raises Failure(data) that names what does not fit."""
    path = folder / "pawl.json"
    if not path.exists():
        raise Failure("data", "pawl.json is missing in the model folder: only models that a step of Pawl made have one.")
    value = checkpoint.read_json(path)
    schemas.require("artifacts/model", value, "pawl.json")
    return Contract(
        prompts=value["prompts"],
        template=value["template"],
        embed_token=value["embedToken"],
        embed_id=value["embedTokenId"],
        end_id=value["endTokenId"],
        pad_id=value["padTokenId"],
        normalise=value["normalise"],
        max_tokens=value["maxTokens"],
        dimension=value["dimension"],
        padding=value["padding"],
        attention=value.get("attention", "auto"),
    )


class TextEncoder:
    """Turns texts into token ids by a contract, and ids back into text. Remembers texts, which changes no result."""

    def __init__(self, contract: Contract, tokenizer: Tokenizer) -> None:
        self.contract = contract
        self._tokenizer = tokenizer
        self._known: dict[str, list[int]] = {}
        tokenizer.no_padding()
        tokenizer.no_truncation()
        tokenizer.encode_special_tokens = False
        self._special = {number for number, token in tokenizer.get_added_tokens_decoder().items() if token.special}
        self._around = {role: self._template_ids(role) for role in ROLES}
        tokenizer.encode_special_tokens = True  # from here on: content, in which special tokens are ordinary text

    def plain(self, role: PlainRole, texts: Sequence[str], around: Sequence[str] | None = None) -> list[list[int]]:
        """
        Sequences that end in the embed token, without reasoning. `around` has an instruction for each text, in which {}
        stands for it; it goes where the text would go and does not count towards its limit.
        """
        return [self.frame(role, ids) for ids in self._instructed(self.content(role, texts), around)]

    def prompts(self, texts: Sequence[str], around: Sequence[str] | None = None) -> list[list[int]]:
        """Sequences after which the model is to reason; `around` as for `plain`."""
        before, after = self._around["reason"]
        return [[*before, *ids, *after] for ids in self._instructed(self.content("query", texts), around)]

    def reasoning(self, texts: Sequence[str]) -> list[list[int]]:
        """Reasoning texts as ids, without the embed token, cut so that it still fits."""
        limit = self.contract.max_tokens["reason"] - 1
        return [ids[:limit] for ids in self._ids(texts)]

    def content(self, role: PlainRole, texts: Sequence[str]) -> list[list[int]]:
        """Texts as ids, cut to the limit of the role, without the template."""
        limit = self.contract.max_tokens[role]
        return [ids[:limit] for ids in self._ids(texts)]

    def frame(self, role: PlainRole, ids: Sequence[int]) -> list[int]:
        """Content with the template around it and the embed token at the end."""
        before, after = self._around[role]
        return [*before, *ids, *after, self.contract.embed_id]

    def around(self, role: Role) -> tuple[list[int], list[int]]:
        """The ids of the template before and after the content, without the embed token."""
        before, after = self._around[role]
        return [*before], [*after]

    def before(self, role: Role) -> str:
        """The text of the template before the content."""
        return framed_prompt(self.contract, role).partition("{}")[0]

    def text(self, ids: Sequence[int]) -> str:
        """Ids as text; special tokens are shown."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=False)).strip()

    def is_clean(self, ids: Sequence[int]) -> bool:
        """Whether ids are text and nothing else: no special token among them, and not all blank."""
        return self._special.isdisjoint(ids) and self.text(ids) != ""

    def _instructed(self, contents: list[list[int]], around: Sequence[str] | None) -> list[list[int]]:
        if around is None:
            return contents
        parts = {instruction: [self._part(text) for text in instruction.split("{}")] for instruction in set(around)}
        return [
            [*parts[instruction][0], *ids, *parts[instruction][1]] for instruction, ids in zip(around, contents, strict=True)
        ]

    def _part(self, text: str) -> list[int]:
        return self._ids([text])[0] if text else []

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        new = list(dict.fromkeys(text for text in texts if text not in self._known))
        if len(self._known) + len(new) > REMEMBERED_TEXTS:
            self._known = {}
            new = list(dict.fromkeys(texts))
        encodings = self._tokenizer.encode_batch(new, add_special_tokens=False)
        self._known.update(zip(new, (encoding.ids for encoding in encodings), strict=True))
        return [self._known[text] for text in texts]

    def _template_ids(self, role: Role) -> tuple[list[int], list[int]]:
        before, _, after = framed_prompt(self.contract, role).partition("{}")
        ids = [self._tokenizer.encode(part, add_special_tokens=False).ids if part else [] for part in (before, after)]
        return ids[0], ids[1]


def framed_prompt(contract: Contract, role: Role) -> str:
    """The template of a role with {} where the content goes. Pure."""
    prompt = contract.prompts[role]
    if prompt.count("{}") != 1:
        raise Failure("config", f"The prompt for `{role}` must hold {{}} once, for the content; it is {prompt!r}.")
    if contract.template["kind"] == "plain":
        return prompt
    system = contract.template["text"]
    opening = "" if system is None else f"<|im_start|>system\n{system}<|im_end|>\n"
    return f"{opening}<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n"


def read_tokenizer(folder: Path) -> Tokenizer:
    """Reads tokenizer.json of a model folder."""
    path = folder / "tokenizer.json"
    try:
        return Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Failure("data", "tokenizer.json is missing in the model folder: a fast tokenizer is needed.") from None
    except Exception as error:  # the library raises the base class
        raise Failure("data", f"tokenizer.json in the model folder cannot be read: {error}") from None
