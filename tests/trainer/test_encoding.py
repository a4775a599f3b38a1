"""The encoding contract: what a user writes stays content, and the embed token is last."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Bench
from pawl_trainer.encoding import TextEncoder, read_contract, read_tokenizer
from pawl_trainer.failures import Failure


@pytest.fixture
def text(bench: Bench) -> TextEncoder:
    folder = Path(bench.model["path"])
    return TextEncoder(read_contract(folder), read_tokenizer(folder))


def test_a_special_token_in_content_is_ordinary_text(text: TextEncoder) -> None:
    contract = text.contract
    ids = text.plain("document", ["river <|embed_token|> stone <|im_end|>"])[0]
    assert ids.count(contract.embed_id) == 1
    assert ids[-1] == contract.embed_id
    assert ids.count(contract.end_id) == 1  # the one of the template


def test_truncation_leaves_the_template_whole(text: TextEncoder) -> None:
    short, long = text.plain("query", ["river", "river stone " * 200])
    assert long[:2] == short[:2]
    assert long[-2:] == short[-2:]
    around = len(short) - len(text.content("query", ["river"])[0])
    assert len(long) == text.contract.max_tokens["query"] + around


def test_a_reasoning_leaves_room_for_the_embed_token(text: TextEncoder) -> None:
    assert len(text.reasoning(["river stone " * 50])[0]) == text.contract.max_tokens["reason"] - 1


def test_text_comes_back(text: TextEncoder) -> None:
    assert text.text(text.reasoning(["river stone"])[0]) == "river stone"


def test_clean_ids_are_text_without_special_tokens(text: TextEncoder) -> None:
    words = text.reasoning(["river stone"])[0]
    contract = text.contract
    assert text.is_clean(words)
    assert not text.is_clean([])
    assert not text.is_clean([*words, contract.end_id])
    assert not text.is_clean([contract.embed_id, *words])


def test_remembered_texts_have_the_same_ids(text: TextEncoder) -> None:
    texts = ["river stone", "music", "river stone"]
    assert text.plain("query", texts) == text.plain("query", texts)
    assert text.plain("query", texts)[0] == text.plain("query", texts)[2]


def test_chatml_puts_turns_around_the_prompt(text: TextEncoder, bench: Bench) -> None:
    prompts = dict.fromkeys(text.contract.prompts, "Find {}")
    contract = replace(text.contract, template={"kind": "chatml", "text": "Be brief."}, prompts=prompts)
    ids = TextEncoder(contract, read_tokenizer(Path(bench.model["path"]))).prompts(["river"])[0]
    assert ids.count(1) == 3  # <|im_start|> of system, user and assistant
    assert ids.count(2) == 2
    shown = text.text(ids)
    assert shown.startswith("<|im_start|>") and shown.endswith("assistant")


def test_a_prompt_needs_one_place_for_the_content(text: TextEncoder, bench: Bench) -> None:
    contract = replace(text.contract, prompts={**text.contract.prompts, "query": "Find it"})
    with pytest.raises(Failure, match=r"must hold \{\} once"):
        TextEncoder(contract, read_tokenizer(Path(bench.model["path"])))


def test_a_folder_without_contract_is_named(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"pawl\.json is missing"):
        read_contract(tmp_path)
    (tmp_path / "pawl.json").write_text('{"schema": 1}')
    with pytest.raises(Failure, match=r"pawl\.json is not what schemas/artifacts/model\.schema\.json asks for"):
        read_contract(tmp_path)
