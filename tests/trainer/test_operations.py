"""Operations by name, those outside the package among them."""

from __future__ import annotations

from pathlib import Path

import pytest
from pawl_trainer import operations
from pawl_trainer.failures import Failure


def test_a_module_outside_is_imported_from_the_python_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "acme_count.py").write_text("def run(job):\n    return {'letters': 3.0}\n")
    (tmp_path / "acme_empty.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    function, declared = operations.find("module:acme_count")
    assert function(None) == {"letters": 3.0}  # type: ignore[arg-type]
    assert declared is None
    with pytest.raises(Failure, match="has no function `run"):
        operations.find("module:acme_empty")


def test_a_module_that_cannot_be_imported_is_named() -> None:
    with pytest.raises(Failure, match="cannot import `acme_none`: No module named"):
        operations.find("module:acme_none")
