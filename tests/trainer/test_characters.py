"""The data of pipelines/characters.yaml: what a reasoning says is right, and the splits share no character."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import read_jsonl
from pawl_trainer import dataset as datasets

program = Path(__file__).resolve().parents[2] / "pipelines" / "characters" / "characters.py"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The datasets that the program writes for each form, as a command step starts it."""
    return {form: written(tmp_path_factory.mktemp(form), form) for form in ("decimal", "utf8")}


def written(folder: Path, form: str) -> Path:
    """The dataset that the program writes, as a command step starts it."""
    outputs = folder / "outputs"
    (outputs / "dataset").mkdir(parents=True)
    job = folder / "job.json"
    job.write_text(json.dumps({"inputs": {"form": form, "queries": 500}, "outputs": {"dataset": str(outputs / "dataset")}}))
    environment = {**os.environ, "PAWL_JOB": str(job), "PAWL_OUTPUTS": str(outputs)}
    subprocess.run([sys.executable, str(program)], env=environment, check=True)
    return outputs / "dataset"


@pytest.mark.parametrize("form", ["decimal", "utf8"])
def test_a_query_is_its_character_and_its_reasoning_ends_in_the_code_point(folders: dict[str, Path], form: str) -> None:
    dataset = datasets.read_folder(folders[form])
    sizes = {name: len(ids) for name, ids in dataset.splits.items()}
    assert sum(sizes.values()) == 500  # how many in each depends on the version of Unicode
    assert 250 < sizes["sft"] < 350 and 70 < sizes["test"] < 130 and 25 < min(sizes["rl"], sizes["dev"])
    assert set(dataset.reasoning) == set(dataset.splits["sft"])
    for query, text in dataset.queries.items():
        digits = text.replace(" ", "")
        number = int(digits) if form == "decimal" else ord(bytes.fromhex(digits).decode())
        (answer,) = dataset.positives[query]
        assert answer == f"{number >> 8:02x}.{number:04x}"
        code_point = " ".join(f"{number:04x}")
        assert dataset.corpus[answer].endswith(f" u {code_point}")
        assert query not in dataset.reasoning or dataset.reasoning[query].endswith(f" {code_point}")


def test_the_reasoning_writes_three_divisions_and_what_is_known_after_each(folders: dict[str, Path]) -> None:
    targets = {row["query"]: row["text"].split() for row in read_jsonl(folders["decimal"] / "reasoning.jsonl")}
    for query, steps in targets.items():
        number = int(query.rpartition(".")[2], 16)
        assert len(steps) == 42
        for power in range(3):
            part = steps[14 * power : 14 * power + 14]
            before = f"{number // 16**power:05d}"
            assert int("".join(part[0:10:2])) == number // 16 ** (power + 1)
            assert [int(one, 16) for one in part[1:10:2]] == [int(before[: place + 1]) % 16 for place in range(5)]
            known = number if power == 2 else number % 16 ** (power + 1)
            assert int("".join(part[10:]), 16) == known


def test_negatives_are_neighbours_of_the_same_split(folders: dict[str, Path]) -> None:
    dataset = datasets.read_folder(folders["decimal"])
    taught = {dataset.positives[query][0] for query in dataset.splits["sft"]}
    assert set(dataset.negatives) == set(dataset.splits["sft"])
    for query, near in dataset.negatives.items():
        assert taught.issuperset(near)
        assert dataset.positives[query][0] not in near


def test_a_snowman(folders: dict[str, Path]) -> None:
    corpus = {row["_id"]: row["text"] for row in read_jsonl(folders["utf8"] / "corpus.jsonl")}
    assert corpus["26.2603"] == "snowman u 2 6 0 3"
