"""The losses of a step of stage 1, from one forward pass over all views of the batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pawl_trainer import seeds
from pawl_trainer.batching import hidden_at
from pawl_trainer.likelihood import in_parts
from pawl_trainer.losses import info_nce, triplet
from pawl_trainer.sampling import IMPOSSIBLE
from pawl_trainer.sft_material import known_positives, pseudo_pairs
from pawl_trainer.sft_state import Trainer, batch_at


def step_losses(trainer: Trainer) -> dict[str, Tensor]:
    """
    The losses of a step by name. All sequences of all views go through the network in one pass over length buckets: more
    rows to sort, less padding.
    """
    settings, state, material, model = trainer.settings, trainer.state, trainer.material, trainer.model
    chance = seeds.chooser(trainer.job.seed, "step", state.step)
    batch = batch_at(trainer, state.step)
    positives = [chance.choice(material.positives[query]) for query in batch]
    hard = [chance.choice(state.hard[query]) for query in batch if query in state.hard]
    own = [row for row, query in enumerate(batch[: trainer.own_rows]) if query in state.own]
    taught = [query for row, query in enumerate(batch) if row not in set(own) and query in material.targets]
    pairs, pair_known = pseudo_pairs(material, model.text, settings.pairs, chance)

    view = View()
    plain = view.at_end([material.plain[query] for query in batch])
    documents = view.at_end([material.documents[document] for document in positives])
    negatives = view.at_end([material.documents[document] for document in hard])
    reasoned = view.at_end([[*material.prompts[batch[row]], *state.own[batch[row]]] for row in own])
    left = view.at_end([pair[0] for pair in pairs])
    right = view.at_end([pair[1] for pair in pairs])
    ends = [model.contract.embed_id, model.contract.end_id]
    answers = [[*material.targets[query], *ends] for query in taught] if settings.ce_weight or settings.kl_weight else []
    spoken = view.after_prompt([material.prompts[query] for query in taught], answers)
    states = hidden_at(
        model.network,
        view.sequences,
        view.wanted,
        rows=settings.micro_batch,
        side=model.contract.padding,
        pad_id=model.contract.pad_id,
    )
    known = known_positives(material, batch, positives)
    target = model.finish(states[documents])
    query = model.finish(states[plain])
    extra = model.finish(states[negatives]) if hard else None
    losses = {"infonce": info_nce(query, target, settings.temperature, known, extra)}
    losses["triplet"] = triplet((query * target).sum(1), hardest(query, target, known, extra), settings.margin)
    if own:
        losses["infonce_reason"] = reasoned_info_nce(model.finish(states[reasoned]), target, own, known, settings.temperature)
    if pairs:
        losses["infonce_pairs"] = info_nce(
            model.finish(states[left]), model.finish(states[right]), settings.temperature, pair_known.to(states.device)
        )
    if answers:
        tokens = torch.tensor([token for answer in answers for token in answer], device=states.device)
        losses.update(language_losses(trainer, view, states[spoken], tokens, spoken))
    return losses


@dataclass
class View:
    """Sequences collected for one pass, and which of the resulting rows belong to what."""

    sequences: list[list[int]] = field(default_factory=list)
    wanted: list[list[int]] = field(default_factory=list)
    rows: int = 0

    def at_end(self, sequences: Sequence[list[int]]) -> slice:
        """Adds sequences of which the state at the last token is wanted."""
        return self._add(sequences, [[len(sequence) - 1] for sequence in sequences])

    def after_prompt(self, prompts: Sequence[list[int]], answers: Sequence[list[int]]) -> slice:
        """Adds prompts with answers, of which the states before each token of the answer are wanted."""
        together = [[*prompt, *answer] for prompt, answer in zip(prompts, answers, strict=bool(answers))]
        places = [
            list(range(len(prompt) - 1, len(prompt) + len(answer) - 1))
            for prompt, answer in zip(prompts, answers, strict=bool(answers))
        ]
        return self._add(together, places)

    def _add(self, sequences: Sequence[list[int]], wanted: list[list[int]]) -> slice:
        first = self.rows
        self.sequences.extend(sequences)
        self.wanted.extend(wanted)
        self.rows += sum(len(positions) for positions in wanted)
        return slice(first, self.rows)


def hardest(query: Tensor, target: Tensor, known: Tensor, extra: Tensor | None) -> Tensor:
    """The cosine of each query to its nearest negative."""
    own = torch.eye(len(query), dtype=torch.bool, device=query.device)
    similarity = (query @ target.T).masked_fill(known.to(query.device) | own, -1.0)
    nearest = similarity.max(dim=1).values
    return nearest if extra is None else torch.maximum(nearest, (query @ extra.T).max(dim=1).values)


def reasoned_info_nce(vectors: Tensor, target: Tensor, rows: list[int], known: Tensor, temperature: float) -> Tensor:
    """InfoNCE of the rows that have a reasoning, against the documents of the whole batch."""
    others = [row for row in range(len(target)) if row not in set(rows)]
    mask = known[rows]
    logits = vectors @ target[[*rows, *others]].T / temperature
    logits = logits.masked_fill(mask[:, [*rows, *others]].to(logits.device), float("-inf"))
    goal = torch.arange(len(rows), device=logits.device)
    back = logits[:, : len(rows)].T
    return (torch.nn.functional.cross_entropy(logits, goal) + torch.nn.functional.cross_entropy(back, goal)) / 2


def language_losses(trainer: Trainer, view: View, states: Tensor, tokens: Tensor, rows: slice) -> dict[str, Tensor]:
    """Cross-entropy on the reasoning targets and, if it has a weight, KL(start || model) over the old vocabulary."""
    model, start = trainer.model, trainer.start
    head = model.network.get_output_embeddings()
    before: Tensor | None = None
    if trainer.settings.kl_weight > 0:
        with torch.no_grad():
            everything = hidden_at(
                start.network,
                view.sequences,
                view.wanted,
                rows=trainer.settings.micro_batch,
                side=model.contract.padding,
                pad_id=model.contract.pad_id,
            )
        before = everything[rows]

    def of_tokens(part: Tensor, target: Tensor, old: Tensor) -> tuple[Tensor, Tensor]:
        logits = head(part).float()
        entropy = torch.nn.functional.cross_entropy(logits, target, reduction="none")
        if before is None:
            return entropy, torch.zeros_like(entropy)
        frozen = start.network.get_output_embeddings()(old).float()
        new_token = torch.tensor([model.contract.embed_id], device=logits.device)
        new_log = logits.index_fill(1, new_token, IMPOSSIBLE).log_softmax(-1)
        old_log = frozen.index_fill(1, new_token, IMPOSSIBLE).log_softmax(-1)
        return entropy, (old_log.exp() * (old_log - new_log)).sum(-1)

    width = model.network.config.vocab_size
    entropy, divergence = in_parts(of_tokens, states, tokens, states if before is None else before, width=width)
    losses = {"ce": entropy.mean()}
    if before is not None:
        losses["kl"] = divergence.mean()
    return losses
