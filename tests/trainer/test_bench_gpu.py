"""bench/gpu.py at a size that runs anywhere: every part has its figures, and the operations follow the formula."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

PATH = Path(__file__).resolve().parents[2] / "bench" / "gpu.py"


def test_every_part_is_measured_at_test_size(capsys: pytest.CaptureFixture[str]) -> None:
    spec = importlib.util.spec_from_file_location("gpu", PATH)
    assert spec is not None and spec.loader is not None
    gpu = importlib.util.module_from_spec(spec)
    import sys

    sys.modules["gpu"] = gpu
    spec.loader.exec_module(gpu)
    small = ["--rows", "4", "--tokens", "16", "--micro", "2", "--steps", "1", "--new", "3", "--dtype", "float32"]
    assert gpu.main(["--size", "test", "--peak", "1e9", *small]) == 0
    about, *parts = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (about["size"], about["rows"]) == ("test", 4)
    assert [part["part"] for part in parts] == ["encode", "full", "lora", "sample"]
    assert all(part["tokens_per_second"] > 0 and part["mfu"] > 0 and part["peak_gib"] > 0 for part in parts)
    assert [sorted(part["seconds"]) for part in parts[1:3]] == [["backward", "forward", "optimizer"]] * 2
    model = gpu.model_of(gpu.SIZES["test"], "float32")
    width, inner, layers = 32, 64, 2
    # q and o are square, k and v half as wide, each but o with a bias; three matrices inside; two norms.
    matrices = layers * (2 * width * width + 2 * width * width // 2 + 2 * width + 3 * width * inner + 2 * width)
    assert gpu.needed(model, 16) == (2 * matrices + 2 * layers * width * 16, 2 * 512 * width)
