"""encode: rows in the order asked for, whatever the batch; reason: embeddings after reasoning."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Bench, read_jsonl
from pawl_trainer.failures import Failure


def vectors(path: Path) -> Any:
    return np.fromfile(path, "<f4").reshape(-1, 64)


def inputs(bench: Bench, **change: Any) -> dict[str, Any]:
    corpus = str(Path(bench.dataset["path"]) / "corpus.jsonl")
    return {"model": bench.model, "texts": corpus, "role": "document", "out": "vectors.f32", **change}


def test_rows_come_in_file_order_and_normalised(bench: Bench) -> None:
    assert bench.run("encode", "e", inputs(bench)) == {"rows": 24, "dimension": 64, "passes": 1}
    found = vectors(bench.folder / "e" / "vectors.f32")
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    bench.run("encode", "one", inputs(bench, batch=1))
    assert np.allclose(found, vectors(bench.folder / "one" / "vectors.f32"), atol=1e-5)


def test_some_rows_in_the_order_asked_for(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text("[7, 0, 23]")
    bench.run("encode", "all", inputs(bench))
    bench.run("encode", "some", inputs(bench, rows=str(tmp_path / "rows.json")))
    found = vectors(bench.folder / "some" / "vectors.f32")
    assert np.allclose(found, vectors(bench.folder / "all" / "vectors.f32")[[7, 0, 23]], atol=1e-5)


def test_cold_is_warm_to_the_bit(bench: Bench) -> None:
    for work in ("first", "second"):
        bench.run("encode", work, inputs(bench))
    Bench(bench.folder, model=bench.model).run("encode", "cold", inputs(bench))
    first, second, cold = ((bench.folder / work / "vectors.f32").read_bytes() for work in ("first", "second", "cold"))
    assert first == second == cold


def test_a_malformed_line_is_named(bench: Bench, tmp_path: Path) -> None:
    texts = tmp_path / "texts.jsonl"
    texts.write_text('{"_id": "a", "text": "river"}\n{"_id": "b", "txt": "stone"}\n')
    with pytest.raises(Failure, match=r"texts\.jsonl:2: expected `text` of type str, found nothing") as failed:
        bench.run("encode", "e", inputs(bench, texts=str(texts)))
    assert failed.value.failure_class == "data"


def test_a_row_beyond_the_file_is_named(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text("[24]")
    with pytest.raises(Failure, match=r"corpus\.jsonl has 24 rows, and row 24 was asked for"):
        bench.run("encode", "e", inputs(bench, rows=str(tmp_path / "rows.json")))


def reasoning(bench: Bench, mode: str, **change: Any) -> dict[str, Any]:
    queries = str(Path(bench.dataset["path"]) / "queries.jsonl")
    given = {"texts": queries, "mode": mode, "out": "reason.f32", "samples_out": "samples.jsonl"}
    return {"model": bench.model, **given, **change}


def test_reasonings_are_query_major_with_samples_inside(bench: Bench) -> None:
    metrics = bench.run("reason", "r", reasoning(bench, "sampled", samples=3, temperature=1.0, min_new=2, batch=7))
    rows = read_jsonl(bench.folder / "r" / "samples.jsonl")
    assert [(row["query"], row["sample"]) for row in rows] == [(f"q{q:02}", s) for q in range(24) for s in range(3)]
    assert vectors(bench.folder / "r" / "reason.f32").shape == (72, 64)
    assert metrics["valid_fraction"] == sum(row["valid"] for row in rows) / 72


def test_greedy_reasoning_needs_no_seed(bench: Bench) -> None:
    for seed in (1, 2):
        bench.run("reason", f"r{seed}", reasoning(bench, "greedy", samples=5), seed=seed)
    one, two = ((bench.folder / f"r{seed}" / "samples.jsonl").read_text() for seed in (1, 2))
    assert one == two
    assert len([json.loads(line) for line in one.splitlines()]) == 24
