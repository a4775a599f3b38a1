"""A completion: what was generated after a prompt, how it ended, and what is wrong with it, if anything is.

A broken output stops nothing: it is kept as far as it is sound, it is told by name, and it gets the least reward.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pawl_trainer.encoding import Contract, TextEncoder

# embed: in the embed token. eos: in the end token. length: at the limit. several: a second embed token came.
# nan: the next token had no probability that is a number.
Finish = Literal["embed", "eos", "length", "several", "nan"]
Defect = Literal["no-embed", "endless", "several", "empty", "nan"]
DEFECTS: tuple[Defect, ...] = ("no-embed", "endless", "several", "empty", "nan")
_DEFECT_OF: dict[Finish, Defect | None] = {
    "embed": None,
    "eos": "no-embed",
    "length": "endless",
    "several": "several",
    "nan": "nan",
}


@dataclass(frozen=True)
class Completion:
    """What was sampled after a prompt; `ids` ends in the embed token when `finish` is embed."""

    ids: list[int]
    logprobs: list[float]
    finish: Finish

    @property
    def valid(self) -> bool:
        """Whether it ended in the embed token, as it should."""
        return self.finish == "embed"


def completion_of(ids: Sequence[int], logprobs: Sequence[float], contract: Contract) -> Completion:
    """
    What a backend generated, with how it ended. Kept are the tokens up to the one that ended it, and of those only what is
    before the first whose log-probability is no finite number; of a completion with several embed tokens, all. Pure.
    """
    tokens = [int(token) for token in ids]
    sound = next((place for place, value in enumerate(logprobs) if not math.isfinite(value)), len(tokens))
    ends = (contract.embed_id, contract.end_id)
    end = next((place for place, token in enumerate(tokens) if token in ends), len(tokens))
    if sound <= end and sound < len(tokens):
        return Completion(tokens[:sound], list(logprobs[:sound]), "nan")
    if end == len(tokens):
        return Completion(tokens, list(logprobs), "length")
    if tokens[end] == contract.end_id:
        return Completion(tokens[: end + 1], list(logprobs[: end + 1]), "eos")
    if contract.embed_id in tokens[end + 1 : sound]:
        return Completion(tokens[:sound], list(logprobs[:sound]), "several")
    return Completion(tokens[: end + 1], list(logprobs[: end + 1]), "embed")


def reasoning_of(found: Completion, contract: Contract) -> list[int]:
    """The tokens before the one that ended it. Pure."""
    ends = (contract.embed_id, contract.end_id)
    return found.ids[:-1] if found.ids and found.ids[-1] in ends else found.ids


def defect_of(found: Completion, text: TextEncoder) -> Defect | None:
    """What makes a completion malformed, or None. `empty` is one without a word before the embed token."""
    defect = _DEFECT_OF[found.finish]
    if defect is None and not text.text(reasoning_of(found, text.contract)):
        return "empty"
    return defect
