"""sft: stage 1. Teaches a model to reason about a query and to end the reasoning in an embedding.

Two views of a query. Plain, without reasoning: InfoNCE and a triplet loss at the embed token. Reasoned: cross-entropy on
the reasoning target up to <embed><end>, KL to the frozen start if asked for, and, from `self_from` on, InfoNCE after
reasoning that the model has sampled itself. Pseudo pairs (a name or a span against the rest of a function) add to the
plain view; from `hard_from` on so do mined hard negatives.

All that is drawn is keyed by the seed and the step, so a checkpoint is: weights, optimizer, step, the libraries' generators,
the mined negatives and the sampled reasonings.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from pawl_trainer import dataset as datasets
from pawl_trainer import (
    devices,
    distributed,
    grad_cache,
    language_model,
    optimizer,
    seeds,
    sft_dev,
    sft_schedule,
    sharding,
    teacher,
)
from pawl_trainer.batching import Passes, buckets
from pawl_trainer.failures import Failure
from pawl_trainer.job import Job
from pawl_trainer.sampling import Sampling, sample
from pawl_trainer.sft_batch import step_batch
from pawl_trainer.sft_losses import FIGURES, step_losses
from pawl_trainer.sft_material import tokenise
from pawl_trainer.sft_state import Settings, State, Trainer, check_sets, gathered, learning_rate, restore, save

HARD_CANDIDATES = 10  # a hard negative is one of so many nearest documents
EPOCHS_PER_MINING = 2
SAMPLE_ROWS = 512


def run(job: Job) -> dict[str, float]:
    """Trains; writes the model and the optimizer; returns the losses of the last tenth of the steps."""
    trainer = prepare(job)
    settings = trainer.settings
    others = (lambda _: take_part(trainer)) if sharding.in_parts(trainer.model.network) else None
    while not sft_dev.is_over(trainer):
        refresh_material(trainer)
        losses = train_step(trainer)
        trainer.state.step += 1
        if sft_dev.is_due(trainer):
            with job.timed("evaluate"):
                losses |= sft_dev.look(trainer)
        trainer.state.losses.append(losses)
        step = trainer.state.step
        job.metrics(step, losses)
        job.progress(step, settings.steps, f"loss {losses['loss']:.3f}")
        if not sft_dev.is_over(trainer) or job.agree([job.stop.asked])[0]:
            job.boundary(step, lambda folder: save_all(trainer, folder), others)
    job.finish()
    with job.timed("save"):
        finish(trainer)
    return summary(trainer) if job.leads else {}


def finish(trainer: Trainer) -> None:
    """Writes model and optimizer; of weights in parts all processes gather them together."""
    job, model = trainer.job, trainer.model
    if not job.leads and not sharding.in_parts(model.network):
        return
    state = job.output("state")
    if trainer.settings.output == "best":
        sft_dev.take_best(trainer, state)
    else:
        optimizer.save(trainer.optimizer, model.network, state, trainer.state.step)
    language_model.save(model, job.output("model"))


def prepare(job: Job) -> Trainer:
    """Everything that the steps work with, at the checkpoint that the job resumes from."""
    settings = job.settings(Settings)
    schedules = sft_schedule.read(goals(settings), settings.schedules, settings.steps)
    start = language_model.load(job, job.artifact("model"))
    dataset = datasets.load(job, job.artifact("data"))
    with job.timed("tokenise"):
        taught = reasonings(job, dataset, start)
        material = tokenise(start.text, dataset, settings.split, settings.pairs > 0, taught)
        dev = None if settings.eval_every == 0 else sft_dev.material(start.text, dataset, settings)
    model = start.for_training(settings.gradient_checkpointing)
    if settings.parallel == "fsdp":
        sharding.shard(model.network)
        own, total = sharding.counts(model.network)
        size = distributed.world().size
        job.log("info", f"Each of {size} processes keeps {own} of {total} weights, with their gradient and optimizer.")
    trainer = Trainer(
        job,
        settings,
        model,
        start,
        material,
        dev,
        schedules,
        optimizer.adamw(model.network, settings.lr, settings.weight_decay),
        State(),
    )
    check_sets(trainer)
    warn_of_targets(trainer)
    seeds.set_global(seeds.derive(job.seed, "sft"))
    if job.resume is not None:
        restore(trainer, job.resume)
        sft_dev.restore(trainer, job.resume)
    return trainer


def reasonings(job: Job, dataset: datasets.Dataset, model: language_model.LanguageModel) -> dict[str, str] | None:
    """The reasoning targets of a teacher, where there is one."""
    folder = job.optional_artifact("reasoning")
    return None if folder is None else teacher.read(folder.path, dataset, model.contract.embed_token)


def warn_of_targets(trainer: Trainer) -> None:
    """Says when queries have nothing to learn to say."""
    settings, material = trainer.settings, trainer.material
    missing = len(material.queries) - len(material.targets)
    if missing > 0 and settings.ce_weight > 0:
        some = f"{missing} of {len(material.queries)} queries" if material.targets else "No query"
        verb = "have no reasoning target" if material.targets else "has a reasoning target"
        trainer.job.warn(f"{some} of the split `{settings.split}` {verb}: cross-entropy does not see them.")


def refresh_material(trainer: Trainer) -> None:
    """Before a step: mines hard negatives and samples own reasonings where their time has come."""
    settings, state = trainer.settings, trainer.state
    done = state.step / settings.steps
    if settings.hard_from < 1 and done >= settings.hard_from:
        due = (state.step - first_step(settings.hard_from, settings.steps)) % (EPOCHS_PER_MINING * trainer.draw.epoch_steps)
        if due == 0 or not state.hard:
            with trainer.job.timed("mine"):
                state.hard = mine(trainer)
    if settings.self_from < 1 and trainer.own_rows > 0 and done >= settings.self_from:
        due = (state.step - first_step(settings.self_from, settings.steps)) % trainer.draw.epoch_steps
        if due == 0 and needs_own(trainer):
            with trainer.job.timed("sample"):
                state.own = sample_own(trainer)


def needs_own(trainer: Trainer) -> bool:
    """Whether a step before the next sampling has a weight for what is sampled."""
    first, steps = trainer.state.step, trainer.settings.steps
    coming = range(first, min(first + trainer.draw.epoch_steps, steps))
    return any(sft_schedule.at(trainer.schedules, step, steps).weights["infonce_reason"] > 0 for step in coming)


def first_step(share: float, steps: int) -> int:
    """The first step at which `share` of the steps are done."""
    return next(step for step in range(steps + 1) if step / steps >= share)


def mine(trainer: Trainer) -> dict[str, list[str]]:
    """
    For every query the nearest documents that are neither its positives, nor have the text of one, nor are so near that
    they may be positives: at most (1 - hard_margin) as similar as the positive.
    """
    settings, material = trainer.settings, trainer.material
    documents = sorted(material.documents)
    columns: dict[int, list[int]] = {}
    for number, document in enumerate(documents):
        columns.setdefault(material.same_text[document], []).append(number)
    trainer.model.network.eval()
    with torch.inference_mode(), devices.arithmetic(settings.dtype):
        vectors = trainer.model.embed([material.documents[document] for document in documents], settings.micro_batch)
        queries = trainer.model.embed([material.plain[query] for query in material.queries], settings.micro_batch)
    trainer.model.network.train()
    mined: dict[str, list[str]] = {}
    for query, vector in zip(material.queries, queries, strict=True):
        similarity = vectors @ vector
        own = {material.same_text[document] for document in material.positives[query]}
        positives = torch.tensor([number for text in own for number in columns[text]], device=vectors.device)
        limit = float(similarity[positives].max()) * (1 - settings.hard_margin)
        similarity[positives] = float("-inf")
        similarity[similarity > limit] = float("-inf")
        near = similarity.topk(min(HARD_CANDIDATES, len(documents)))
        found = [
            documents[number] for number, value in zip(near.indices.tolist(), near.values.tolist(), strict=True) if value > -2
        ]
        if found:
            mined[query] = found
    return mined


def sample_own(trainer: Trainer) -> dict[str, list[int]]:
    """Reasonings that the model samples now for the queries that will use one before the next time; only valid ones."""
    settings, state, material = trainer.settings, trainer.state, trainer.material
    steps = range(state.step, min(state.step + trainer.draw.epoch_steps, settings.steps))
    queries = list(dict.fromkeys(query for step in steps for query in trainer.draw.at(step)[: trainer.own_rows]))
    sampling = Sampling(settings.sampling_temperature, settings.min_new, trainer.model.contract.max_tokens["reason"])
    own: dict[str, list[int]] = {}
    trainer.model.network.eval()
    for start in range(0, len(queries), SAMPLE_ROWS):
        rows = queries[start : start + SAMPLE_ROWS]
        uniforms = seeds.uniforms(trainer.job.seed, [("own", state.step, query) for query in rows], sampling.max_new)
        with devices.arithmetic(settings.dtype):
            completions = sample(trainer.model, [material.prompts[query] for query in rows], uniforms, sampling)
        own.update((query, found.ids) for query, found in zip(rows, completions, strict=True) if found.valid)
    trainer.model.network.train()
    return own


def train_step(trainer: Trainer) -> dict[str, float]:
    """One optimizer step; returns its losses."""
    settings, state, model = trainer.settings, trainer.state, trainer.model
    now = sft_schedule.at(trainer.schedules, state.step, settings.steps)
    batch = step_batch(trainer, now.weights)
    lengths = [len(sequence) for sequence in batch.view.sequences]
    groups = buckets(lengths, settings.micro_batch, settings.micro_tokens)
    if not groups:  # no loss applies to this batch
        return {"loss": 0.0, "grad_norm": 0.0, "lr": learning_rate(trainer, state.step)}
    contract = model.contract
    passes = Passes(batch.view.sequences, batch.view.wanted, groups, contract.padding, contract.pad_id)

    def loss_of(states: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        losses = step_losses(trainer, batch, now, states)
        parts = [now.weights[name] * loss for name, loss in losses.items() if now.weights.get(name, 0) > 0]
        total = torch.stack(parts).sum() if parts else torch.zeros(())
        if not bool(torch.isfinite(total)):
            raise Failure("non_finite", f"The loss is not finite at step {state.step}. Lower the learning rate.")
        return total, losses

    gradient = grad_cache.two_passes if settings.grad_cache else grad_cache.plain
    own = distributed.own_chance(trainer.job.seed, "step", state.step)
    with trainer.job.timed("gradient"), own:
        total, losses = gradient(model.network, passes, loss_of, lambda: devices.arithmetic(settings.dtype))
    lr = learning_rate(trainer, state.step)
    optimizer.set_lr(trainer.optimizer, lr)
    norm = optimizer.take_step(trainer.optimizer, model.network, settings.clip, f"step {state.step}")
    values = {name: float(loss.detach()) for name, loss in losses.items()}
    return {"loss": float(total.detach()), **values, "grad_norm": norm, "lr": lr}


def goals(settings: Settings) -> dict[str, float]:
    """The inputs that may have a schedule."""
    return {name: getattr(settings, name) for name in sft_schedule.SCHEDULED}


def save_all(trainer: Trainer, folder: Path) -> Callable[[], None]:
    """Takes a checkpoint, the best so far included; what it returns writes what is large, while training goes on."""
    sft_dev.save(trainer, folder)
    return save(trainer, folder)


def take_part(trainer: Trainer) -> None:
    """What the processes that do not lead do for a checkpoint of weights in parts."""
    gathered(trainer)


def summary(trainer: Trainer) -> dict[str, float]:
    """Means over the last tenth of the steps that were made, and of the loss over the first; and how the model evaluates."""
    losses = trainer.state.losses
    part = max(1, len(losses) // 10)

    def mean(name: str, rows: list[dict[str, float]]) -> float:
        values = [row[name] for row in rows if name in row]
        return sum(values) / len(values) if values else 0.0

    names = ("loss", "ce", "infonce", "infonce_reason", *FIGURES)
    figures = {"first_loss": mean("loss", losses[:part]), **{name: mean(name, losses[-part:]) for name in names}}
    return {**figures, "steps": len(losses), **sft_dev.result(trainer)}
