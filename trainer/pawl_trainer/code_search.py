"""code_search_data: a retrieval dataset from installed Python. What a docstring says -> the function it describes.

A document is a function without docstrings; a query is the first sentence of one. What is the same is one: identical
documents, and identical queries, which then have several positives. Splits are made of whole top-level packages, except
that a cluster of near-duplicates that spans packages goes as a whole where its first function goes.
"""

from __future__ import annotations

import hashlib
import math
import platform
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from pawl_trainer import checkpoint, jsonl
from pawl_trainer.failures import Failure
from pawl_trainer.job import Job
from pawl_trainer.near_duplicates import Clusters, near_pairs
from pawl_trainer.stdlib_functions import Function, stdlib_functions
from pawl_trainer.words import words_of

SPLITS = ("sft", "rl", "dev", "test")
NEAR_DOCUMENT = 0.7
NEAR_QUERY = 0.8
LARGEST_PART = 4  # no package makes up more than a quarter of the smallest split
STOP_WORDS = frozenset(
    "def self cls none return if elif else for in not is and or the a an of to true false import from as with try except"
    " raise pass".split()
)


@dataclass(frozen=True)
class Settings:
    source: str
    text: str
    limit: int
    dev: float
    test: float
    rl: float
    reasoning_terms: int
    reasoning_min_df: int
    pairs: bool


@dataclass
class Query:
    """A query with the numbers of its positive documents (functions)."""

    id: str
    text: str
    positives: list[int]
    split: str = ""


def run(job: Job) -> dict[str, float]:
    """Writes the dataset; returns its counts."""
    settings = job.settings(Settings)
    with job.timed("read"):
        functions = stdlib_functions()
    job.progress(1, 4, f"{len(functions)} functions read")
    documents, queries = judge(functions, settings.limit)
    with job.timed("cluster"):
        clusters = cluster(functions, queries)
    job.progress(2, 4, f"{len(documents)} documents, {len(queries)} queries")
    packages, moved = split(functions, queries, clusters, {"rl": settings.rl, "dev": settings.dev, "test": settings.test})
    split_of = {number: packages[functions[clusters.find(number)].package] for number in range(len(functions))}
    reasoning = reasoning_targets(functions, queries, settings)
    job.progress(3, 4, "splits made")
    pairs = pseudo_pairs(functions, queries, clusters, settings.text) if settings.pairs else []
    counts = Counter(query.split for query in queries)
    notes = {
        "python": platform.python_version(),
        "text": settings.text,
        "functions": len(functions),
        "queries_with_several_positives": sum(len(query.positives) > 1 for query in queries),
        "clusters_moved_between_packages": moved,
        "packages": dict(Counter(packages.values())),
        "overlaps": overlaps(functions, queries, split_of),
    }
    write(job, settings, functions, documents, queries, reasoning, pairs, notes)
    job.progress(4, 4, "written")
    return {"corpus": len(documents), **{f"queries_{name}": counts[name] for name in SPLITS}}


def judge(functions: list[Function], limit: int) -> tuple[list[int], list[Query]]:
    """
    The documents (numbers of functions) and the queries with their positives. With a limit, the functions of smallest
    hash stay: any part of the library is as likely as another.
    """
    described = [number for number, function in enumerate(functions) if is_query(function.sentence)]
    if limit:
        described = sorted(sorted(described, key=lambda number: digest(functions[number].name))[:limit])
    first_of_code: dict[str, int] = {}
    queries: dict[str, Query] = {}
    for number in described:
        function = functions[number]
        document = first_of_code.setdefault(" ".join(words_of(function.code)), number)
        sentence = function.sentence or ""
        query = queries.setdefault(" ".join(words_of(sentence)), Query(f"q:{function.name}", sentence, []))
        if document not in query.positives:
            query.positives.append(document)
    return sorted(first_of_code.values()), list(queries.values())


def is_query(sentence: str | None) -> bool:
    """Whether a sentence says enough to look for: four words, three of them in letters or digits."""
    return sentence is not None and len(sentence.split()) >= 4 and len(words_of(sentence)) >= 3


def cluster(functions: list[Function], queries: list[Query]) -> Clusters:
    """Functions that must not be parted: near-duplicates, positives of one query, positives of near-duplicate queries."""
    clusters = Clusters(len(functions))
    for one, other in near_pairs([words_of(function.code) for function in functions], NEAR_DOCUMENT):
        clusters.join(one, other)
    for query in queries:
        for positive in query.positives:
            clusters.join(query.positives[0], positive)
    for one, other in near_pairs([words_of(query.text) for query in queries], NEAR_QUERY):
        clusters.join(queries[one].positives[0], queries[other].positives[0])
    return clusters


def split(
    functions: list[Function], queries: list[Query], clusters: Clusters, shares: dict[str, float]
) -> tuple[dict[str, str], int]:
    """
    Gives every package a split and every query that of its cluster's first function; returns the packages and the
    number of queries that a cluster took to another package's split. Packages too large to be a sample train; the
    others go, by the order of their hash, where most is missing.
    """
    home = [functions[clusters.find(query.positives[0])].package for query in queries]
    sizes = Counter(home)
    wanted = {name: share * len(queries) for name, share in shares.items() if share > 0}
    large = min(wanted.values(), default=0) / LARGEST_PART
    packages = {function.package: "sft" for function in functions}
    filled = dict.fromkeys(wanted, 0)
    for package in sorted(sizes, key=digest):
        missing = {name: (wanted[name] - filled[name]) / wanted[name] for name in wanted}
        name = max(missing, key=lambda key: (missing[key], key), default="sft")
        if sizes[package] <= large and filled[name] + sizes[package] <= wanted[name] * 1.05 + 1:
            packages[package] = name
            filled[name] += sizes[package]
    empty = [name for name, count in filled.items() if count == 0]
    if empty:
        message = f"No query is left for the split {', '.join(empty)}: raise `limit`, or lower its share to 0."
        raise Failure("config", message)
    for query, package in zip(queries, home, strict=True):
        query.split = packages[package]
    moved = sum(packages[functions[query.positives[0]].package] != query.split for query in queries)
    return packages, moved


