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
FORMS = ("decimal", "direct", "utf8")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The datasets that the program writes for each form, as a command step starts it."""
    return {form: written(tmp_path_factory.mktemp(form), form) for form in FORMS}


def written(folder: Path, form: str) -> Path:
    """The dataset that the program writes, as a command step starts it."""
    outputs = folder / "outputs"
    (outputs / "dataset").mkdir(parents=True)
    job = folder / "job.json"
    job.write_text(json.dumps({"inputs": {"form": form, "queries": 500}, "outputs": {"dataset": str(outputs / "dataset")}}))
    environment = {**os.environ, "PAWL_JOB": str(job), "PAWL_OUTPUTS": str(outputs)}
    subprocess.run([sys.executable, str(program)], env=environment, check=True)
    return outputs / "dataset"


@pytest.mark.parametrize("form", FORMS)
def test_a_query_is_its_character_and_its_reasoning_ends_in_the_code_point(folders: dict[str, Path], form: str) -> None:
    dataset = datasets.read_folder(folders[form])
    sizes = {name: len(ids) for name, ids in dataset.splits.items()}
    assert sum(sizes.values()) == 500  # how many in each depends on the version of Unicode
    assert 250 < sizes["sft"] < 350 and 70 < sizes["test"] < 130 and min(sizes["rl"], sizes["dev"]) > 25
    assert set(dataset.reasoning) == set(dataset.splits["sft"])
    for query, text in dataset.queries.items():
        digits = text.replace(" ", "")
        number = int(digits) if form != "utf8" else ord(bytes.fromhex(digits).decode())
        (answer,) = dataset.positives[query]
        assert answer == f"{number >> 4:02x}.{number:03x}"
        code_point = " ".join(f"{number:03x}")
        assert dataset.corpus[answer].endswith(f" u {code_point}")
        assert query not in dataset.reasoning or dataset.reasoning[query].endswith(code_point)


def test_the_reasoning_writes_two_divisions_out(folders: dict[str, Path]) -> None:
    targets = {row["query"]: row["text"].split() for row in read_jsonl(folders["decimal"] / "reasoning.jsonl")}
    for query, steps in targets.items():
        number = int(query.rpartition(".")[2], 16)
        assert len(steps) == 19
        for part, dividend in ((steps[:8], number), (steps[8:16], number // 16)):
            assert int("".join(part[::2])) == dividend // 16
            assert [int(one, 16) for one in part[1::2]] == [int(f"{dividend:04d}"[: place + 1]) % 16 for place in range(4)]


def test_negatives_are_neighbours_of_the_same_split(folders: dict[str, Path]) -> None:
    dataset = datasets.read_folder(folders["decimal"])
    taught = {dataset.positives[query][0] for query in dataset.splits["sft"]}
    assert set(dataset.negatives) == set(dataset.splits["sft"])
    for query, near in dataset.negatives.items():
        assert taught.issuperset(near)
        assert dataset.positives[query][0] not in near


def test_alpha(folders: dict[str, Path]) -> None:
    corpus = {row["_id"]: row["text"] for row in read_jsonl(folders["utf8"] / "corpus.jsonl")}
    assert corpus["3b.3b1"] == "greek small letter alpha u 3 b 1"
