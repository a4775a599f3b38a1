"""Mixtures: instructions of sets around the queries, and batches of one set."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from conftest import Bench
from pawl_trainer import sft
from pawl_trainer.dataset import read_folder
from pawl_trainer.failures import Failure
from pawl_trainer.sft_draw import Draw, apportioned

INSTRUCTION = "window {} cloud"


@pytest.fixture
def mixed(bench: Bench, tmp_path: Path) -> Bench:
    """Queries of even number are of the set `even`, which has an instruction, the others of `odd`."""
    folder = tmp_path / "mixed"
    shutil.copytree(bench.dataset["path"], folder)
    rows = [json.loads(line) for line in (folder / "queries.jsonl").read_text().splitlines()]
    for number, row in enumerate(rows):
        row["set"] = "odd" if number % 2 else "even"
    (folder / "queries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "manifest.json").write_text(json.dumps({"sets": {"even": {"prompt": INSTRUCTION}, "odd": {}}}))
    bench.dataset = {"path": str(folder), "identity": "mixed", "type": "dataset"}
    return bench


def prepared(bench: Bench, **change: Any) -> sft.Trainer:
    given = {"model": bench.model, "data": bench.dataset, "steps": 8, "batch": 4, **change}
    return sft.prepare(bench.prepared("sft", "sft", given))


def test_an_instruction_stands_around_the_query_in_both_views(mixed: Bench) -> None:
    trainer = prepared(mixed, eval_every=1, eval_split="rl")
    text, material = trainer.model.text, trainer.material
    content = text.content("query", ["find music", "window ", " cloud"])
    assert text.plain("query", ["find music"], [INSTRUCTION]) == [text.frame("query", [*content[1], *content[0], *content[2]])]
    even, odd = ("window find apple apple item0 cloud", "find river stone item9")
    assert even in " ".join(text.text(material.plain["q00"]).split())
    assert even in " ".join(text.text(material.prompts["q00"]).split())
    assert "window" not in text.text(material.plain["q09"]).replace(odd, "")
    assert trainer.dev is not None
    assert "window" in text.text(trainer.dev.queries[0])
    assert "window" not in text.text(trainer.dev.queries[1])


def test_an_instruction_does_not_count_towards_the_limit(mixed: Bench) -> None:
    text = prepared(mixed).model.text
    long = "river stone " * 50
    limit = text.contract.max_tokens["query"]
    bare, instructed = text.plain("query", [long])[0], text.plain("query", [long], [INSTRUCTION])[0]
    assert len(instructed) == len(bare) + sum(len(ids) for ids in text.content("query", ["window ", " cloud"]))
    assert len(text.content("query", [long])[0]) == limit


def test_a_homogeneous_batch_is_of_one_set_and_an_epoch_has_every_query(mixed: Bench) -> None:
    trainer = prepared(mixed, homogeneous=True)
    assert trainer.draw.epoch_steps == 4
    epochs = [[trainer.draw.at(step) for step in range(first, first + 4)] for first in (0, 4)]
    for batches in epochs:
        kinds = [{trainer.material.sets[query] for query in batch} for batch in batches]
        assert all(len(kind) == 1 for kind in kinds)
        assert sorted(query for batch in batches for query in batch) == sorted(trainer.material.queries)
    assert epochs[0] != epochs[1]
    orders = {tuple(prepared(mixed, homogeneous=True).draw.at(step)[0] for step in range(4)) for _ in range(2)}
    assert len(orders) == 1, "the order follows from the seed"


def test_a_set_that_does_not_fill_a_batch_is_named(mixed: Bench) -> None:
    with pytest.raises(Failure, match=r"the set `even` has 8 queries, fewer than `batch` \(9\)\. Lower `batch`"):
        prepared(mixed, homogeneous=True, batch=9)


def test_a_rollout_asks_with_the_instruction(mixed: Bench) -> None:
    given = {"policy": mixed.model, "data": mixed.dataset, "split": "rl", "queries": 4, "group": 2}
    mixed.run("rollout", "with", given)
    plain = Path(mixed.dataset["path"]) / "manifest.json"
    plain.write_text(json.dumps({"sets": {"even": {}, "odd": {}}}))
    mixed.dataset = {**mixed.dataset, "identity": "mixed without"}
    mixed.run("rollout", "without", {**given, "data": mixed.dataset})
    folders = [mixed.folder / work / "outputs" / "rollouts" / "rollouts.safetensors" for work in ("with", "without")]
    assert folders[0].stat().st_size > folders[1].stat().st_size, "longer prompts"


def test_encoding_and_reasoning_take_a_prompt_a_row(mixed: Bench) -> None:
    rows = [{"_id": "a", "text": "find music", "prompt": INSTRUCTION}, {"_id": "b", "text": "window find music cloud"}]
    texts = mixed.folder / "texts.jsonl"
    texts.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"_id": "c", "text": "find music"}]))
    mixed.run("encode", "e", {"model": mixed.model, "texts": str(texts), "role": "query", "out": "vectors"})
    sampled = {"mode": "greedy", "out": "vectors", "samples_out": "samples"}
    mixed.run("reason", "r", {"model": mixed.model, "texts": str(texts), **sampled})
    for work in ("e", "r"):
        vectors = (mixed.folder / work / "vectors").read_bytes()
        size = len(vectors) // 3
        assert len({vectors[:size], vectors[size : 2 * size], vectors[2 * size :]}) >= 2
        assert vectors[:size] != vectors[2 * size :], "with the instruction it is another text"


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        ({"even": {"prompt": "no place"}, "odd": {}}, "the prompt of the set `even` must hold {} once"),
        ({"even": {}}, "the set 'odd' of the query 'q01' is not in manifest.json"),
    ],
)
def test_a_manifest_that_does_not_fit_is_said(mixed: Bench, sets: dict[str, Any], said: str) -> None:
    folder = Path(mixed.dataset["path"])
    (folder / "manifest.json").write_text(json.dumps({"sets": sets}))
    with pytest.raises(Failure, match=said):
        read_folder(folder)


def drawn(weights: dict[str, float], *, homogeneous: bool = False) -> Draw:
    """Twelve queries of the set `few`, 24 of `many`."""
    sets = {f"q{number:02}": "few" if number < 12 else "many" for number in range(36)}
    return Draw(sorted(sets), sets, weights, 6, homogeneous, 3)


@pytest.mark.parametrize("homogeneous", [False, True])
def test_a_set_is_drawn_from_as_often_as_its_weight_says(homogeneous: bool) -> None:
    draw = drawn({"few": 2.0, "many": 1.0}, homogeneous=homogeneous)
    steps = [draw.at(step) for step in range(6 * draw.epoch_steps)]
    names = Counter(draw.sets[query] for batch in steps for query in batch)
    assert names["few"] == 2 * names["many"] == 144
    counts = Counter(query for batch in steps for query in batch)
    assert {counts[query] for query in draw.queries if draw.sets[query] == "few"} == {12}, "within a set all are drawn alike"
    assert {counts[query] for query in draw.queries if draw.sets[query] == "many"} == {3}
    assert all(len({draw.sets[query] for query in batch}) == 1 for batch in steps) == homogeneous
    assert steps == [drawn({"few": 2.0, "many": 1.0}, homogeneous=homogeneous).at(step) for step in range(len(steps))]


def test_weights_in_proportion_to_the_queries_change_nothing() -> None:
    plain, weighted = drawn({}), drawn({"few": 12.0, "many": 24.0})
    assert [plain.at(step) for step in range(12)] == [weighted.at(step) for step in range(12)]


def test_a_set_of_weight_0_is_not_drawn_from() -> None:
    draw = drawn({"few": 0.0, "many": 5.0})
    assert {draw.sets[query] for step in range(6) for query in draw.at(step)} == {"many"}


def test_shares_are_whole_and_add_up() -> None:
    assert apportioned(10, {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}) == {"a": 4, "b": 3, "c": 3}


def test_weights_that_draw_nothing_are_refused(mixed: Bench) -> None:
    manifest = Path(mixed.dataset["path"]) / "manifest.json"
    manifest.write_text(json.dumps({"sets": {"even": {"weight": 0}, "odd": {"weight": 0}}}))
    with pytest.raises(Failure, match="All sets of the dataset have the weight 0"):
        prepared(mixed)
    manifest.write_text(json.dumps({"sets": {"even": {"weight": -1}, "odd": {"weight": 1}}}))
    mixed.dataset["identity"] = "negative"
    with pytest.raises(Failure, match="the weight of the set `even` must be a number from 0 on"):
        prepared(mixed)
