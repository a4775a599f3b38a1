"""TRL's SFT trainer as a step (`uses: command`): the job file becomes its configuration, its callbacks become events.

Checkpoints are TRL's own, without pickle: what it saves with torch.save (optimizer, scheduler, generators) is stored as
safetensors and JSON, and put back together by this process before TRL reads it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, TrainerCallback, TrainerControl, TrainerState
from transformers.trainer_pt_utils import safe_globals
from trl import SFTConfig, SFTTrainer

job = json.loads(Path(os.environ["PAWL_JOB"]).read_text())
inputs: dict[str, Any] = job["inputs"]
PICKLED = ["optimizer.pt", "scheduler.pt", "rng_state.pth"]
stopping = False


def say(**event: object) -> None:
    """Tells Pawl: one JSON object a line."""
    with Path(job["events"]).open("a") as events:
        events.write(json.dumps(event) + "\n")


def plain(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """A state as JSON that keeps tuples and the types of keys; tensors are put aside and named."""
    if hasattr(value, "__array__") and not isinstance(value, torch.Tensor):  # NumPy
        return {"array": plain(torch.from_numpy(value.astype("int64")), tensors), "dtype": str(value.dtype)}
    if isinstance(value, torch.Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().cpu().contiguous().clone()
        return {"tensor": name}
    if isinstance(value, dict):
        return {"dict": [[key, plain(item, tensors)] for key, item in value.items()]}
    if isinstance(value, (list, tuple)):
        return {type(value).__name__: [plain(item, tensors) for item in value]}
    return value


def whole(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """The state again."""
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return whole(value["array"], tensors).numpy().astype(value["dtype"])
    if "tensor" in value:
        return tensors[value["tensor"]]
    if "dict" in value:
        return {key: whole(item, tensors) for key, item in value["dict"]}
    kind = "tuple" if "tuple" in value else "list"
    items = [whole(item, tensors) for item in value[kind]]
    return tuple(items) if kind == "tuple" else items


def store(folder: Path, step: int) -> None:
    """Takes a checkpoint that TRL has written, replaces its pickles, and names it to Pawl."""
    for name in PICKLED:
        with safe_globals():
            state = torch.load(folder / name, weights_only=True)
        tensors: dict[str, torch.Tensor] = {}
        (folder / f"{name}.json").write_text(json.dumps(plain(state, tensors)))
        save_file(tensors, folder / f"{name}.safetensors")
        (folder / name).unlink()
    (folder / "training_args.bin").unlink(missing_ok=True)  # the job says it again
    for path in folder.rglob("*"):
        with path.open("rb") as file:
            os.fsync(file.fileno())
    finished = Path(job["checkpoints"]) / str(step)
    folder.rename(finished)
    say(type="checkpoint", step=step, path=finished.name)


def restored(stored: Path) -> str:
    """A copy of a stored checkpoint such as TRL reads it; only what this function has written itself is pickled."""
    folder = Path("resume").resolve()
    shutil.copytree(stored, folder, copy_function=shutil.copyfile)
    for name in PICKLED:
        state = json.loads((folder / f"{name}.json").read_text())
        torch.save(whole(state, load_file(folder / f"{name}.safetensors")), folder / name)
    return str(folder)


class Reporter(TrainerCallback):
    """What TRL tells its callbacks, told to Pawl; and what Pawl asks for, asked of TRL."""

    saved_at = time.monotonic()

    def on_log(self, args: Any, state: TrainerState, control: TrainerControl, logs: Any = None, **_: Any) -> None:
        if logs is not None and "loss" in logs:
            say(type="metrics", step=state.global_step, values={"loss": logs["loss"], "grad_norm": logs["grad_norm"]})

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        say(type="progress", step=state.global_step, total=state.max_steps, text="training")
        every_ms = job["checkpoint"]["everyMs"]
        is_due = every_ms is not None and (time.monotonic() - self.saved_at) * 1000 >= every_ms
        if state.global_step == state.max_steps:
            control.should_save = False  # gone on from there, TRL would take one step more
        else:
            control.should_save = control.should_save or is_due or stopping
            control.should_training_stop = control.should_training_stop or stopping

    def on_save(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        store(Path(args.output_dir) / f"checkpoint-{state.global_step}", state.global_step)
        self.saved_at = time.monotonic()


def stop(*_: object) -> None:
    """SIGTERM: the step is paused or cancelled, or its machine is going away."""
    global stopping
    stopping = True


signal.signal(signal.SIGTERM, stop)
torch.set_num_threads(int(inputs["threads"]))
base = Path(inputs["model"]["path"])
lines = [json.loads(line) for line in (Path(inputs["data"]["path"]) / "corpus.jsonl").read_text().splitlines()]
every_steps = job["checkpoint"]["everySteps"]
config = SFTConfig(
    output_dir="trl", max_steps=inputs["steps"], per_device_train_batch_size=inputs["batch"], learning_rate=inputs["lr"],
    seed=job["seed"] or 0, max_length=inputs["max_length"], use_cpu=not torch.cuda.is_available(), bf16=False,
    logging_steps=1, save_strategy="no" if every_steps is None else "steps", save_steps=every_steps or 500,
    report_to="none", disable_tqdm=True, dataset_num_proc=None,
)  # fmt: skip
trainer = SFTTrainer(
    model=AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32),
    processing_class=PreTrainedTokenizerFast.from_pretrained(base),
    train_dataset=Dataset.from_list([{"text": line["text"]} for line in lines]),
    args=config,
    callbacks=[Reporter()],
)
trainer.train(resume_from_checkpoint=None if job["resume"] is None else restored(Path(job["resume"]["path"])))
if stopping and trainer.state.global_step < inputs["steps"]:
    sys.exit(15)  # the exit code of `preempted`
model = Path(job["outputs"]["model"])
trainer.save_model(str(model))
(model / "training_args.bin").unlink(missing_ok=True)
shutil.copyfile(base / "pawl.json", model / "pawl.json")  # how it encodes has not changed
