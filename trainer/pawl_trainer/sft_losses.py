"""The losses of a step of stage 1, from the hidden states of its batch."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from pawl_trainer.batching import hidden_at
from pawl_trainer.distributed import by_rows
from pawl_trainer.likelihood import in_parts
from pawl_trainer.losses import divergence, hardest, info_nce, left_out, triplet
from pawl_trainer.sft_batch import StepBatch
from pawl_trainer.sft_schedule import Scheduled
from pawl_trainer.sft_state import Trainer

FIGURES = ("triplet_active", "left_out")
NEVER = 2.0  # a margin that no difference of cosines exceeds


def step_losses(trainer: Trainer, batch: StepBatch, now: Scheduled, states: Tensor) -> dict[str, Tensor]:
    """
    The losses that apply to the batch, by name, each a mean over it; `states` are those that its view wants. Beside them the
    FIGURES of the queries without reasoning: the share of triplets whose loss is above 0, and of negatives that are masked.
    """
    settings, finish = trainer.settings, trainer.model.finish
    margin = None if settings.false_negative_margin >= NEVER else settings.false_negative_margin
    contrast = partial(info_nce, temperature=now.temperature, margin=margin, back=settings.directions == "both")
    losses: dict[str, Tensor] = {}
    known = batch.known.to(states.device)
    documents = finish(states[batch.documents])
    if batch.plain.stop > batch.plain.start:
        queries = finish(states[batch.plain])
        losses["infonce"] = contrast(queries, documents, known=known)
        own = (queries * documents[: len(queries)]).sum(1)
        apart = hardest(queries, documents, known, margin)
        losses["triplet"] = triplet(own, apart, now.margin)
        losses["triplet_active"] = (apart - own + now.margin > 0).float().mean()
        losses["left_out"] = left_out(queries, documents, known, margin)

    def after_reasoning(vectors: Tensor, rows: list[int]) -> Tensor:
        # The positives of these rows come first, then all other documents.
        order = [*rows, *(place for place in range(len(documents)) if place not in set(rows))]
        return contrast(vectors, documents[order], known=known[rows][:, order])

    if batch.own:
        losses["infonce_reason"] = after_reasoning(finish(states[batch.reasoned]), batch.own)
    if batch.taught and now.weights["infonce_target"] > 0:
        # What comes before the last token of an answer, the end of the turn, is the embed token.
        ends = torch.tensor([len(answer) for answer in batch.answers], device=states.device).cumsum(0) - 1
        losses["infonce_target"] = after_reasoning(finish(states[batch.spoken][ends]), batch.taught)
    if batch.left.stop > batch.left.start:
        left, right = finish(states[batch.left]), finish(states[batch.right])
        losses["infonce_pairs"] = contrast(left, right, known=batch.pair_known.to(states.device))
    if batch.answers and now.weights["ce"] + now.weights["kl"] > 0:
        losses.update(language_losses(trainer, batch, now.weights["kl"] > 0, states[batch.spoken]))
    return losses


def language_losses(trainer: Trainer, batch: StepBatch, with_kl: bool, states: Tensor) -> dict[str, Tensor]:
    """
    Cross-entropy on the answers and, if asked for, KL to the frozen start on their text: not where the embed token is what
    comes next or what was last read, of which the start knows nothing.
    """
    model, start, settings = trainer.model, trainer.start, trainer.settings
    tokens = torch.tensor([token for answer in batch.answers for token in answer], device=states.device)
    head = model.network.get_output_embeddings()
    embed = model.contract.embed_id
    hidden = embed if settings.kl_vocabulary == "old" else None

    def entropy(part: Tensor, target: Tensor) -> tuple[Tensor, ...]:
        return (torch.nn.functional.cross_entropy(head(part).float(), target, reduction="none"),)

    def both(part: Tensor, target: Tensor, before: Tensor) -> tuple[Tensor, ...]:
        logits = head(part).float()
        frozen = start.network.get_output_embeddings()(before).float()
        between = divergence(frozen, logits, reverse=settings.kl_direction == "reverse", without=hidden)
        return torch.nn.functional.cross_entropy(logits, target, reduction="none"), between

    width = model.network.config.vocab_size
    if not with_kl:
        return {"ce": by_rows(partial(in_parts, entropy, width=width), states, tokens)[0].mean()}
    before = states_before(trainer, batch)
    entropies, divergences = by_rows(partial(in_parts, both, width=width), states, tokens, before)
    is_text = torch.tensor(
        [at < len(answer) - 2 for answer in batch.answers for at in range(len(answer))], device=states.device
    )
    # An answer may be the embed token alone; where all are, there is no text to hold the model to.
    return {"ce": entropies.mean(), "kl": divergences[is_text].sum() / is_text.sum().clamp(min=1)}


def states_before(trainer: Trainer, batch: StepBatch) -> Tensor:
    """The states of the frozen start at the positions of the answers."""
    contract = trainer.model.contract
    with torch.no_grad():
        return hidden_at(
            trainer.start.network,
            [[*prompt, *answer] for prompt, answer in zip(batch.prompts, batch.answers, strict=True)],
            [
                list(range(len(prompt) - 1, len(prompt) + len(answer) - 1))
                for prompt, answer in zip(batch.prompts, batch.answers, strict=True)
            ],
            rows=trainer.settings.micro_batch,
            side=contract.padding,
            pad_id=contract.pad_id,
        )
