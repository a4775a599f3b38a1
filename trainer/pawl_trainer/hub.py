"""The Hugging Face hub: a model by its id and commit, as a local folder.

A commit never changes, so the same id and commit are the same bytes for ever; a branch or a tag may move, and is refused.
Files go through the hub's own cache (HF_HOME), which serves what it has without a network. Weights other than safetensors
and code are not even downloaded.
"""

from __future__ import annotations

import re
from pathlib import Path

from pawl_trainer.failures import Failure

FILES = ("*.json", "*.safetensors", "*.jinja", "merges.txt")
COMMIT = re.compile(r"[0-9a-f]{40}")
NAME = re.compile(r"[\w.-]+/[\w.-]+")


def fetch(name: str, commit: str) -> Path:
    """The folder of model `name` at `commit`; raises Failure(config) for what cannot be named, Failure(data) otherwise."""
    if not NAME.fullmatch(name):
        message = f"`hub` is owner/name, such as Qwen/Qwen2.5-1.5B-Instruct; it is {name!r}."
        raise Failure("config", message, input="hub")
    if not COMMIT.fullmatch(commit):
        message = (
            f"`revision` must be the commit of {name}, 40 hexadecimal digits; it is {commit!r}. Branches and tags move; the"
            " page of the model shows its commits under “Files and versions”."
        )
        raise Failure("config", message, input="revision")
    import huggingface_hub
    from huggingface_hub import errors

    try:
        return Path(huggingface_hub.snapshot_download(name, revision=commit, allow_patterns=list(FILES)))
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, OSError) as error:
        if isinstance(error, errors.HfHubHTTPError):
            raise Failure("data", _refusal(name, commit, error), hub=name) from None
        message = (
            f"{name} at {commit} is not in the cache of the hub, and the hub cannot be reached"
            f" ({type(error).__name__}). Download the model where there is a network and give its `folder`, or allow this"
            " worker to reach the hub (HF_HUB_OFFLINE, HF_ENDPOINT, HTTPS_PROXY)."
        )
        raise Failure("data", message, hub=name) from None


def _refusal(name: str, commit: str, error: Exception) -> str:
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        return f"The hub hands {name} only to those who accepted its terms: do so, and give the worker a token (HF_TOKEN)."
    if isinstance(error, errors.RevisionNotFoundError):
        return f"The hub has {name}, but no commit {commit} of it."
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"The hub has no model {name}, or the worker's token (HF_TOKEN) may not see it."
    return f"The hub did not hand out {name}: {str(error).splitlines()[0]}"
