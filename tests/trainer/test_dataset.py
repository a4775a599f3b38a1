"""A dataset folder that does not hold together is named with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import write_dataset
from pawl_trainer.dataset import read_folder
from pawl_trainer.failures import Failure


@pytest.mark.parametrize(
    ("name", "line", "said"),
    [
        ("corpus", "{", r"corpus\.jsonl:25: not JSON: .* at character \d"),
        ("corpus", "[1]", r"corpus\.jsonl:25: expected an object with _id, text"),
        ("queries", '{"_id": "q", "text": 3, "split": "sft"}', r"queries\.jsonl:25: expected `text` of type str, found 3"),
        ("qrels", '{"query": "q01", "document": "none", "grade": 1}', r"qrels\.jsonl:25: the document 'none' is not in corpus"),
        ("qrels", '{"query": "q01", "document": "d01", "grade": "x"}', r"qrels\.jsonl:25: expected `grade` of type int"),
    ],
)
def test_a_malformed_line_has_its_place(tmp_path: Path, name: str, line: str, said: str) -> None:
    folder = tmp_path / "data"
    write_dataset(folder)
    with (folder / f"{name}.jsonl").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(Failure, match=said) as failed:
        read_folder(folder)
    assert failed.value.failure_class == "data"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    write_dataset(folder)
    (folder / "qrels.jsonl").unlink()
    with pytest.raises(Failure, match=r"qrels\.jsonl is missing in data"):
        read_folder(folder)


def test_queries_without_a_positive_are_in_no_split(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    write_dataset(folder)
    lines = (folder / "qrels.jsonl").read_text().splitlines()
    (folder / "qrels.jsonl").write_text("\n".join([lines[0].replace('"grade": 1', '"grade": 0'), *lines[1:]]) + "\n")
    dataset = read_folder(folder)
    assert "q00" not in dataset.split("sft")
    assert "q01" in dataset.split("sft")
