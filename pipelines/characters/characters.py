"""A data set with a computation in it: which character is meant, where a text has only its number?

A document is a character of Unicode as its tables list it, the name and the code point in hexadecimal (`greek small letter
alpha u 3 b 1`). A query is what stands in HTML and in logs instead of the character: with `form: decimal` the number of
`&#945;`, with `form: utf8` the bytes of `%CE%B1`. Digits stand apart, so that each is a token.

A reasoning target writes the computation out, and the code point last. Decimal: twice a long division by 16, for each digit
that of the quotient and the remainder; `form: direct` asks the same and leaves the divisions out. UTF-8: each half byte in
bits. The splits share no character. Negatives are the neighbours in the table, of the same split.
"""

from __future__ import annotations

import collections
import hashlib
import json
import os
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SPLITS = {"sft": 0.6, "rl": 0.1, "dev": 0.1, "test": 0.2}
FIRST, LAST = 0x80, 0xFFF  # behind ASCII, three hexadecimal digits: Latin, Greek, Cyrillic, Hebrew, Arabic, scripts of India …
DIGITS = 4  # of a decimal number up to 4095
NEIGHBOURS = 4  # on each side


@dataclass(frozen=True)
class Form:
    """How a character is asked for, and the reasoning that leads from there to its code point."""

    query: Callable[[int], str]
    reasoning: Callable[[int], str]


def apart(text: str) -> str:
    """`3b1` -> `3 b 1`."""
    return " ".join(text)


def code_point(number: int) -> str:
    """The three hexadecimal digits, apart."""
    return apart(f"{number:03x}")


def decimal(number: int) -> str:
    """The decimal digits, apart, with zeros in front where they are fewer than four."""
    return apart(f"{number:0{DIGITS}d}")


def division(number: int) -> Iterator[str]:
    """A long division by 16: for each decimal digit that of the quotient, then the remainder in hexadecimal."""
    remainder = 0
    for digit in f"{number:0{DIGITS}d}":
        quotient, remainder = divmod(10 * remainder + int(digit), 16)
        yield from (str(quotient), f"{remainder:x}")


def divided(number: int) -> str:
    """Two divisions, the second one of the quotient, then the code point: the last quotient and the remainders backwards."""
    return " ".join([*division(number), *division(number >> 4), code_point(number)])


def half_bytes(number: int) -> str:
    """The half bytes of UTF-8, apart."""
    return apart(chr(number).encode().hex())


def in_bits(number: int) -> str:
    """Each half byte of UTF-8 with its bits, then the code point."""
    return " ".join([*(f"{half} {int(half, 16):04b}" for half in chr(number).encode().hex()), code_point(number)])


FORMS = {"decimal": Form(decimal, divided), "direct": Form(decimal, code_point), "utf8": Form(half_bytes, in_bits)}


def name_of(number: int) -> str:
    """The name of a character as words; empty where it has none."""
    return " ".join(re.findall(r"[a-z]+|[0-9]+", unicodedata.name(chr(number), "").lower()))


def characters() -> dict[int, str]:
    """The names of the characters that have one, by code point."""
    return {number: name for number in range(FIRST, LAST + 1) if (name := name_of(number)) != ""}


def share(text: str) -> float:
    """A number in [0, 1) without rhyme or reason that is the same everywhere."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:12], 16) / 16**12


def split_of(number: int) -> str:
    """The split of a character."""
    place = share(f"split {number:03x}")
    for name, part in SPLITS.items():
        place -= part
        if place < 0:
            return name
    return name


def identity(number: int) -> str:
    """`3b.3b1`: 16 neighbours have what stands before the dot in common; a study takes them for a cluster."""
    return f"{number >> 4:02x}.{number:03x}"


def main() -> None:
    """Writes the data set: all characters as documents, `queries` of them asked for in `form`."""
    job = json.loads(Path(os.environ["PAWL_JOB"]).read_text())
    form, limit = FORMS[job["inputs"]["form"]], job["inputs"]["queries"]
    names = characters()
    asked = sorted(sorted(names, key=lambda number: share(f"asked {number:03x}"))[:limit])
    write(Path(job["outputs"]["dataset"]), names, asked, form)


def neighbours(taught: list[int]) -> Iterator[dict[str, str | list[str]]]:
    """For each character of the split the nearest ones in it, before and after."""
    for place, number in enumerate(taught):
        near = [*taught[max(0, place - NEIGHBOURS) : place], *taught[place + 1 : place + 1 + NEIGHBOURS]]
        yield {"query": f"q:{identity(number)}", "negatives": [identity(other) for other in near]}


def write(folder: Path, names: dict[int, str], asked: list[int], form: Form) -> None:
    """Writes the files of a dataset and how many documents and queries there are."""
    taught = [number for number in asked if split_of(number) == "sft"]
    files: dict[str, Sequence[Mapping[str, object]]] = {
        "corpus": [{"_id": identity(number), "text": f"{name} u {code_point(number)}"} for number, name in names.items()],
        "queries": [
            {"_id": f"q:{identity(number)}", "text": form.query(number), "split": split_of(number)} for number in asked
        ],
        "qrels": [{"query": f"q:{identity(number)}", "document": identity(number), "grade": 1} for number in asked],
        "reasoning": [{"query": f"q:{identity(number)}", "text": form.reasoning(number)} for number in taught],
        "pairs": [],
        "negatives": [*neighbours(taught)],
    }
    for name, rows in files.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    counts = collections.Counter(split_of(number) for number in asked)
    sizes = {
        "corpus": len(names),
        "queries": counts,
        "judgements": len(asked),
        "reasoning": len(taught),
        "pairs": 0,
        "negatives": len(taught),
    }
    (folder / "manifest.json").write_text(json.dumps({"schema": 1, "name": "characters", **sizes, "notes": {}}))
    metrics = {"corpus": len(names), **{f"queries_{name}": count for name, count in counts.items()}}
    (Path(os.environ["PAWL_OUTPUTS"]) / "metrics.json").write_text(json.dumps(metrics))


main()
