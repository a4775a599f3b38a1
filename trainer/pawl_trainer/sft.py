"""sft: stage 1. Teaches a model to reason about a query and to end the reasoning in an embedding.

Two views of a query. Plain, without reasoning: InfoNCE and a triplet loss at the embed token. Reasoned: cross-entropy on
the reasoning target up to <embed><end>, KL to the frozen start if asked for, and, from `self_from` on, InfoNCE after
reasoning that the model has sampled itself. Pseudo pairs (a name or a span against the rest of a function) add to the
plain view; from `hard_from` on so do mined hard negatives.

All that is drawn is keyed by the seed and the step, so a checkpoint is: weights, optimizer, step, the libraries' generators,
the mined negatives and the sampled reasonings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from pawl_trainer import checkpoint, devices, language_model, optimizer, seeds
from pawl_trainer import dataset as datasets
from pawl_trainer.batching import hidden_at
from pawl_trainer.failures import Failure
from pawl_trainer.job import Job
from pawl_trainer.language_model import LanguageModel
from pawl_trainer.likelihood import in_parts
from pawl_trainer.losses import info_nce, triplet
from pawl_trainer.sampling import IMPOSSIBLE, Sampling, sample

HARD_CANDIDATES = 10  # a hard negative is one of so many nearest documents
EPOCHS_PER_MINING = 2
SPAN = (4, 12)  # tokens of a span that stands in for a query
SPAN_SHARE = 0.5  # of pseudo pairs: span -> rest; the others: name -> body
SPAN_KEPT = 0.8  # tokens of a span that stay
SPAN_LEFT_IN = 0.3  # spans that also stay in the document
SAMPLE_ROWS = 512


@dataclass(frozen=True)
class Settings:
    split: str
    steps: int
    batch: int
    micro_batch: int
    lr: float
    warmup: int
    weight_decay: float
    clip: float
    temperature: float
    margin: float
    ce_weight: float
    kl_weight: float
    infonce_weight: float
    infonce_reason_weight: float
    triplet_weight: float
    pairs: int
    hard_from: float
    hard_margin: float
    self_from: float
    self_share: float
    sampling_temperature: float
    min_new: int
    dtype: str


@dataclass
class State:
    """What changes from step to step, beside weights and optimizer."""

    step: int = 0
    losses: list[dict[str, float]] = field(default_factory=list)
    hard: dict[str, list[str]] = field(default_factory=dict)
    own: dict[str, list[int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Material:
    """The dataset as token ids."""

    queries: list[str]
    plain: dict[str, list[int]]
    prompts: dict[str, list[int]]
    targets: dict[str, list[int]]
    positives: dict[str, list[str]]
    documents: dict[str, list[int]]
    same_text: dict[str, int]
    pairs: list[tuple[list[int], list[int]]]

    def __post_init__(self) -> None:
        if len(self.queries) < 2:
            raise Failure("config", "Stage 1 contrasts queries: the split needs two at least.")


@dataclass
class Trainer:
    """All that a step works with."""

    job: Job
    settings: Settings
    model: LanguageModel
    start: LanguageModel
    material: Material
    optimizer: torch.optim.AdamW
    state: State

    @property
    def batch(self) -> int:
        """Queries a step."""
        return min(self.settings.batch, len(self.material.queries))

    @property
    def epoch_steps(self) -> int:
        """Steps in which every query comes up once, but for what does not fill a batch."""
        return len(self.material.queries) // self.batch

    @property
    def own_rows(self) -> int:
        """Rows at the front of a batch that use their own reasoning, once there is some."""
        return round(self.settings.self_share * self.batch)


def run(job: Job) -> dict[str, float]:
    """Trains; writes the model and the optimizer; returns the losses of the last tenth of the steps."""
    settings = job.settings(Settings)
    start = language_model.load(job, job.artifact("model"))
    dataset = datasets.load(job, job.artifact("data"))
    with job.timed("tokenise"):
        material = tokenise(start, dataset, settings)
    model = start.for_training()
    trainer = Trainer(
        job,
        settings,
        model,
        start,
        material,
        optimizer.adamw(model.network, settings.lr, settings.weight_decay),
        State(),
    )
    seeds.set_global(seeds.derive(job.seed, "sft"))
    if job.resume is not None:
        restore(trainer, job.resume)
    while trainer.state.step < settings.steps:
        refresh_material(trainer)
        losses = train_step(trainer)
        trainer.state.step += 1
        trainer.state.losses.append(losses)
        step = trainer.state.step
        job.metrics(step, losses)
        job.progress(step, settings.steps, f"loss {losses['loss']:.3f}")
        if step < settings.steps or job.stop.asked:
            job.boundary(step, lambda folder: save(trainer, folder))
    with job.timed("save"):
        language_model.save(model, job.output("model"))
        optimizer.save(trainer.optimizer, model.network, job.output("state"), trainer.state.step)
    return summary(trainer.state.losses)


def tokenise(model: LanguageModel, dataset: datasets.Dataset, settings: Settings) -> Material:
    """Everything that training reads, as token ids; documents are those of the split's positives."""
    queries = sorted(dataset.split(settings.split))
    texts = [dataset.queries[query] for query in queries]
    documents = sorted({document for query in queries for document in dataset.positives[query]})
    bodies = [dataset.corpus[document] for document in documents]
    thought = [query for query in queries if query in dataset.reasoning]
    targets = model.text.reasoning([dataset.reasoning[query] for query in thought])
    names: list[str] = []
    codes: list[str] = []
    if settings.pairs > 0:
        names = [name for name, _ in dataset.pairs]
        codes = [code for _, code in dataset.pairs]
    number_of_text: dict[str, int] = {}
    return Material(
        queries=queries,
        plain=dict(zip(queries, model.text.plain("query", texts), strict=True)),
        prompts=dict(zip(queries, model.text.prompts(texts), strict=True)),
        targets=dict(zip(thought, targets, strict=True)),
        positives={query: dataset.positives[query] for query in queries},
        documents=dict(zip(documents, model.text.plain("document", bodies), strict=True)),
        same_text={
            document: number_of_text.setdefault(body, len(number_of_text))
            for document, body in zip(documents, bodies, strict=True)
        },
        pairs=list(zip(model.text.content("query", names), model.text.content("document", codes), strict=True)),
    )


