"""reason: a sample depends on its query and the seed only."""

from __future__ import annotations

from pathlib import Path

from conftest import Bench, read_jsonl


def test_a_sample_does_not_depend_on_the_batch(bench: Bench) -> None:
    queries = str(Path(bench.dataset["path"]) / "queries.jsonl")
    given = {"model": bench.model, "texts": queries, "mode": "sampled", "samples": 2, "temperature": 1.0, "out": "r.f32"}
    for batch in (3, 48):
        bench.run("reason", f"b{batch}", {**given, "samples_out": "s.jsonl", "batch": batch})
    rows = read_jsonl(bench.folder / "b3" / "s.jsonl")
    assert rows == read_jsonl(bench.folder / "b48" / "s.jsonl")
    assert all(row["valid"] or not row["strict"] for row in rows)
    assert all("<|" not in row["text"].removesuffix("<|embed_token|>") for row in rows if row["strict"])
