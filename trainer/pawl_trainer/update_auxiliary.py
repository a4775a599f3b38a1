"""The auxiliary loss of an update: InfoNCE that holds the geometry which the policy gradient moves.

On replayed supervised pairs, or on the queries of the rollouts themselves: half on the query without reasoning, half after
the reasoning that the policy sampled for it. All pairs are one batch, so all are negatives of each other. Its vectors come
out of one graph, or, cached, out of two passes over micro-batches: the first without a graph gives the gradient at the
vectors, the second takes it through the network (GradCache, arXiv 2101.06983).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from pawl_trainer import dataset as datasets
from pawl_trainer import devices
from pawl_trainer.batching import buckets
from pawl_trainer.losses import info_nce
from pawl_trainer.update_rollouts import Rollouts
from pawl_trainer.update_settings import Settings
from pawl_trainer.update_state import Progress, Unit


@dataclass(frozen=True)
class Auxiliary:
    """
    The pairs of the auxiliary loss. `sequences` are all that is embedded: the queries, then the completions of `rounds`, with
    the documents before them unless `documents` [pairs, dimension] has those. A round is at most one completion a query: the
    query's number and where its sequence is.
    """

    settings: Settings
    progress: Progress
    sequences: list[list[int]]
    documents: Tensor | None
    pairs: int
    rounds: list[list[tuple[int, int]]]
    known: Tensor

    def units(self) -> Iterator[Unit]:
        """The passes over the auxiliary batch."""
        if not self.settings.auxiliary_cached:
            yield self.at_once
            return
        groups = buckets([len(sequence) for sequence in self.sequences], self.settings.micro_batch)
        for rows in groups:
            yield partial(self.embed_without_graph, rows)
        yield self.take_gradient_at_vectors
        for place, rows in enumerate(groups):
            yield partial(self.take_through, place, rows)
        yield self.close

    def at_once(self) -> None:
        """Loss and gradient from one graph."""
        norm = self.progress.hold_gradient()
        vectors = self.embed(self.sequences)
        whole = vectors.detach().isfinite().all(dim=1)
        if not bool(whole.all()):
            # Not the broken rows' graph: a gradient of 0 times a NaN would still be one.
            good = whole.nonzero().flatten()
            again = self.embed([self.sequences[row] for row in good.tolist()])
            vectors = torch.zeros_like(vectors).index_copy(0, good, again)
        loss = self.loss(vectors, whole)
        if loss.requires_grad:
            (self.settings.auxiliary_weight * loss).backward()
        self.count(float(loss.detach()), whole, norm)

    def embed_without_graph(self, rows: list[int]) -> None:
        """First pass over a micro-batch."""
        with torch.no_grad():
            vectors = self.embed([self.sequences[row] for row in rows])
        self.progress.parts.setdefault("vectors", []).append(vectors)

    def take_gradient_at_vectors(self) -> None:
        """Between the passes: puts the gradient at each vector into its place, and the policy's gradient aside."""
        norm = self.progress.hold_gradient()
        parts = self.progress.parts["vectors"]
        order = [row for rows in buckets([len(one) for one in self.sequences], self.settings.micro_batch) for row in rows]
        vectors = torch.empty_like(torch.cat(parts))
        vectors[order] = torch.cat(parts)
        whole = vectors.isfinite().all(dim=1)
        vectors = torch.where(whole[:, None], vectors, 0.0).requires_grad_()
        loss = self.loss(vectors, whole)
        gradient = torch.zeros_like(vectors)
        if loss.requires_grad:
            (gradient,) = torch.autograd.grad(self.settings.auxiliary_weight * loss, vectors)
        self.progress.parts["vectors"] = list(gradient[order].split([len(part) for part in parts]))
        self.progress.add({"auxiliary": float(loss.detach()), "policy_norm": norm})
        self.progress.add({"broken_passes": float((~whole).sum())})

    def take_through(self, place: int, rows: list[int]) -> None:
        """Second pass over a micro-batch."""
        gradient = self.progress.parts["vectors"][place]
        moved = [row for row in range(len(rows)) if bool(gradient[row].any())]
        if moved:
            vectors = self.embed([self.sequences[rows[row]] for row in moved])
            (vectors * gradient[moved]).sum().backward()

    def close(self) -> None:
        """Joins the gradients after the second pass."""
        self.progress.add({"auxiliary_norm": self.progress.join_gradients()})

    def embed(self, sequences: list[list[int]]) -> Tensor:
        """Embeddings under the weights as they are."""
        with devices.arithmetic(self.settings.dtype):
            return self.progress.model.embed(sequences, self.settings.micro_batch)

    def loss(self, vectors: Tensor, whole: Tensor) -> Tensor:
        """
        InfoNCE of the queries, half, and the mean of that of the rounds, the other half. Only `whole` vectors take part; a
        constant 0 where fewer than two pairs are.
        """
        first = 0 if self.documents is not None else self.pairs
        documents = vectors[:first] if self.documents is None else self.documents.to(vectors.device)
        there = documents.detach().isfinite().all(dim=1) if self.documents is not None else whole[:first]
        known, temperature = self.known.to(vectors.device), self.settings.auxiliary_temperature
        loss = torch.zeros((), device=vectors.device)
        plain = [row for row in range(self.pairs) if bool(there[row]) and bool(whole[first + row])]
        if plain:
            queries = vectors[first : first + self.pairs]
            loss = loss + info_nce(queries[plain], documents[plain], temperature, known[plain][:, plain]) / 2
        for part in self.rounds:
            rows = [(row, place) for row, place in part if bool(there[row]) and bool(whole[place])]
            if rows:
                mine, places = [row for row, _ in rows], [place for _, place in rows]
                after = info_nce(vectors[places], documents[mine], temperature, known[mine][:, mine])
                loss = loss + after / (2 * len(self.rounds))
        return loss

    def count(self, loss: float, whole: Tensor, policy_norm: float) -> None:
        """Figures of the loss."""
        self.progress.add({"auxiliary": loss, "policy_norm": policy_norm, "broken_passes": float((~whole).sum())})
        self.progress.add({"auxiliary_norm": self.progress.join_gradients()})


