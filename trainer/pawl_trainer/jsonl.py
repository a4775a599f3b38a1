"""Files of one JSON object a line. An error names the file, the line and what was expected."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pawl_trainer.failures import Failure


def write(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes the rows in order, keys as they are."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def read(path: Path, needs: Mapping[str, type]) -> Iterator[dict[str, Any]]:
    """The rows of a file; each must have the fields of `needs` with a value of that type."""
    for number, line in enumerate(_lines(path), start=1):
        if line.strip():
            yield parse(path, number, line, needs)


def read_rows(path: Path, rows: list[int] | None, needs: Mapping[str, type]) -> list[dict[str, Any]]:
    """The rows with these numbers (from 0, in this order), or all of them; only those are parsed, and kept in memory."""
    if rows is None:
        return list(read(path, needs))
    wanted = set(rows)
    lines: dict[int, tuple[int, str]] = {}
    count = 0
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        if count in wanted:
            lines[count] = (number, line)
        count += 1
    beyond = next((row for row in rows if row not in lines), None)
    if beyond is not None:
        raise Failure("data", f"{path.name} has {count} rows, and row {beyond} was asked for.")
    return [parse(path, *lines[row], needs) for row in rows]


def parse(path: Path, number: int, line: str, needs: Mapping[str, type]) -> dict[str, Any]:
    """One line as an object with the fields of `needs`; raises Failure(data) with its place."""
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise Failure("data", f"{path.name}:{number}: not JSON: {error.msg} at character {error.pos}.") from None
    if not isinstance(row, dict):
        raise Failure("data", f"{path.name}:{number}: expected an object with {', '.join(needs)}.")
    for name, kind in needs.items():
        if kind is float and type(row.get(name)) is int:
            row[name] = float(row[name])  # JSON knows one kind of number
        if not isinstance(row.get(name), kind):
            found = "nothing" if name not in row else f"{row[name]!r:.60}"
            raise Failure("data", f"{path.name}:{number}: expected `{name}` of type {kind.__name__}, found {found}.")
    return row


def _lines(path: Path) -> Iterator[str]:
    """The lines of a file, one after the other: a file may be larger than memory."""
    start = 0
    try:
        with path.open("rb") as file:
            for line in file:
                yield line.decode("utf-8")
                start += len(line)
    except UnicodeDecodeError as error:
        raise Failure("data", f"{path.name}: not UTF-8 at byte {start + error.start}.") from None
    except FileNotFoundError:
        raise Failure("data", f"{path.name} is missing in {path.parent.name or path.parent}.") from None
