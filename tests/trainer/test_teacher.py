"""Reasoning targets of a teacher."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Bench
from pawl_trainer import sft, teacher
from pawl_trainer.dataset import read_folder
from pawl_trainer.failures import Failure

TOKEN = "<|embed_token|>"


def written(folder: Path, rows: list[dict[str, Any]]) -> Path:
    folder.mkdir()
    (folder / "reasoning.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_the_embed_token_at_the_end_is_taken_off(bench: Bench, tmp_path: Path) -> None:
    rows = [{"query": "q00", "reasoning": f" river stone {TOKEN}\n"}, {"query": "q01", "reasoning": "music"}]
    found = teacher.read(written(tmp_path / "taught", rows), read_folder(Path(bench.dataset["path"])), TOKEN)
    assert found == {"q00": "river stone", "q01": "music"}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"query": "q99", "reasoning": "a"}, "the query 'q99' is not in the dataset"),
        ({"query": "q00", "reasoning": "a"}, "the query 'q00' is there a second time"),
        ({"query": "q01", "reasoning": f" {TOKEN} "}, "the reasoning of 'q01' is empty"),
        ({"query": "q01", "reasoning": f"a {TOKEN} b"}, "has <|embed_token|> before its end"),
        ({"query": "q01", "reasoning": f"a {TOKEN}{TOKEN}"}, "has <|embed_token|> before its end"),
        ({"query": "q01", "text": "a"}, "expected `reasoning` of type str"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_with_its_line(bench: Bench, tmp_path: Path, row: dict[str, Any], said: str) -> None:
    folder = written(tmp_path / "taught", [{"query": "q00", "reasoning": "a"}, row])
    with pytest.raises(Failure, match=r"reasoning\.jsonl:2: .*" + said.replace("|", r"\|")) as failed:
        teacher.read(folder, read_folder(Path(bench.dataset["path"])), TOKEN)
    assert failed.value.failure_class == "data"


def test_another_folder_is_told_from_a_teacher(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"reasoning\.jsonl is missing in the folder given as `reasoning`"):
        teacher.read(tmp_path, read_folder(Path(bench.dataset["path"])), TOKEN)


def test_training_speaks_as_the_teacher_does(bench: Bench, tmp_path: Path) -> None:
    rows = [{"query": f"q{number:02}", "reasoning": "river stone"} for number in range(12)]
    folder = {"path": str(written(tmp_path / "taught", rows)), "identity": "taught", "type": "folder"}
    given = {"model": bench.model, "data": bench.dataset, "reasoning": folder, "steps": 1, "batch": 8}
    trainer = sft.prepare(bench.prepared("sft", "sft", given))
    text = trainer.model.text
    assert sorted(trainer.material.targets) == [row["query"] for row in rows]
    assert {text.text(target) for target in trainer.material.targets.values()} == {"river stone"}
    (warning,) = [event["message"] for event in bench.events.sent if event["type"] == "warning"]
    assert warning == "4 of 16 queries of the split `sft` have no reasoning target: cross-entropy does not see them."


def test_the_teacher_of_the_example_writes_what_training_reads(bench: Bench, tmp_path: Path) -> None:
    out = tmp_path / "outputs" / "reasoning"
    out.mkdir(parents=True)
    job = {"inputs": {"data": bench.dataset, "split": "sft", "words": 3}, "outputs": {"reasoning": str(out)}}
    (tmp_path / "job.json").write_text(json.dumps(job))
    program = Path(__file__).resolve().parents[2] / "pipelines" / "teacher" / "teach.py"
    places = {"PAWL_JOB": str(tmp_path / "job.json"), "PAWL_OUTPUTS": str(tmp_path / "outputs")}
    subprocess.run([sys.executable, str(program)], env={**os.environ, **places}, check=True, timeout=60)
    found = teacher.read(out, read_folder(Path(bench.dataset["path"])), TOKEN)
    assert json.loads((tmp_path / "outputs" / "metrics.json").read_text()) == {"taught": len(found)}
    assert len(found) == 16
    words = set((json.loads((Path(bench.dataset["path"]) / "corpus.jsonl").read_text().splitlines()[9])["text"]).split())
    assert set(found["q09"].split()) <= words - {"river", "stone", "item9"}, "what the document has and the query has not"