def refresh_material(trainer: Trainer) -> None:
    """Before a step: mines hard negatives and samples own reasonings where their time has come."""
    settings, state = trainer.settings, trainer.state
    done = state.step / settings.steps
    if settings.hard_from < 1 and done >= settings.hard_from:
        due = (state.step - first_step(settings.hard_from, settings.steps)) % (EPOCHS_PER_MINING * trainer.epoch_steps)
        if due == 0 or not state.hard:
            with trainer.job.timed("mine"):
                state.hard = mine(trainer)
    if settings.self_from < 1 and trainer.own_rows > 0 and done >= settings.self_from:
        due = (state.step - first_step(settings.self_from, settings.steps)) % trainer.epoch_steps
        if due == 0:
            with trainer.job.timed("sample"):
                state.own = sample_own(trainer)


def first_step(share: float, steps: int) -> int:
    """The first step at which `share` of the steps are done."""
    return next(step for step in range(steps + 1) if step / steps >= share)


def mine(trainer: Trainer) -> dict[str, list[str]]:
    """
    For every query the nearest documents that are neither its positives nor so near that they may be: at most
    (1 - hard_margin) as similar as the positive.
    """
    settings, material = trainer.settings, trainer.material
    documents = sorted(material.documents)
    column = {document: number for number, document in enumerate(documents)}
    with torch.inference_mode(), devices.arithmetic(settings.dtype):
        vectors = trainer.model.embed([material.documents[document] for document in documents], settings.micro_batch)
        queries = trainer.model.embed([material.plain[query] for query in material.queries], settings.micro_batch)
    mined: dict[str, list[str]] = {}
    for query, vector in zip(material.queries, queries, strict=True):
        similarity = vectors @ vector
        positives = torch.tensor([column[document] for document in material.positives[query]], device=vectors.device)
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
    steps = range(state.step, min(state.step + trainer.epoch_steps, settings.steps))
    queries = list(dict.fromkeys(query for step in steps for query in batch_at(trainer, step)[: trainer.own_rows]))
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


def batch_at(trainer: Trainer, step: int) -> list[str]:
    """The queries of a step: every epoch is a permutation of its own."""
    epoch, place = divmod(step, trainer.epoch_steps)
    order = seeds.order_of(trainer.material.queries, "sft", trainer.job.seed, epoch)
    return order[place * trainer.batch : (place + 1) * trainer.batch]


def train_step(trainer: Trainer) -> dict[str, float]:
    """One optimizer step; returns its losses."""
    settings, state = trainer.settings, trainer.state
    with trainer.job.timed("forward"), devices.arithmetic(settings.dtype):
        losses = step_losses(trainer)
        weights = {
            "ce": settings.ce_weight,
            "kl": settings.kl_weight,
            "infonce": settings.infonce_weight,
            "infonce_reason": settings.infonce_reason_weight,
            "infonce_pairs": settings.infonce_weight,
            "triplet": settings.triplet_weight,
        }
        total = torch.stack([weights[name] * loss for name, loss in losses.items() if weights[name] > 0]).sum()
    if not bool(torch.isfinite(total)):
        raise Failure("non_finite", f"The loss is not finite at step {state.step}. Lower the learning rate.")
    lr = optimizer.warm_cosine(state.step, settings.steps, settings.warmup, settings.lr)
    with trainer.job.timed("backward"):
        total.backward()
        optimizer.set_lr(trainer.optimizer, lr)
        norm = optimizer.take_step(trainer.optimizer, trainer.model.network, settings.clip, f"step {state.step}")
    values = {name: float(loss.detach()) for name, loss in losses.items()}
    return {"loss": float(total.detach()), **values, "grad_norm": norm, "lr": lr}


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
    pairs, pair_known = pseudo_pairs(trainer, chance)

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


