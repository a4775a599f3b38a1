"""The dataset of stage 1 as token ids, and the pseudo pairs that are made of it."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pawl_trainer import seeds
from pawl_trainer.dataset import Dataset
from pawl_trainer.encoding import TextEncoder
from pawl_trainer.failures import Failure

SPAN = (4, 12)  # tokens of a span that stands in for a query
SPAN_SHARE = 0.5  # of pseudo pairs: span -> rest; the others: name -> body
SPAN_KEPT = 0.8  # tokens of a span that stay
SPAN_LEFT_IN = 0.5  # spans that also stay in the document


@dataclass(frozen=True)
class Material:
    """The dataset as token ids."""

    queries: list[str]
    sets: dict[str, str]
    weights: dict[str, float]
    plain: dict[str, list[int]]
    prompts: dict[str, list[int]]
    targets: dict[str, list[int]]
    positives: dict[str, list[str]]
    documents: dict[str, list[int]]
    same_text: dict[str, int]
    negatives: dict[str, list[str]]
    pairs: list[tuple[list[int], list[int]]]

    def __post_init__(self) -> None:
        if len(self.queries) < 2:
            raise Failure("config", "Stage 1 contrasts queries: the split needs two at least.")


def tokenise(
    text: TextEncoder, dataset: Dataset, split: str, with_pairs: bool, taught: Mapping[str, str] | None = None
) -> Material:
    """
    Everything that training reads, as token ids; documents are the split's positives and their hard negatives. `taught` are
    reasoning targets instead of those of the dataset.
    """
    reasoning = dataset.reasoning if taught is None else taught
    queries = sorted(dataset.split(split))
    texts = [dataset.queries[query] for query in queries]
    around = dataset.around(queries)
    negatives = {query: dataset.negatives[query] for query in queries if query in dataset.negatives}
    positives = {query: dataset.positives[query] for query in queries}
    documents = sorted({document for ids in (*positives.values(), *negatives.values()) for document in ids})
    bodies = [dataset.corpus[document] for document in documents]
    thought = [query for query in queries if query in reasoning]
    targets = text.reasoning([reasoning[query] for query in thought])
    names: list[str] = []
    codes: list[str] = []
    if with_pairs:
        names = [name for name, _ in dataset.pairs]
        codes = [code for _, code in dataset.pairs]
    number_of_text: dict[str, int] = {}
    return Material(
        queries=queries,
        sets={query: dataset.sets.get(query, "") for query in queries},
        weights=dataset.weights,
        plain=dict(zip(queries, text.plain("query", texts, around), strict=True)),
        prompts=dict(zip(queries, text.prompts(texts, around), strict=True)),
        targets=dict(zip(thought, targets, strict=True)),
        positives=positives,
        negatives=negatives,
        documents=dict(zip(documents, text.plain("document", bodies), strict=True)),
        same_text={
            document: number_of_text.setdefault(body, len(number_of_text))
            for document, body in zip(documents, bodies, strict=True)
        },
        pairs=list(zip(text.content("query", names), text.content("document", codes), strict=True)),
    )


@dataclass(frozen=True)
class Dev:
    """
    What is evaluated, as token ids. Documents in the order of their ids. Per query: the grade of each relevant document by
    its row, and the rows left out of the ranking, because they are unjudged and have the text of a relevant one.
    """

    queries: list[list[int]]
    documents: list[list[int]]
    relevant: list[dict[int, int]]
    ignored: list[list[int]]


def dev_material(text: TextEncoder, dataset: Dataset, *, split: str, queries: int, corpus: str, mode: str) -> Dev:
    """
    The queries of the split, at most `queries` (0 = all) by a draw that depends on their ids only, and their documents: the
    whole corpus, or only what is judged for them.
    """
    chosen = dataset.split(split)
    if queries > 0:
        chosen = seeds.order_of(chosen, "dev")[:queries]
    chosen = sorted(chosen)
    judged = {document for query in chosen for document in dataset.grades[query]}
    ids = sorted(judged if corpus == "judged" else dataset.corpus)
    row = {document: number for number, document in enumerate(ids)}
    same: dict[str, list[int]] = {}
    for number, document in enumerate(ids):
        same.setdefault(dataset.corpus[document], []).append(number)
    asked, around = [dataset.queries[query] for query in chosen], dataset.around(chosen)
    relevant = [{row[document]: dataset.grades[query][document] for document in dataset.positives[query]} for query in chosen]
    ignored = []
    for query, grades in zip(chosen, relevant, strict=True):
        known = {row[document] for document in dataset.grades[query]}
        twins = {number for document in grades for number in same[dataset.corpus[ids[document]]]}
        ignored.append(sorted(twins - known))
    return Dev(
        text.plain("query", asked, around) if mode == "plain" else text.prompts(asked, around),
        text.plain("document", [dataset.corpus[document] for document in ids]),
        relevant,
        ignored,
    )


def known_positives(material: Material, batch: Sequence[str], documents: Sequence[str]) -> Tensor:
    """
    [i, j], i != j: document j is a positive of query i, or has the text of one. Document i is the one that query i trains
    on; there may be more documents than queries.
    """
    texts = [{material.same_text[document] for document in material.positives[query]} for query in batch]
    columns = [material.same_text[document] for document in documents]
    rows = [[i != j and column in texts[i] for j, column in enumerate(columns)] for i in range(len(batch))]
    return torch.tensor(rows)


def pseudo_pairs(
    material: Material, text: TextEncoder, wanted: int, chance: random.Random
) -> tuple[list[tuple[list[int], list[int]]], Tensor]:
    """
    Pairs that need no docstring: the name against the body, or a span of the body against the rest; and which of their
    documents are the same.
    """
    chosen = []
    for number in chance.sample(range(len(material.pairs)), min(wanted, len(material.pairs))):
        name, body = material.pairs[number]
        if chance.random() < SPAN_SHARE and len(body) > SPAN[1]:
            name, body = span_of(body, chance)
        chosen.append((text.frame("query", name), text.frame("document", body)))
    known = [[i != j and one[1] == other[1] for j, other in enumerate(chosen)] for i, one in enumerate(chosen)]
    return chosen, torch.tensor(known, dtype=torch.bool)


def span_of(body: list[int], chance: random.Random) -> tuple[list[int], list[int]]:
    """A span with some tokens left out, and the body, mostly without the span."""
    length = chance.randint(*SPAN)
    start = chance.randrange(len(body) - length + 1)
    kept = [token for token in body[start : start + length] if chance.random() < SPAN_KEPT]
    rest = body if chance.random() < SPAN_LEFT_IN else [*body[:start], *body[start + length :]]
    return kept or body[start : start + 1], rest or body
