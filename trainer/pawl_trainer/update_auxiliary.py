"""The auxiliary loss of an update: InfoNCE that holds the geometry which the policy gradient moves.

On replayed supervised pairs, or on the queries of the rollouts themselves: half on the query without reasoning, half after
the reasoning that the policy sampled for it. All pairs are one batch, so all are negatives of each other, whatever goes
through the network at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pawl_trainer import dataset as datasets
from pawl_trainer import devices, grad_cache
from pawl_trainer.batching import Passes, buckets
from pawl_trainer.losses import info_nce
from pawl_trainer.update_rollouts import Rollouts
from pawl_trainer.update_settings import Settings
from pawl_trainer.update_state import Progress


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

    def add_gradient(self) -> None:
        """
        Adds the gradient of the loss; all processes do it together. Sequences whose embedding is no number are counted and left
        out.
        """
        policy_norm = self.progress.collect_gradient()
        held = self.progress.hold_gradient()
        rows = list(range(len(self.sequences)))
        value, whole = self.over(rows)
        while not all(whole):
            self.progress.add_once({"broken_passes": float(whole.count(False))})
            rows = [row for row, fine in zip(rows, whole, strict=True) if fine]
            value, whole = self.over(rows) if rows else (0.0, [])
        norms = {"policy_norm": policy_norm, "auxiliary_norm": self.progress.collect_gradient()}
        self.progress.join_gradients(held)
        processed = float(sum(len(self.sequences[row]) for row in rows))
        self.progress.add_once({"auxiliary": value, "processed": processed, **norms})

    def over(self, rows: list[int]) -> tuple[float, list[bool]]:
        """
        The loss over these sequences, with its gradient, and which embeddings are numbers. Where some are not there is no
        gradient: what is masked behind a NaN still multiplies it by 0, which is NaN.
        """
        model, settings = self.progress.model, self.settings
        sequences = [self.sequences[row] for row in rows]
        groups = buckets([len(sequence) for sequence in sequences], settings.micro_batch)
        ends = [[len(sequence) - 1] for sequence in sequences]
        passes = Passes(sequences, ends, groups, model.contract.padding, model.contract.pad_id)

        def loss_of(states: Tensor) -> tuple[Tensor, tuple[float, list[bool]]]:
            with torch.autocast(states.device.type, enabled=False):
                vectors = model.finish(states)
                whole = vectors.detach().isfinite().all(dim=1).tolist()
                if not all(whole):
                    return torch.zeros((), device=vectors.device), (0.0, whole)
                loss = self.loss(dict(zip(rows, vectors, strict=True)))
                return settings.auxiliary_weight * loss, (float(loss.detach()), whole)

        run = grad_cache.two_passes if settings.auxiliary_grad_cache else grad_cache.plain
        return run(model.network, passes, loss_of, lambda: devices.arithmetic(settings.dtype))[1]

    def loss(self, vectors: dict[int, Tensor]) -> Tensor:
        """
        InfoNCE of the queries, half, and the mean of that of the rounds, the other half, from the embeddings of those
        sequences that have one.
        """
        first = 0 if self.documents is not None else self.pairs
        given = enumerate(self.documents) if self.documents is not None else enumerate(vectors.get(row) for row in range(first))
        documents = {pair: vector for pair, vector in given if vector is not None and bool(vector.isfinite().all())}
        everywhere = next(iter(vectors.values()))

        def nce(asked: list[tuple[int, int]]) -> Tensor:
            there = [(pair, place) for pair, place in asked if pair in documents and place in vectors]
            if not there:
                return torch.zeros((), device=everywhere.device)
            mine = [pair for pair, _ in there]
            return info_nce(
                torch.stack([vectors[place] for _, place in there]),
                torch.stack([documents[pair].to(everywhere.device) for pair in mine]),
                self.settings.auxiliary_temperature,
                self.known[mine][:, mine].to(everywhere.device),
            )

        loss = nce([(pair, first + pair) for pair in range(self.pairs)]) / 2
        for part in self.rounds:
            loss = loss + nce(part) / (2 * len(self.rounds))
        return loss


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
    sequences += text.plain("query", [dataset.queries[query] for query in queries], dataset.around(queries))
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
