"""What a step of stage 1 reads: its sequences in all views, a pure function of seed, step and state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor

from pawl_trainer import seeds
from pawl_trainer.sft_material import known_positives, pseudo_pairs
from pawl_trainer.sft_state import Trainer


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
        together = [[*prompt, *answer] for prompt, answer in zip(prompts, answers, strict=True)]
        places = [
            list(range(len(prompt) - 1, len(prompt) + len(answer) - 1)) for prompt, answer in zip(prompts, answers, strict=True)
        ]
        return self._add(together, places)

    def _add(self, sequences: Sequence[list[int]], wanted: list[list[int]]) -> slice:
        first = self.rows
        self.sequences.extend(sequences)
        self.wanted.extend(wanted)
        self.rows += sum(len(positions) for positions in wanted)
        return slice(first, self.rows)


@dataclass(frozen=True)
class StepBatch:
    """
    The sequences of a step, and where their states stand among all that are wanted. `reasoned` are queries with reasonings
    of their own, those of the rows `own`; `spoken` are the positions of the answers. Documents are the positives of the
    queries, then hard negatives; `known` [queries, documents] marks what is a positive although it is not the row's. The
    answers are those of the rows `taught`.
    """

    view: View
    plain: slice
    documents: slice
    known: Tensor
    reasoned: slice
    own: list[int]
    left: slice
    right: slice
    pair_known: Tensor
    spoken: slice
    taught: list[int]
    prompts: list[list[int]]
    answers: list[list[int]]


def step_batch(trainer: Trainer, weights: dict[str, float]) -> StepBatch:
    """
    The batch of the step that is next. All sequences of all views are in one view, so that they go through the network
    together: more rows to sort, less padding. What only a loss without a weight needs is left out.
    """
    settings, state, material, model = trainer.settings, trainer.state, trainer.material, trainer.model
    chance = seeds.chooser(trainer.job.seed, "step", state.step)
    batch = trainer.draw.at(state.step)
    positives = [chance.choice(material.positives[query]) for query in batch]
    mined = state.hard or material.negatives
    hard = [
        document
        for query in batch
        if query in mined
        for document in chance.sample(mined[query], min(settings.negatives, len(mined[query])))
    ]
    own = [row for row, query in enumerate(batch[: trainer.own_rows]) if query in state.own]
    if weights["infonce_reason"] == 0:
        own = []
    taught = [row for row, query in enumerate(batch) if row not in set(own) and query in material.targets]
    pairs, pair_known = pseudo_pairs(material, model.text, settings.pairs, chance)
    if weights["infonce"] == 0:
        pairs = []
    if weights["ce"] == 0 and weights["kl"] == 0 and weights["infonce_target"] == 0:
        taught = []
    plain = batch if weights["infonce"] > 0 or weights["triplet"] > 0 else []
    told = taught if weights["infonce_target"] > 0 else []
    documents = [*positives, *hard] if plain or own or told else []

    view = View()
    ends = [model.contract.embed_id, model.contract.end_id]
    prompts = [material.prompts[batch[row]] for row in taught]
    answers = [[*material.targets[batch[row]], *ends] for row in taught]
    return StepBatch(
        view=view,
        plain=view.at_end([material.plain[query] for query in plain]),
        documents=view.at_end([material.documents[document] for document in documents]),
        known=known_positives(material, batch, [*positives, *hard]),
        reasoned=view.at_end([[*material.prompts[batch[row]], *state.own[batch[row]]] for row in own]),
        own=own,
        left=view.at_end([pair[0] for pair in pairs]),
        right=view.at_end([pair[1] for pair in pairs]),
        pair_known=pair_known,
        spoken=view.after_prompt(prompts, answers),
        taught=taught,
        prompts=prompts,
        answers=answers,
    )
