"""Log-probabilities in parts are those in one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from conftest import Bench
from pawl_trainer import likelihood
from pawl_trainer.job import Artifact
from pawl_trainer.language_model import load
from pawl_trainer.sampling import Sampling

PROMPTS = [[1, 30, 31, 2], [1, 40, 2]]
COMPLETIONS = [[50, 51, 3], [60, 61, 62, 63]]


def test_parts_give_the_gradient_of_the_whole(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    artifact = Artifact(Path(bench.model["path"]), bench.model["identity"], "model")
    found = []
    for limit in (1 << 26, 1000):
        monkeypatch.setattr(likelihood, "LOGITS_AT_ONCE", limit)
        model = load(bench.job("encode", "w", {}), artifact).for_training()
        scored = likelihood.score(model, PROMPTS, COMPLETIONS, Sampling(0.7, 1, 8), rows=4)
        scored.logprobs.sum().backward()
        found.append((scored.logprobs.detach(), model.network.get_input_embeddings().weight.grad))
    assert torch.allclose(found[0][0], found[1][0], atol=1e-5)
    assert torch.allclose(found[0][1], found[1][1], atol=1e-4)


def test_a_completion_without_embed_token_still_has_an_embedding(bench: Bench) -> None:
    artifact = Artifact(Path(bench.model["path"]), bench.model["identity"], "model")
    model = load(bench.job("encode", "w", {}), artifact)
    with torch.no_grad():
        scored = likelihood.score(model, PROMPTS, COMPLETIONS, Sampling(1.0, 0, 8), rows=4)
        alone = model.embed([[*PROMPTS[0], *COMPLETIONS[0]], [*PROMPTS[1], *COMPLETIONS[1], model.contract.embed_id]], 4)
    assert len(scored.logprobs) == 7
    assert torch.allclose(scored.embeddings, alone, atol=1e-5)
