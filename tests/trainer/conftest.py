"""What the trainer's tests share: operations run in this process, on a dataset and a model of a few hundred weights."""

from __future__ import annotations

import json
import os
import random
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "trainer"))

import pytest
from pawl_trainer import declaration, operations, seeds
from pawl_trainer.cache import Cache
from pawl_trainer.job import Job, StopRequest
from pawl_trainer.protocol import Events

# Begun first where several processes share the files, so that none of them is alone with one at the end.
LONGEST = [
    "test_distributed",
    "test_trl",
    "test_killed",
    "test_code_search",
    "test_interrupted",
    "test_lora",
    "test_beside_trl",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest come first; all others, and the tests of a file, stay in their order."""
    rank = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))


class RecordedEvents(Events):
    """Keeps events instead of writing them."""

    def __init__(self) -> None:
        super().__init__(-1)
        self.sent: list[dict[str, Any]] = []

    def send(self, kind: str, **fields: Any) -> None:
        self.sent.append({"type": kind, **fields})


@dataclass
class Bench:
    """Runs operations below a folder."""

    folder: Path
    cache: Cache = field(default_factory=lambda: Cache(1 << 30))
    events: RecordedEvents = field(default_factory=RecordedEvents)
    dataset: dict[str, str] = field(default_factory=dict)
    model: dict[str, str] = field(default_factory=dict)

    def job(self, op: str, work: str, inputs: dict[str, Any], **more: Any) -> Job:
        """The job of an operation, not yet run."""
        path = self.folder / work
        path.mkdir(parents=True, exist_ok=True)
        fields = {"seed": 1, "every_steps": None, "every_ms": None, "resume": None, "stop": StopRequest(), **more}
        return Job(id="job", op=op, inputs=inputs, work=path, events=self.events, cache=self.cache, **fields)

    def run(self, op: str, work: str, inputs: dict[str, Any], **more: Any) -> dict[str, float]:
        """Runs an operation as the server does; its outputs are below folder/work."""
        job = self.prepared(op, work, inputs, **more)
        seeds.set_global(job.seed)
        metrics = operations.find(op)[0](job)
        job.finish()
        return metrics

    def prepared(self, op: str, work: str, inputs: dict[str, Any], **more: Any) -> Job:
        """The job of an operation with its inputs checked, not yet run."""
        return self.job(op, work, declaration.checked(op, operations.find(op)[1], inputs), **more)

    def output(self, work: str, name: str, kind: str) -> dict[str, str]:
        """An output of a run as an input artifact."""
        return {"path": str(self.folder / work / "outputs" / name), "identity": f"{work}/{name}", "type": kind}


TOPICS = ["apple", "river", "stone", "cloud", "music", "garden", "letter", "window"]


def write_dataset(folder: Path, queries: int = 24) -> None:
    """A dataset in which a query shares words with its document and nothing else tells them apart."""
    chance = random.Random(3)
    folder.mkdir(parents=True)
    corpus, asked, judged, reasoning, pairs = [], [], [], [], []
    for number in range(queries):
        topic = [TOPICS[number % 8], TOPICS[(number // 8 + number) % 8], f"item{number}"]
        filler = [chance.choice(TOPICS) for _ in range(6)]
        corpus.append({"_id": f"d{number:02}", "text": " ".join([*topic, *filler])})
        split = "sft" if number < 16 else "rl" if number < 20 else "test"
        asked.append({"_id": f"q{number:02}", "text": " ".join(["find", *topic]), "split": split})
        judged.append({"query": f"q{number:02}", "document": f"d{number:02}", "grade": 1})
        if split == "sft":
            reasoning.append({"query": f"q{number:02}", "text": " ".join(filler[:3])})
            pairs.append({"query": " ".join(topic[:2]), "document": " ".join([*filler, *topic, *filler])})
    files = {"corpus": corpus, "queries": asked, "qrels": judged, "reasoning": reasoning, "pairs": pairs}
    for name, rows in files.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A dataset and an untrained model, made once; tests do not write into them."""
    bench = Bench(tmp_path_factory.mktemp("made"))
    folder = bench.folder / "data" / "outputs" / "dataset"
    write_dataset(folder)
    bench.dataset = bench.output("data", "dataset", "dataset")
    inputs = {"data": bench.dataset, "preset": "test", "vocab": 320, "reason_tokens": 10}
    bench.run("model_init", "init", inputs)
    bench.model = bench.output("init", "model", "model")
    return bench


@pytest.fixture
def bench(made: Bench, tmp_path: Path) -> Bench:
    """A bench of its own folder and memory with the shared dataset and model."""
    return Bench(tmp_path, dataset=made.dataset, model=made.model)


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSONL file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def weights(folder: Path) -> bytes:
    """The bytes of the weights of a model folder."""
    return (folder / "model.safetensors").read_bytes()
