"""The standard-library dataset: nothing is in two splits, and the same Python gives the same bytes."""

from __future__ import annotations

import json
from collections import defaultdict

import pytest
from conftest import Bench, read_jsonl
from pawl_trainer import code_search, schemas
from pawl_trainer.failures import Failure
from pawl_trainer.stdlib_functions import Function, stdlib_functions
from pawl_trainer.words import words_of


@pytest.fixture(scope="module")
def functions() -> list[Function]:
    return stdlib_functions()


@pytest.fixture
def quick(functions: list[Function], monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads the library once for all tests."""
    monkeypatch.setattr(code_search, "stdlib_functions", lambda: functions)


@pytest.mark.usefixtures("quick")
def test_splits_share_nothing(bench: Bench, functions: list[Function]) -> None:
    metrics = bench.run("code_search_data", "d", {})
    folder = bench.folder / "d" / "outputs" / "dataset"
    manifest = json.loads((folder / "manifest.json").read_text())
    schemas.require("artifacts/dataset", manifest, "manifest.json")
    queries = {row["_id"]: row for row in read_jsonl(folder / "queries.jsonl")}
    texts = [" ".join(words_of(row["text"])) for row in queries.values()]
    assert len(set(texts)) == len(texts)
    splits = defaultdict(set)
    for row in read_jsonl(folder / "qrels.jsonl"):
        splits[row["document"]].add(queries[row["query"]]["split"])
    assert all(len(names) == 1 for names in splits.values())
    assert len(splits) == metrics["corpus"] == len(read_jsonl(folder / "corpus.jsonl"))
    assert manifest["notes"]["overlaps"] | {"packages": 0} == dict.fromkeys(("documents", "queries", "clusters", "packages"), 0)
    total = sum(manifest["queries"].values())
    for name, share in (("test", 0.1), ("dev", 0.08), ("rl", 0.15)):
        assert abs(manifest["queries"][name] / total - share) < 0.02
    assert any(len(row["text"].split()) > 3 for row in read_jsonl(folder / "reasoning.jsonl"))
    assert {row["query"] for row in read_jsonl(folder / "reasoning.jsonl")} <= {
        name for name, row in queries.items() if row["split"] == "sft"
    }


@pytest.mark.usefixtures("quick")
def test_pseudo_pairs_hold_no_document_of_the_other_splits(bench: Bench, functions: list[Function]) -> None:
    bench.run("code_search_data", "d", {"limit": 600})
    folder = bench.folder / "d" / "outputs" / "dataset"
    split = {row["_id"]: row["split"] for row in read_jsonl(folder / "queries.jsonl")}
    held_out = {row["document"] for row in read_jsonl(folder / "qrels.jsonl") if split[row["query"]] != "sft"}
    bodies = {" ".join(words_of(function.body)) for function in functions if function.name in held_out}
    assert bodies
    assert not bodies & {row["document"] for row in read_jsonl(folder / "pairs.jsonl")}


@pytest.fixture
def small(functions: list[Function], monkeypatch: pytest.MonkeyPatch) -> None:
    """A library of every fifth function: for what does not depend on how large it is."""
    monkeypatch.setattr(code_search, "stdlib_functions", lambda: functions[::5])


@pytest.mark.usefixtures("small")
def test_the_same_library_gives_the_same_bytes(bench: Bench) -> None:
    for work in ("one", "two"):
        bench.run("code_search_data", work, {"limit": 300, "text": "source"})
    one, two = (bench.folder / work / "outputs" / "dataset" for work in ("one", "two"))
    for path in sorted(one.iterdir()):
        assert path.read_bytes() == (two / path.name).read_bytes()


@pytest.mark.usefixtures("small")
def test_shares_that_leave_nothing_are_refused(bench: Bench) -> None:
    with pytest.raises(Failure, match="nothing is left for sft"):
        bench.run("code_search_data", "d", {"dev": 0.5, "test": 0.5})
    with pytest.raises(Failure, match=r"No query is left for the split .*raise `limit`"):
        bench.run("code_search_data", "e", {"limit": 3})


def test_documents_hold_no_docstring(functions: list[Function]) -> None:
    by_name = {function.name: function for function in functions}
    found = by_name["textwrap.dedent"]
    assert found.sentence == "Remove any common leading whitespace from every line in `text`."
    assert "leading whitespace" not in found.code
    assert found.code.startswith("def dedent(text):")
    assert found.body.startswith("def f(text):")
    assert '"""' not in by_name["functools.lru_cache"].code
    assert len(by_name) == len(functions)
