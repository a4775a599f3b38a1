"""A dataset artifact in memory: corpus, queries by split, judgements, reasoning targets, pseudo pairs, hard negatives."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pawl_trainer import checkpoint, jsonl
from pawl_trainer.failures import Failure
from pawl_trainer.job import Artifact, Job


@dataclass(frozen=True)
class Dataset:
    """
    Texts by id; queries of each split in file order; positives of a query in file order; all its judgements. Of a mixture: the
    set of each query, and the instruction of each set, in which {} stands for the query.
    """

    corpus: dict[str, str]
    queries: dict[str, str]
    splits: dict[str, list[str]]
    positives: dict[str, list[str]]
    reasoning: dict[str, str]
    pairs: list[tuple[str, str]]
    negatives: dict[str, list[str]]
    grades: dict[str, dict[str, int]]
    sets: dict[str, str]
    instructions: dict[str, str]
    weights: dict[str, float]

    def split(self, name: str) -> list[str]:
        """Ids of the queries of a split; raises Failure(config) when there are none."""
        ids = self.splits.get(name, [])
        if not ids:
            raise Failure("config", f"The dataset has no query in the split `{name}`; it has {', '.join(sorted(self.splits))}.")
        return ids

    def around(self, queries: Sequence[str]) -> list[str] | None:
        """The instruction around each query, which comes from its set; None where no set has one."""
        if not self.instructions:
            return None
        return [self.instructions.get(self.sets[query], "{}") for query in queries]


def load(job: Job, artifact: Artifact) -> Dataset:
    """The dataset of an artifact, from memory if it is there."""

    def read() -> tuple[Dataset, int]:
        with job.timed("load"):
            dataset = read_folder(artifact.path)
        return dataset, 2 * sum(path.stat().st_size for path in artifact.path.glob("*.jsonl"))

    return job.cache.get(Dataset, artifact.identity, read)


def read_folder(folder: Path) -> Dataset:
    """Reads a dataset folder; raises Failure(data) with file and line where it does not hold together."""
    corpus = {row["_id"]: row["text"] for row in jsonl.read(folder / "corpus.jsonl", {"_id": str, "text": str})}
    queries: dict[str, str] = {}
    sets: dict[str, str] = {}
    splits: dict[str, list[str]] = defaultdict(list)
    for row in jsonl.read(folder / "queries.jsonl", {"_id": str, "text": str, "split": str}):
        queries[row["_id"]] = row["text"]
        splits[row["split"]].append(row["_id"])
        if "set" in row:
            sets[row["_id"]] = row["set"]
    positives: dict[str, list[str]] = defaultdict(list)
    grades: dict[str, dict[str, int]] = defaultdict(dict)
    needs: dict[str, type] = {"query": str, "document": str, "grade": int}
    for number, row in enumerate(jsonl.read(folder / "qrels.jsonl", needs), start=1):
        if row["document"] not in corpus:
            message = f"qrels.jsonl:{number}: the document {row['document']!r} is not in corpus.jsonl."
            raise Failure("data", message)
        of_query = grades[row["query"]]
        of_query[row["document"]] = max(row["grade"], of_query.get(row["document"], row["grade"]))
        if row["grade"] > 0:
            positives[row["query"]].append(row["document"])
    splits = {name: [query for query in ids if positives.get(query)] for name, ids in splits.items()}
    return Dataset(
        corpus,
        queries,
        splits,
        dict(positives),
        _reasoning(folder),
        _pairs(folder),
        _negatives(folder, queries, corpus),
        dict(grades),
        sets,
        _instructions(folder, sets),
        _weights(folder),
    )


def _reasoning(folder: Path) -> dict[str, str]:
    path = folder / "reasoning.jsonl"
    if not path.exists():
        return {}
    return {row["query"]: row["text"] for row in jsonl.read(path, {"query": str, "text": str})}


def _pairs(folder: Path) -> list[tuple[str, str]]:
    path = folder / "pairs.jsonl"
    if not path.exists():
        return []
    return [(row["query"], row["document"]) for row in jsonl.read(path, {"query": str, "document": str})]


def _negatives(folder: Path, queries: Mapping[str, str], corpus: Mapping[str, str]) -> dict[str, list[str]]:
    path = folder / "negatives.jsonl"
    if not path.exists():
        return {}
    negatives: dict[str, list[str]] = {}
    for number, row in enumerate(jsonl.read(path, {"query": str, "negatives": list}), start=1):
        if row["query"] not in queries:
            raise Failure("data", f"negatives.jsonl:{number}: the query {row['query']!r} is not in queries.jsonl.")
        unknown = next((document for document in row["negatives"] if document not in corpus), None)
        if unknown is not None:
            raise Failure("data", f"negatives.jsonl:{number}: the document {unknown!r} is not in corpus.jsonl.")
        if row["negatives"]:
            negatives[row["query"]] = row["negatives"]
    return negatives


def _weights(folder: Path) -> dict[str, float]:
    """How often each set of the manifest is to be drawn from, relative to the others; none where it does not say so of all."""
    known = _sets(folder)
    weights = {name: float(entry["weight"]) for name, entry in known.items() if "weight" in entry}
    if len(weights) < len(known):
        return {}
    wrong = next((name for name, weight in weights.items() if not 0 <= weight < float("inf")), None)
    if wrong is not None:
        raise Failure(
            "data", f"manifest.json: the weight of the set `{wrong}` must be a number from 0 on; it is {weights[wrong]}."
        )
    return weights


def _sets(folder: Path) -> dict[str, dict[str, Any]]:
    path = folder / "manifest.json"
    sets: dict[str, dict[str, Any]] = checkpoint.read_json(path).get("sets", {}) if path.exists() else {}
    return sets


def _instructions(folder: Path, sets: Mapping[str, str]) -> dict[str, str]:
    """The instructions of the manifest, each holding {} once; every query must have a set that the manifest knows."""
    known = _sets(folder)
    unknown = next(((query, name) for query, name in sets.items() if name not in known), None)
    if unknown is not None:
        raise Failure("data", f"queries.jsonl: the set {unknown[1]!r} of the query {unknown[0]!r} is not in manifest.json.")
    instructions = {name: entry["prompt"] for name, entry in known.items() if entry.get("prompt", "{}") != "{}"}
    for name, instruction in instructions.items():
        if instruction.count("{}") != 1:
            message = (
                f"manifest.json: the prompt of the set `{name}` must hold {{}} once, for the query; it is {instruction!r}."
            )
            raise Failure("data", message)
    return instructions
