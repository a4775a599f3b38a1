"""Evaluation while stage 1 trains: exact ranks of the queries of a split by the model as it is, and the best so far."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from pawl_trainer import checkpoint, devices, optimizer, sharding
from pawl_trainer.dataset import Dataset
from pawl_trainer.encoding import TextEncoder
from pawl_trainer.ranking import ndcg, ranks_of
from pawl_trainer.sampling import Sampling, sample
from pawl_trainer.sft_material import Dev, dev_material
from pawl_trainer.sft_state import Best, Settings, Trainer

FIGURES = ("dev_ndcg_at_10", "dev_accuracy")
QUERIES_AT_ONCE = 256  # whose scores are in memory together


def material(text: TextEncoder, dataset: Dataset, settings: Settings) -> Dev:
    """What is evaluated by these settings."""
    return dev_material(
        text,
        dataset,
        split=settings.eval_split,
        queries=settings.eval_queries,
        corpus=settings.eval_corpus,
        mode=settings.eval_mode,
    )


def is_due(trainer: Trainer) -> bool:
    """Whether the model is evaluated after the step that was just made: every so many, and after the last."""
    settings, step = trainer.settings, trainer.state.step
    return settings.eval_every > 0 and (step % settings.eval_every == 0 or step == settings.steps)


def is_over(trainer: Trainer) -> bool:
    """Whether training has ended: all steps are made, or so many evaluations were no better than an earlier one."""
    settings, state = trainer.settings, trainer.state
    tired = settings.patience > 0 and state.best is not None and state.best.since >= settings.patience
    return state.step >= settings.steps or tired


def look(trainer: Trainer) -> dict[str, float]:
    """Evaluates, and keeps the model where it is the best so far and the best is asked for. Returns the figures."""
    assert trainer.dev is not None
    figures = evaluate(trainer, trainer.dev)
    state, step = trainer.state, trainer.state.step
    value = figures[f"dev_{trainer.settings.select}"]
    before = state.best
    if before is not None and value <= before.value:
        state.best = Best(before.value, before.step, before.since + 1)
        return figures
    state.best = Best(value, step)
    if trainer.settings.output == "best":
        keep(trainer)
    return figures


def evaluate(trainer: Trainer, dev: Dev) -> dict[str, float]:
    """
    dev_ndcg_at_10, and dev_accuracy: the share of queries whose nearest document is relevant. Draws nothing, and leaves the
    model in training mode.
    """
    settings, model = trainer.settings, trainer.model
    model.network.eval()
    with torch.inference_mode():
        with devices.arithmetic(settings.dtype):
            documents = model.embed(dev.documents, settings.micro_batch)
            asked = reasoned(trainer, dev) if settings.eval_mode == "greedy" else dev.queries
            queries = model.embed(asked, settings.micro_batch)
        ranks: list[dict[int, int]] = []
        for start in range(0, len(queries), QUERIES_AT_ONCE):
            scores = (queries[start : start + QUERIES_AT_ONCE] @ documents.T).cpu()
            for number, row in enumerate(scores, start=start):
                ranks.append(ranks_of(row, list(dev.relevant[number]), dev.ignored[number]))
    model.network.train()
    gains = [ndcg(grades, found) for grades, found in zip(dev.relevant, ranks, strict=True)]
    first = [min(found.values()) == 1 for found in ranks]
    return {"dev_ndcg_at_10": sum(gains) / len(gains), "dev_accuracy": sum(first) / len(first)}


def reasoned(trainer: Trainer, dev: Dev) -> list[list[int]]:
    """The prompts, each with the most likely reasoning; the embed token is added where it did not come."""
    model, rows = trainer.model, trainer.settings.micro_batch
    sampling = Sampling(0.0, trainer.settings.min_new, model.contract.max_tokens["reason"])
    sequences = []
    for start in range(0, len(dev.queries), rows):
        prompts = dev.queries[start : start + rows]
        for prompt, found in zip(prompts, sample(model, prompts, None, sampling), strict=True):
            sequences.append([*prompt, *found.ids, *([] if found.valid else [model.contract.embed_id])])
    return sequences


def keep(trainer: Trainer) -> None:
    """Writes weights and optimizer as the best so far, in place of those that were."""
    weights = trainer.model.learnt()
    kept = optimizer.keep(trainer.optimizer, trainer.model.network, trainer.state.step)
    if not trainer.job.leads:
        return
    folder = place(trainer)
    checkpoint.remove(folder.parent)
    folder.mkdir(parents=True)  # files of their own: those of an earlier best may be part of a checkpoint
    save_file(weights, folder / "weights.safetensors")
    kept.write(folder)


def place(trainer: Trainer) -> Path:
    """The folder of the best weights and their optimizer, which the first process writes."""
    assert trainer.state.best is not None
    return (trainer.job.leader or trainer.job.work) / "best" / str(trainer.state.best.step)


def save(trainer: Trainer, folder: Path) -> None:
    """Makes the best so far, where it is kept, a part of a checkpoint."""
    if trainer.state.best is not None and trainer.settings.output == "best":
        (folder / "best").mkdir()
        for path in place(trainer).iterdir():
            checkpoint.share(path, folder / "best" / path.name)


def restore(trainer: Trainer, folder: Path) -> None:
    """Takes the best so far out of a checkpoint."""
    if (folder / "best").exists() and trainer.job.leads:
        checkpoint.remove(place(trainer).parent)
        shutil.copytree(folder / "best", place(trainer))


def result(trainer: Trainer) -> dict[str, float]:
    """The figures of the model that comes out, and the step of the best one; nothing where it was not evaluated."""
    state = trainer.state
    if state.best is None:
        return {}
    row = state.losses[state.best.step - 1 if trainer.settings.output == "best" else -1]
    return {**{name: row[name] for name in FIGURES}, "best_step": state.best.step}


def take_best(trainer: Trainer, state: Path) -> None:
    """Puts the model back to the best, and writes the optimizer of then into the folder `state`."""
    if sharding.in_parts(trainer.model.network):
        trainer.job.wait()  # for the first process, which wrote it
    trainer.model.relearn(load_file(place(trainer) / "weights.safetensors"))
    for name in ("optimizer.safetensors", "state.json"):
        shutil.copyfile(place(trainer) / name, state / name)
