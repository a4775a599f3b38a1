"""Reasoning targets that a teacher wrote: reasoning.jsonl with {query, reasoning}, in the folder of another step."""

from __future__ import annotations

from pathlib import Path

from pawl_trainer import jsonl
from pawl_trainer.dataset import Dataset
from pawl_trainer.failures import Failure

FILE = "reasoning.jsonl"


def read(folder: Path, dataset: Dataset, embed_token: str) -> dict[str, str]:
    """
    The reasoning of each query. A teacher may end it in the embed token, which is taken off: training adds it. Raises
    Failure(data) with the line where a query is unknown or there twice, or a reasoning is empty or has the embed token
    elsewhere.
    """
    if not (folder / FILE).exists():
        message = f"{FILE} is missing in the folder given as `reasoning`: a line {{query, reasoning}} for each query."
        raise Failure("data", message, input="reasoning")
    found: dict[str, str] = {}
    for number, row in enumerate(jsonl.read(folder / FILE, {"query": str, "reasoning": str}), start=1):
        query, text = row["query"], row["reasoning"].strip().removesuffix(embed_token).strip()
        problem = None
        if query not in dataset.queries:
            problem = f"the query {query!r} is not in the dataset"
        elif query in found:
            problem = f"the query {query!r} is there a second time"
        elif not text:
            problem = f"the reasoning of {query!r} is empty"
        elif embed_token in text:
            problem = f"the reasoning of {query!r} has {embed_token} before its end"
        if problem is not None:
            raise Failure("data", f"{FILE}:{number}: {problem}.", input="reasoning")
        found[query] = text
    return found
