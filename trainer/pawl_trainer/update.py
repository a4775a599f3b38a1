"""update: the second half of a GRPO iteration. Policy gradient steps, with a contrastive loss that holds the geometry.

The rollouts are used `epochs` times, each time in mini-batches of whole groups in an order of their own; every mini-batch
is one optimizer step, whose micro-batches are dealt to the processes that share the job. With it goes the auxiliary loss,
whole each time: without it the policy gradient wrecks the embedding. With one update a rollout the importance ratio is 1 in
value, and clipping never acts.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pawl_trainer import dataset as datasets
from pawl_trainer import jsonl, language_model, optimizer, schemas, seeds
from pawl_trainer.job import Job
from pawl_trainer.update_auxiliary import Auxiliary, auxiliary_of
from pawl_trainer.update_figures import collapses, figures_of
from pawl_trainer.update_policy import Graded, Policy
from pawl_trainer.update_rollouts import Rollouts, read_rollouts
from pawl_trainer.update_settings import Settings, learning_rate
from pawl_trainer.update_state import Progress

KIND = schemas.load("steps/rl.update.json")
DOCUMENTS = {"type": "folder", "required": False, "help": "Embeddings out of the index: ids.jsonl and vectors.f32."}
NO_REPLAY = (
    "Update: `auxiliary_weight` is above 0, but the rollouts have no replayed pairs, so there is no auxiliary loss. Give "
    "rl.rollout `replay`, or rl.update `auxiliary_on: batch` or `auxiliary_weight: 0`."
)
DECLARED: dict[str, Any] = {**KIND, "inputs": {**KIND["inputs"], "documents": DOCUMENTS}}


def run(job: Job) -> dict[str, float]:
    """Writes the new policy and its optimizer; returns the figures of the step."""
    settings = job.settings(Settings)
    start = language_model.load(job, job.artifact("policy"))
    with job.timed("read"):
        rollouts = read_rollouts(job.artifact("rollouts").path)
    wanted = job.optional_artifact("reference")
    reference = None if wanted is None else language_model.load(job, wanted)
    # Ratios compare with what was sampled, and sampling drops nothing.
    model = start.for_training(settings.gradient_checkpointing, dropout=False)
    lr = learning_rate(settings, rollouts.iteration)
    adamw = optimizer.adamw(model.network, lr, settings.weight_decay)
    state = job.optional_artifact("state")
    before = 0 if state is None else optimizer.restore(adamw, model.network, state.path)
    seeds.set_global(seeds.derive(job.seed, "update", before))

    progress = Progress(job, model, adamw, rollouts.prompts)
    policy = Policy.of(settings, rollouts, reference, progress)
    auxiliary = None
    if settings.auxiliary_weight > 0:
        dataset = datasets.load(job, job.artifact("data"))
        auxiliary = auxiliary_of(settings, progress, dataset, rollouts, indexed_documents(job))
    if job.resume is not None:
        progress.restore(job.resume)
    graded = optimise(policy, auxiliary, before)
    if not job.leads:
        return {}
    figures = figures_of(policy, graded, lr)
    told = [] if state is None else optimizer.told(state.path)
    wrong = collapses(figures)
    if settings.auxiliary_weight > 0 and settings.auxiliary_on == "replay" and not rollouts.replayed:
        wrong["no_replay"] = NO_REPLAY
    for name, message in wrong.items():
        if name not in told:
            job.warn(message)
    with job.timed("save"):
        language_model.save(model, job.output("model"))
        optimizer.save(adamw, model.network, job.output("state"), before + progress.steps, sorted(wrong))
    return figures


def optimise(policy: Policy, auxiliary: Auxiliary | None, before: int = 0) -> Graded:
    """Takes all optimizer steps of an update; returns what the samples were graded with. `before` steps came earlier."""
    progress, settings = policy.progress, policy.settings
    with progress.job.timed("reference"):
        progress.deal_parts("reference", policy.reference_units())
    graded = policy.graded()
    for queries in mini_batches(settings, policy.rollouts):
        with progress.job.timed("policy"):
            progress.deal(policy.units(graded, queries))
        if auxiliary is not None:
            with progress.job.timed("auxiliary"):
                progress.together(auxiliary.add_gradient)
        progress.together(partial(progress.take_step, settings.clip, before))
    progress.add_up()
    return graded


def mini_batches(settings: Settings, rollouts: Rollouts) -> list[list[int]]:
    """
    The numbers of the queries of each optimizer step. An epoch is cut into as few parts of at most `mini_batch` queries as
    there can be, which differ by one query at most; their order depends on the iteration and the epoch only. Pure.
    """
    count = len(rollouts.queries)
    parts = -(-count // (settings.mini_batch or count))
    batches: list[list[int]] = []
    for epoch in range(settings.epochs):
        order = list(range(count))
        if parts > 1:
            seeds.chooser(0, "mini-batches", rollouts.iteration, epoch).shuffle(order)
        batches += [order[place * count // parts : (place + 1) * count // parts] for place in range(parts)]
    return batches


def indexed_documents(job: Job) -> dict[str, Tensor] | None:
    """The embeddings that were taken out of the index, by document; None where documents are encoded."""
    if job.inputs.get("documents") is None:
        return None
    folder = Path(job.inputs["documents"])
    names = [row["document"] for row in jsonl.read(folder / "ids.jsonl", {"document": str})]
    vectors = torch.from_numpy(np.fromfile(folder / "vectors.f32", dtype="<f4").reshape(len(names), -1).copy())
    return dict(zip(names, vectors, strict=True))