def known_positives(material: Material, batch: Sequence[str], positives: Sequence[str]) -> Tensor:
    """[i, j], i != j: document j is a positive of query i, too, or has the text of one."""
    texts = [{material.same_text[document] for document in material.positives[query]} for query in batch]
    columns = [material.same_text[document] for document in positives]
    rows = [[i != j and column in texts[i] for j, column in enumerate(columns)] for i in range(len(batch))]
    return torch.tensor(rows)


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


def pseudo_pairs(trainer: Trainer, chance: Any) -> tuple[list[tuple[list[int], list[int]]], Tensor]:
    """Pairs that need no docstring: the name against the body, or a span of the body against the rest."""
    material, text = trainer.material, trainer.model.text
    count = min(trainer.settings.pairs, len(material.pairs))
    chosen = []
    for number in chance.sample(range(len(material.pairs)), count):
        name, body = material.pairs[number]
        if chance.random() < SPAN_SHARE and len(body) > SPAN[1]:
            name, body = span_of(body, chance)
        chosen.append((text.frame("query", name), text.frame("document", body)))
    known = [[i != j and one[1] == other[1] for j, other in enumerate(chosen)] for i, one in enumerate(chosen)]
    return chosen, torch.tensor(known, dtype=torch.bool)


def span_of(body: list[int], chance: Any) -> tuple[list[int], list[int]]:
    """A span with some tokens left out, and the body, mostly without the span."""
    length = chance.randint(*SPAN)
    start = chance.randrange(len(body) - length + 1)
    kept = [token for token in body[start : start + length] if chance.random() < SPAN_KEPT]
    rest = body if chance.random() < SPAN_LEFT_IN else [*body[:start], *body[start + length :]]
    return kept or body[start : start + 1], rest or body


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
        without = torch.full((1,), IMPOSSIBLE, device=logits.device)
        new_log = logits.index_fill(
            1, torch.tensor([model.contract.embed_id], device=logits.device), float(without)
        ).log_softmax(-1)
        old_log = frozen.index_fill(
            1, torch.tensor([model.contract.embed_id], device=logits.device), float(without)
        ).log_softmax(-1)
        return entropy, (old_log.exp() * (old_log - new_log)).sum(-1)

    width = model.network.config.vocab_size
    entropy, divergence = in_parts(of_tokens, states, tokens, states if before is None else before, width=width)
    losses = {"ce": entropy.mean()}
    if before is not None:
        losses["kl"] = divergence.mean()
    return losses


def save(trainer: Trainer, folder: Path) -> None:
    """Writes a checkpoint."""
    plain, generators = seeds.global_state()
    weights = {name: weight.detach().cpu().contiguous() for name, weight in trainer.model.network.named_parameters()}
    save_file(weights, folder / "weights.safetensors")
    save_file(generators, folder / "generators.safetensors")
    (folder / "optimizer").mkdir()
    optimizer.save(trainer.optimizer, trainer.model.network, folder / "optimizer", trainer.state.step)
    state = trainer.state
    checkpoint.write_json(
        folder / "sft.json",
        {
            "schema": 1,
            "step": state.step,
            "losses": state.losses,
            "hard": state.hard,
            "own": state.own,
            "generators": plain,
        },
    )


def restore(trainer: Trainer, folder: Path) -> None:
    """Puts everything back to a checkpoint."""
    saved = checkpoint.read_json(folder / "sft.json")
    weights = load_file(folder / "weights.safetensors")
    with torch.no_grad():
        for name, weight in trainer.model.network.named_parameters():
            weight.copy_(weights[name])
    optimizer.restore(trainer.optimizer, trainer.model.network, folder / "optimizer")
    trainer.state = State(saved["step"], saved["losses"], saved["hard"], saved["own"])
    seeds.restore_global(saved["generators"], load_file(folder / "generators.safetensors"))


def summary(losses: list[dict[str, float]]) -> dict[str, float]:
    """Means over the last tenth of the steps, and of the loss over the first."""
    part = max(1, len(losses) // 10)

    def mean(name: str, rows: list[dict[str, float]]) -> float:
        values = [row[name] for row in rows if name in row]
        return sum(values) / len(values) if values else 0.0

    names = ("loss", "ce", "infonce", "infonce_reason")
    return {"first_loss": mean("loss", losses[:part]), **{name: mean(name, losses[-part:]) for name in names}}