def auxiliary_of(
    settings: Settings, progress: Progress, dataset: datasets.Dataset, rollouts: Rollouts, indexed: dict[str, Tensor] | None
) -> Auxiliary | None:
    """
    The auxiliary batch of an update, the same in each of its optimizer steps; None when there is nothing in it. `indexed` are
    embeddings of documents out of the index, which get no gradient.
    """
    on_batch = settings.auxiliary_on == "batch"
    queries = rollouts.queries if on_batch else rollouts.replayed
    if not queries:
        return None
    positives = [dataset.positives[query][rollouts.iteration % len(dataset.positives[query])] for query in queries]
    text = progress.model.text
    documents: Tensor | None = None
    sequences: list[list[int]] = []
    if indexed is None:
        sequences += text.plain("document", [dataset.corpus[document] for document in positives])
    else:
        documents = torch.stack([indexed[document] for document in positives])
    sequences += text.plain("query", [dataset.queries[query] for query in queries])
    rounds: list[list[tuple[int, int]]] = []
    for number in range(rollouts.group if on_batch else 1):
        rows = [
            (query, query * rollouts.group + number if on_batch else rollouts.samples + query) for query in range(len(queries))
        ]
        reasoned = [(query, row) for query, row in rows if rollouts.valid[row]]
        if reasoned:
            rounds.append([(query, len(sequences) + place) for place, (query, _) in enumerate(reasoned)])
            sequences += [[*rollouts.prompts[row], *rollouts.completions[row]] for _, row in reasoned]
    known = known_positives(dataset, queries, positives)
    return Auxiliary(settings, progress, sequences, documents, len(queries), rounds, known)


def known_positives(dataset: datasets.Dataset, queries: list[str], positives: list[str]) -> Tensor:
    """[i, j], i != j: document j is a positive of query i, too, or has the text of one."""
    texts = [{dataset.corpus[document] for document in dataset.positives[query]} for query in queries]
    rows = [
        [i != j and dataset.corpus[document] in texts[i] for j, document in enumerate(positives)] for i in range(len(queries))
    ]
    return torch.tensor(rows)
