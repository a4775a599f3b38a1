"""Chance: every draw of a job comes from a generator that is keyed by the job's seed and what the draw is for.

Nothing depends on how often something was drawn before, so a resumed job needs no generator state of ours. The
libraries' global generators are set at the start of every job and saved with checkpoints all the same: a model with
dropout draws from them.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def derive(seed: int, *purpose: str | int) -> int:
    """A 63-bit seed for one purpose, from the job's seed. The same on every machine."""
    text = json.dumps([seed, *purpose], ensure_ascii=False)
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:8], "big") >> 1


def chooser(seed: int, *purpose: str | int) -> random.Random:
    """Python's generator, keyed."""
    return random.Random(derive(seed, *purpose))


def order_of(ids: list[str], *purpose: str | int) -> list[str]:
    """A permutation of the ids that depends on nothing but the ids and the purpose."""
    shuffled = sorted(ids)
    random.Random(derive(0, *purpose)).shuffle(shuffled)
    return shuffled


def uniforms(seed: int, keys: list[tuple[str | int, ...]], width: int) -> torch.Tensor:
    """
    Uniform draws in [0, 1), one row of `width` a key, each from a generator of its own: a row does not change with the
    rows around it. Returns float32 [keys, width].
    """
    import torch

    rows = torch.empty(len(keys), width)
    generator = torch.Generator()
    for row, key in zip(rows, keys, strict=True):
        generator.manual_seed(derive(seed, *key))
        row.copy_(torch.rand(width, generator=generator))
    return rows


def set_global(seed: int) -> None:
    """Sets the global generators of Python, and of numpy and torch where they are loaded."""
    random.seed(seed)
    if "numpy" in sys.modules:
        import numpy

        numpy.random.seed(seed % 2**32)
    if "torch" in sys.modules:
        import torch

        torch.manual_seed(seed)


@contextmanager
def forked(seed: int) -> Iterator[None]:
    """A block with the global generators at a seed; behind it they are as they were."""
    kept = global_state()
    set_global(seed)
    try:
        yield
    finally:
        restore_global(*kept)


def global_state() -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """The state of the global generators, as JSON and as tensors."""
    import numpy
    import torch

    version, words, gauss = random.getstate()
    state = numpy.random.get_state(legacy=False)
    keys = state["state"]["key"].astype("int64")
    legacy = [int(state["state"]["pos"]), int(state["has_gauss"]), float(state["gauss"])]
    plain = {"python": [version, list(words), gauss], "numpy": legacy}
    tensors = {"rng.torch": torch.get_rng_state(), "rng.numpy": torch.from_numpy(keys)}
    if torch.cuda.is_available():
        tensors["rng.cuda"] = torch.cuda.get_rng_state()
    return plain, tensors


def restore_global(plain: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
    """Puts the global generators back to a state of `global_state`."""
    import numpy
    import torch

    version, words, gauss = plain["python"]
    random.setstate((version, tuple(words), gauss))
    position, has_gauss, gauss = plain["numpy"]
    keys = tensors["rng.numpy"].numpy().astype("uint32")
    numpy.random.set_state(("MT19937", keys, position, has_gauss, gauss))
    torch.set_rng_state(tensors["rng.torch"])
    if "rng.cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["rng.cuda"])
