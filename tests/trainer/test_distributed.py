"""A job that two processes share: the same batch, negatives and denominators as in one, and nobody is left behind."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import update_bench
from conftest import Bench
from pawl_trainer.failures import Failure
from pawl_trainer.protocol import finite_or_null
from safetensors.torch import load_file
from trainer_process import Process

SFT = {"steps": 3, "batch": 8, "micro_batch": 3, "warmup": 1, "lr": 0.003, "kl_weight": 0.1, "pairs": 4}
# Sums are taken in another order. AdamW divides by the size of a gradient, so what is next to zero may move otherwise.
CLOSE = {"rtol": 0.0, "atol": 2e-4}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    process = Process(tmp_path_factory.mktemp("two"), processes=2)
    yield process
    process.close()


def given(bench: Bench, **change: Any) -> dict[str, Any]:
    return {"model": bench.model, "data": bench.dataset, "hard_from": 0.5, "self_from": 0.25, **SFT, **change}


def done(
    process: Process,
    work: Path,
    inputs: dict[str, Any],
    resume: Path | None = None,
    op: str = "sft",
    said: list[str] | None = None,
) -> list[dict[str, Any]]:
    """Runs a job to its end; returns the metrics of its steps, then those of the job. Its log goes to `said`."""
    process.run(work.name, inputs, op=op, work=work, resume=resume)
    found: list[dict[str, Any]] = []
    while True:
        event = process.until("metrics", "log", "done", "failed", "diverged")
        assert event["type"] not in ("failed", "diverged"), event
        if event["type"] == "done":
            return [*found, event["metrics"]]
        if event["type"] == "metrics":
            found.append(event["values"])
        elif said is not None:
            said.append(event["message"])


def final(process: Process, work: Path, inputs: dict[str, Any], op: str) -> dict[str, Any]:
    """Runs a job to its end; returns its metrics."""
    return done(process, work, inputs, op=op)[-1]


def weights(work: Path) -> dict[str, torch.Tensor]:
    return load_file(work / "outputs" / "model" / "model.safetensors")


def assert_close(one: Path, other: Path) -> None:
    left, right = weights(one), weights(other)
    assert left.keys() == right.keys()
    for name in left:
        assert torch.allclose(left[name], right[name], **CLOSE), name


@pytest.mark.parametrize(
    "change", [{"grad_cache": True}, {"micro_batch": 64, "hard_from": 0.0}], ids=["grad-cache", "one-pass"]
)
def test_two_processes_train_as_one(bench: Bench, two: Process, tmp_path: Path, change: dict[str, Any]) -> None:
    bench.run("sft", "one", given(bench, **change), seed=3)
    alone = [event["values"] for event in bench.events.sent if event["type"] == "metrics"]
    *shared, _ = done(two, tmp_path / "shared", given(bench, **change))
    assert len(shared) == len(alone) == SFT["steps"]
    for name in alone[0]:
        assert shared[0][name] == pytest.approx(alone[0][name], rel=1e-5, abs=1e-6), name
    assert shared[-1]["loss"] == pytest.approx(alone[-1]["loss"], rel=1e-3)
    assert_close(bench.folder / "one", tmp_path / "shared")


def test_what_two_began_one_ends_and_the_other_way_round(bench: Bench, two: Process, tmp_path: Path) -> None:
    bench.run("sft", "one", given(bench), seed=3, every_steps=1)
    *shared, _ = done(two, tmp_path / "shared", given(bench))
    alone = [event["values"] for event in bench.events.sent if event["type"] == "metrics"]
    for name in alone[0]:
        assert shared[0][name] == pytest.approx(alone[0][name], rel=1e-5, abs=1e-6), name
    assert_close(bench.folder / "one", tmp_path / "shared")
    bench.run("sft", "resumed", given(bench), seed=3, resume=tmp_path / "shared" / "checkpoints" / "2")
    assert_close(bench.folder / "one", bench.folder / "resumed")
    done(two, tmp_path / "back", given(bench), resume=bench.folder / "one" / "checkpoints" / "2")
    assert_close(bench.folder / "one", tmp_path / "back")
    done(two, tmp_path / "again", given(bench), resume=tmp_path / "shared" / "checkpoints" / "2")
    first, again = ((tmp_path / work / "outputs/model/model.safetensors").read_bytes() for work in ("shared", "again"))
    assert first == again, "with as many processes, interrupted is uninterrupted to the bit"
    files = [path for path in (tmp_path / "shared" / "checkpoints").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".safetensors", ".json"}


EVALUATED = {"eval_every": 2, "eval_split": "rl", "output": "best"}


@pytest.mark.parametrize(
    "change", [{"grad_cache": True, **EVALUATED}, {"micro_batch": 64, "hard_from": 0.0}], ids=["two", "one"]
)
def test_layers_in_parts_train_as_whole_ones(bench: Bench, two: Process, tmp_path: Path, change: dict[str, Any]) -> None:
    """FSDP2. Of a single pass the other process makes one for nothing; sampling, mining and evaluation gather layers, too."""
    bench.run("sft", "one", given(bench, **change), seed=3, every_steps=1)
    alone = [event["values"] for event in bench.events.sent if event["type"] == "metrics"]
    parts = given(bench, **change, parallel="fsdp")
    said: list[str] = []
    *shared, _ = done(two, tmp_path / "shared", parts, said=said)
    kept, total = next((int(line.split()[5]), int(line.split()[7])) for line in said if line.startswith("Each of 2 processes"))
    assert total / 2 < kept < total * 0.8, "half of each layer, and the table of the embeddings"
    for name in alone[0]:
        assert shared[0][name] == pytest.approx(alone[0][name], rel=1e-5, abs=1e-6), name
    assert shared[-1]["loss"] == pytest.approx(alone[-1]["loss"], rel=1e-3)
    assert_close(bench.folder / "one", tmp_path / "shared")
    assert left(tmp_path / "shared").keys() == left(bench.folder / "one").keys()
    name = "outputs/state/state.json"
    assert left(tmp_path / "shared")[name] == left(bench.folder / "one")[name], "files do not know of the parts"
    # What two began with layers in parts, one ends, and the other way round; the checkpoints are of the same files.
    bench.events.sent.clear()
    bench.run("sft", "resumed", parts, seed=3, resume=tmp_path / "shared" / "checkpoints" / "2")
    assert_close(bench.folder / "one", bench.folder / "resumed")
    assert not [event for event in bench.events.sent if event["type"] == "diverged"]
    done(two, tmp_path / "back", parts, resume=bench.folder / "one" / "checkpoints" / "2")
    assert_close(bench.folder / "one", tmp_path / "back")
    done(two, tmp_path / "again", parts, resume=tmp_path / "shared" / "checkpoints" / "2")
    assert left(tmp_path / "again") == left(tmp_path / "shared"), "with as many, to the bit"


def test_adapters_are_not_shared_out(bench: Bench) -> None:
    bench.run("model_lora", "lora", {"model": bench.model, "rank": 2, "alpha": 4})
    inputs = given(bench, model=bench.output("lora", "model", "model"), parallel="fsdp")
    with pytest.raises(Failure, match="of this model only adapters do") as refused:
        bench.run("sft", "adapted", inputs)
    assert refused.value.failure_class == "config"


ROLLOUT = {"split": "rl", "queries": 3, "group": 4, "min_new": 2, "temperature": 1.0, "replay": 5, "chunk": 5, "micro_batch": 4}
UPDATE = {"epochs": 2, "mini_batch": 2, "micro_batch": 3, "kl": "k1", "kl_in": "reward", "beta": 0.1, "lr": 0.003}


@pytest.fixture(scope="module")
def sampled(made: Bench, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return update_bench.sample(made, tmp_path_factory.mktemp("sampled"))


def left(work: Path) -> dict[str, bytes]:
    files = [path for path in (work / "outputs").rglob("*") if path.is_file()]
    return {str(path.relative_to(work)): path.read_bytes() for path in files}


def checkpoints(work: Path) -> list[Path]:
    return sorted((work / "checkpoints").iterdir(), key=lambda path: int(path.name))


def test_a_shared_rollout_has_the_bytes_of_one_process(bench: Bench, two: Process, tmp_path: Path) -> None:
    given = {"policy": bench.model, "data": bench.dataset, **ROLLOUT}
    metrics = bench.run("rollout", "one", given, seed=3, every_steps=1)
    assert final(two, tmp_path / "shared", given, op="rollout") == finite_or_null(metrics)[0]
    assert left(tmp_path / "shared") == left(bench.folder / "one")
    # Three batches and three passes: two processes do two at a time, and each may go on with what the other number began.
    alone, shared = checkpoints(bench.folder / "one"), checkpoints(tmp_path / "shared")
    assert [int(path.name) for path in shared] == [2, 3, 5, 6]
    for cut in (alone[0], alone[3]):
        done(two, tmp_path / f"back-{cut.name}", given, op="rollout", resume=cut)
        assert left(tmp_path / f"back-{cut.name}") == left(bench.folder / "one")
    bench.run("rollout", "resumed", given, seed=3, resume=shared[1])
    assert left(bench.folder / "resumed") == left(bench.folder / "one")
    assert not [event for event in bench.events.sent if event["type"] == "diverged"]


def test_a_shared_update_is_that_of_one_process(sampled: Bench, two: Process, tmp_path: Path) -> None:
    given = update_bench.inputs(sampled, reference=update_bench.untrained(sampled), **UPDATE)
    metrics = sampled.run("update", "one", given, seed=3, every_steps=1)
    shared = final(two, tmp_path / "shared", given, op="update")
    assert shared.keys() == metrics.keys()
    for name in metrics:
        assert shared[name] == pytest.approx(metrics[name], rel=1e-3, abs=1e-5), name
    assert metrics["optimizer_steps"] == 4
    assert metrics["grad_norm_policy"] > 0 < metrics["grad_norm_auxiliary"]
    assert_close(sampled.folder / "one", tmp_path / "shared")
    names = [{path.name for path in (work / "outputs").rglob("*")} for work in (tmp_path / "shared", sampled.folder / "one")]
    assert names[0] == names[1]


def test_an_update_goes_on_with_any_number_of_processes(sampled: Bench, two: Process, tmp_path: Path) -> None:
    given = update_bench.inputs(sampled, reference=update_bench.untrained(sampled), **UPDATE)
    sampled.run("update", "whole", given, seed=3, every_steps=1)
    done(two, tmp_path / "shared", given, op="update")
    shared, alone = checkpoints(tmp_path / "shared"), checkpoints(sampled.folder / "whole")
    parts = [cut for cut in shared if len(load_file(cut / "process-1" / "gradient.safetensors")) > 0]
    assert parts, "some checkpoints are in the midst of a gradient that lies in both processes"
    for cut in (shared[1], parts[0], parts[-1], shared[-1]):
        sampled.events.sent.clear()
        sampled.run("update", f"resumed-{cut.name}", given, seed=3, resume=cut)
        assert_close(sampled.folder / "whole", sampled.folder / f"resumed-{cut.name}")
        assert not [event for event in sampled.events.sent if event["type"] == "diverged"]
        done(two, tmp_path / f"again-{cut.name}", given, op="update", resume=cut)
        assert left(tmp_path / f"again-{cut.name}") == left(tmp_path / "shared"), cut.name
    for cut in (alone[0], alone[len(alone) // 2], alone[-1]):
        done(two, tmp_path / f"back-{cut.name}", given, op="update", resume=cut)
        assert_close(sampled.folder / "whole", tmp_path / f"back-{cut.name}")


def test_texts_are_encoded_by_all_to_the_bytes_of_one_process(bench: Bench, two: Process, tmp_path: Path) -> None:
    texts = str(Path(bench.dataset["path"]) / "corpus.jsonl")
    given = {"model": bench.model, "texts": texts, "role": "document", "out": "outputs/vectors.f32", "batch": 5}
    metrics = bench.run("encode", "one", given)
    assert metrics == final(two, tmp_path / "shared", given, op="encode")
    assert left(tmp_path / "shared") == left(bench.folder / "one")
    done(two, tmp_path / "back", given, op="encode", resume=checkpoints(tmp_path / "shared")[0])
    assert left(tmp_path / "back") == left(bench.folder / "one")


def companion_of(process: Process) -> int:
    children = Path(f"/proc/{process.process.pid}/task/{process.process.pid}/children").read_text().split()
    assert len(children) == 1
    return int(children[0])


def is_gone(pid: int) -> bool:
    for _ in range(200):
        try:
            if Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.05)
    return False


linux = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks into /proc")


@linux
def test_a_process_that_dies_ends_the_job_and_is_named(bench: Bench, two: Process, tmp_path: Path) -> None:
    two.run("broken", given(bench, steps=500), op="sft", work=tmp_path / "broken")
    two.until("metrics")
    os.kill(companion_of(two), signal.SIGKILL)
    failed = two.until("failed", "done")
    assert (failed["type"], failed["class"]) == ("failed", "comm")
    assert "Process 1 of the 2 of this job ended (killed by signal 9)" in failed["message"]
    assert two.end() == 14, "its communication is not to be trusted any more: the engine starts another"


@linux
def test_nobody_is_left_behind_when_the_first_is_killed(bench: Bench, tmp_path: Path) -> None:
    process = Process(tmp_path, processes=2)
    try:
        process.run("a", given(bench, steps=500), op="sft")
        process.until("metrics")
        other = companion_of(process)
        process.process.kill()
        assert is_gone(other)
    finally:
        process.close()


@linux
def test_a_failure_of_all_is_told_once_and_the_process_stays(bench: Bench, tmp_path: Path) -> None:
    process = Process(tmp_path, processes=2)
    try:
        process.run("bad", given(bench, lr=1e30, clip=1e30, warmup=0), op="sft")
        failed = process.until("failed", "done")
        assert (failed["type"], failed["class"]) == ("failed", "non_finite")
        process.run("alone", {"steps": 1})
        assert process.until("failed", "done")["id"] == "alone"
        process.process.send_signal(signal.SIGTERM)
        assert process.end() == 0
    finally:
        process.close()