def reasoning_targets(functions: list[Function], queries: list[Query], settings: Settings) -> list[dict[str, str]]:
    """
    What a sft query is to be thought about with: the words of its first positive with the highest tf-idf,
    (1 + ln tf) * ln((n + 1) / (df + 0.5)), counted over the sft positives only.
    """
    if settings.reasoning_terms == 0:
        return []
    training = [query for query in queries if query.split == "sft"]
    positives = sorted({positive for query in training for positive in query.positives})
    counts = {number: Counter(words_of(functions[number].code)) for number in positives}
    frequency = Counter(word for words in counts.values() for word in words)

    def weight(item: tuple[str, int]) -> tuple[float, str]:
        word, times = item
        return -(1 + math.log(times)) * math.log((len(positives) + 1) / (frequency[word] + 0.5)), word

    targets = []
    for query in training:
        words = [
            item
            for item in counts[query.positives[0]].items()
            if len(item[0]) > 1 and item[0] not in STOP_WORDS and frequency[item[0]] >= settings.reasoning_min_df
        ]
        terms = [word for word, _ in sorted(words, key=weight)[: settings.reasoning_terms]]
        if terms:
            targets.append({"query": query.id, "text": " ".join(terms)})
    return targets


def pseudo_pairs(functions: list[Function], queries: list[Query], clusters: Clusters, form: str) -> list[dict[str, str]]:
    """
    Name -> body of every function, documented or not, each text once; the name with that of the class or module around it.
    Left out are the documents by which a query of rl, dev or test is judged, their near-duplicates, and what differs from
    one in its name only. Other functions of the packages of those splits are in: a library to be searched is there to be
    read, its judgements are not.
    """
    positives = [positive for query in queries if query.split != "sft" for positive in query.positives]
    judged = {clusters.find(positive) for positive in positives}
    judged_bodies = {" ".join(words_of(functions[positive].body)) for positive in positives}
    pairs: dict[tuple[str, str], None] = {}
    for number, function in enumerate(functions):
        name = words_of(" ".join(function.name.split("#")[0].split(".")[-2:]))
        body = words_of(function.body)
        if clusters.find(number) in judged or " ".join(body) in judged_bodies:
            continue
        if len(name) >= 2 and len(body) >= 4:
            pairs[" ".join(name), in_form(function.body, form)] = None
    return [{"query": name, "document": body} for name, body in pairs]


def overlaps(functions: list[Function], queries: list[Query], split_of: dict[int, str]) -> dict[str, int]:
    """What two splits share; the first three are 0 by construction, and counted all the same."""
    by_document: dict[int, set[str]] = defaultdict(set)
    by_text: dict[str, set[str]] = defaultdict(set)
    by_package: dict[str, set[str]] = defaultdict(set)
    for query in queries:
        by_text[" ".join(words_of(query.text))].add(query.split)
        for positive in query.positives:
            by_document[positive].add(query.split)
            by_package[functions[positive].package].add(query.split)
    parted = sum(split_of[positive] != query.split for query in queries for positive in query.positives)
    return {
        "documents": sum(len(splits) > 1 for splits in by_document.values()),
        "queries": sum(len(splits) > 1 for splits in by_text.values()),
        "clusters": parted,
        "packages": sum(len(splits) > 1 for splits in by_package.values()),
    }


def in_form(text: str, form: str) -> str:
    """The text as the dataset has it: words, or the source as it is."""
    return " ".join(words_of(text)) if form == "words" else text


def digest(name: str) -> str:
    """An order without rhyme or reason that is the same everywhere."""
    return hashlib.sha256(name.encode("utf-8")).hexdigest()


def write(
    job: Job,
    settings: Settings,
    functions: list[Function],
    documents: list[int],
    queries: list[Query],
    reasoning: list[dict[str, str]],
    pairs: list[dict[str, str]],
    notes: dict[str, Any],
) -> None:
    """Writes the files of a dataset (schemas/artifacts/dataset.schema.json)."""
    folder = job.output("dataset")
    id_of = {number: functions[number].name for number in documents}
    jsonl.write(
        folder / "corpus.jsonl",
        ({"_id": id_of[number], "text": in_form(functions[number].code, settings.text)} for number in documents),
    )
    jsonl.write(
        folder / "queries.jsonl",
        ({"_id": query.id, "text": in_form(query.text, settings.text), "split": query.split} for query in queries),
    )
    judgements = [(query.id, id_of[positive]) for query in queries for positive in query.positives]
    jsonl.write(folder / "qrels.jsonl", ({"query": query, "document": document, "grade": 1} for query, document in judgements))
    jsonl.write(folder / "reasoning.jsonl", reasoning)
    jsonl.write(folder / "pairs.jsonl", pairs)
    counts = Counter(query.split for query in queries)
    manifest = {
        "schema": 1,
        "name": settings.source,
        "corpus": len(documents),
        "queries": {name: counts[name] for name in SPLITS},
        "judgements": len(judgements),
        "reasoning": len(reasoning),
        "pairs": len(pairs),
        "notes": notes,
    }
    checkpoint.write_json(folder / "manifest.json", manifest)
