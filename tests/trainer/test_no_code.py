"""Nothing that the trainer reads can run code: no loader that knows pickle, no code that comes with a model."""

from __future__ import annotations

import ast
import json
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Bench
from pawl_trainer import checkpoint, language_model
from pawl_trainer.failures import Failure

ROOT = Path(__file__).resolve().parents[2]
MODULES = {
    "pickle",
    "cPickle",
    "_pickle",
    "joblib",
    "dill",
    "cloudpickle",
    "shelve",
    "marshal",
    "torch.distributed.checkpoint",
}
CALLS = {"eval", "exec", "compile", "__import__"}
# With any argument: what they read may be a pickle.
LOADERS = {
    "torch.load",
    "torch.save",
    "torch.jit.load",
    "torch.hub.load",
    "np.load",
    "numpy.load",
    "pd.read_pickle",
}


def dotted(node: ast.AST) -> str:
    """The name that is called, such as `torch.load`."""
    if isinstance(node, ast.Name):
        return node.id
    return f"{dotted(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else ""


def offences(source: str) -> Iterator[str]:
    """What in a module could run code that a file brings along."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [
                node.module or "",
                *(f"{node.module}.{alias.name}" for alias in node.names),
            ]
        else:
            names = []
        yield from (name for name in names if any(name == bad or name.startswith(f"{bad}.") for bad in MODULES))
        if not isinstance(node, ast.Call):
            continue
        if dotted(node.func) in CALLS | LOADERS:
            yield dotted(node.func)
        for keyword in node.keywords:
            value = keyword.value.value if isinstance(keyword.value, ast.Constant) else True
            if keyword.arg in {"trust_remote_code", "allow_pickle"} and value is not False:
                yield f"{keyword.arg}={value}"
            if keyword.arg in {"use_safetensors", "weights_only"} and value is not True:
                yield f"{keyword.arg}={value}"
        if dotted(node.func).endswith("from_pretrained") and not {
            "trust_remote_code",
            "use_safetensors",
        } <= {keyword.arg for keyword in node.keywords}:
            yield "from_pretrained that does not say trust_remote_code=False, use_safetensors=True"


def test_no_module_calls_a_loader_that_could_run_code() -> None:
    files = sorted((ROOT / "trainer").rglob("*.py"))
    assert len(files) > 30
    assert {str(file): found for file in files if (found := list(offences(file.read_text())))} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from torch.distributed import checkpoint",
        "import torch.distributed.checkpoint as dcp",
        "torch.load(path, weights_only=True)",
        "np.load(path)",
        "x.load(path, allow_pickle=True)",
        "AutoModel.from_pretrained(path)",
        "AutoModel.from_pretrained(path, trust_remote_code=flag, use_safetensors=True)",
        "exec(text)",
        "from joblib import load",
    ],
)
def test_such_a_call_would_be_found(source: str) -> None:
    assert list(offences(source))


def test_code_that_comes_with_a_model_is_not_run(bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "remote"
    shutil.copytree(bench.model["path"], folder)
    ran = tmp_path / "ran"
    (folder / "modeling_evil.py").write_text(f"open({str(ran)!r}, 'w').close()\nclass Evil: pass\n")
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {
        "AutoConfig": "modeling_evil.Evil",
        "AutoModelForCausalLM": "modeling_evil.Evil",
    }
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(Failure, match="code that comes with the model"):
        bench.run("model_load", "evil", {"folder": str(folder)})
    # Past the check of model.load, too: what a step loads is an artifact that somebody may have put together by hand.
    (folder / "config.json").write_text(json.dumps(config))
    text = language_model.text_encoder(bench.job("encode", "by-hand", {}), folder)
    assert language_model.read_folder(folder, text).network.num_parameters() > 0
    assert not ran.exists()


def hostile(header: bytes, length: int | None = None) -> bytes:
    return struct.pack("<Q", len(header) if length is None else length) + header


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00",
        hostile(b"{}", 2**63),
        hostile(b"{}", 2**64 - 1),
        hostile(b"{}", 10**12),
        hostile(b'{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,9223372036854775807]}}'),
        hostile(b'{"a":{"dtype":"F32","shape":[9223372036854775807,9223372036854775807],"data_offsets":[0,4]}}') + b"\0" * 4,
        hostile(b'{"a":{"dtype":"F32","shape":[-1],"data_offsets":[-4,0]}}'),
        hostile(b"[" * 100_000),
        b"\x80\x04\x95pickle",
    ],
)
def test_a_hostile_safetensors_file_is_bad_data_and_takes_no_memory(bench: Bench, tmp_path: Path, body: bytes) -> None:
    folder = tmp_path / "hostile"
    shutil.copytree(bench.model["path"], folder)
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").write_bytes(body)
    with pytest.raises(Failure) as failure:
        bench.run("model_load", "hostile", {"folder": str(folder)})
    assert failure.value.failure_class == "data"
    assert checkpoint.read_json(folder / "config.json")
