"""A teacher: writes for each query of a split what a good reasoning would say, knowing its relevant documents.

This one names the rare words of a relevant document. One that asks a large model has the same frame: it reads queries and
documents, and appends a line {query, reasoning} to reasoning.jsonl in its output.
"""

from __future__ import annotations

import collections
import json
import math
import os
from collections.abc import Iterator
from pathlib import Path

job = json.loads(Path(os.environ["PAWL_JOB"]).read_text())
data = Path(job["inputs"]["data"]["path"])
split, words = job["inputs"]["split"], job["inputs"]["words"]


def rows(name: str) -> Iterator[dict[str, str]]:
    """The lines of a file of the dataset."""
    with (data / name).open(encoding="utf-8") as file:
        yield from map(json.loads, file)


corpus = {row["_id"]: row["text"].split() for row in rows("corpus.jsonl")}
frequency = collections.Counter(word for text in corpus.values() for word in set(text))
asked = {row["_id"]: row["text"] for row in rows("queries.jsonl") if row["split"] == split}
relevant: dict[str, list[str]] = {}
for row in rows("qrels.jsonl"):
    if row["query"] in asked and int(row["grade"]) > 0:
        relevant.setdefault(row["query"], []).append(row["document"])


def reasoning(query: str) -> str:
    """The words that tell the first relevant document from others and that the query has not."""
    text = collections.Counter(corpus[relevant[query][0]])
    known = set(asked[query].split())
    worth = {word: count * math.log(len(corpus) / frequency[word]) for word, count in text.items() if word not in known}
    return " ".join(sorted(worth, key=lambda word: (-worth[word], word))[:words])


taught = 0
with (Path(job["outputs"]["reasoning"]) / "reasoning.jsonl").open("w", encoding="utf-8") as file:
    for query in relevant:
        text = reasoning(query)
        if text:
            file.write(json.dumps({"query": query, "reasoning": text + " <|embed_token|>"}) + "\n")
            taught += 1
(Path(os.environ["PAWL_OUTPUTS"]) / "metrics.json").write_text(json.dumps({"taught": taught}))
