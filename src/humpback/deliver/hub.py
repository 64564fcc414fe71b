"""An export to the hub of Hugging Face, private until its owner says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from humpback.errors import InputError
from humpback.runs.store import local_copy

_TYPES = {"data set": "dataset", "model": "model"}


class Hub(Protocol):
    """What is asked of the hub; `huggingface_hub.HfApi` is one."""

    def create_repo(self, repo_id: str, *, repo_type: str, private: bool, exist_ok: bool) -> object:
        """Makes a repository where there is none."""

    def upload_folder(self, *, repo_id: str, folder_path: Path, repo_type: str, commit_message: str) -> object:
        """Puts what a folder holds into it, in one commit."""


def push(exported: Mapping[str, Path], repo: str, hub: Hub | None = None) -> list[str]:
    """Uploads a data set and a model under one name; where each is now.

    A repository that is made for them is private; one that is there stays as public as it is.

    Args:
        exported: The folders by what they are: 'data set', 'model'.
        repo: 'OWNER/NAME'.
        hub: The hub; the real one unless given.

    Raises:
        InputError: The hub is not reached, or refuses.
    """
    import httpx2
    from huggingface_hub import HfApi

    hub = hub or HfApi()
    lines = []
    for label, folder in exported.items():
        kind = _TYPES[label]
        try:
            hub.create_repo(repo, repo_type=kind, private=True, exist_ok=True)
            with local_copy(folder) as local:
                hub.upload_folder(
                    repo_id=repo, folder_path=local, repo_type=kind, commit_message="Exported by humpback"
                )
        except (OSError, ValueError, httpx2.HTTPError) as error:
            reason = " ".join(str(error).split())[:200]
            hint = "log in with 'hf auth login' and give OWNER/NAME; the export stays here"
            raise InputError(f"the {label} cannot be pushed to {repo} ({reason})", hint) from None
        lines.append(f"pushed the {label} to {'datasets/' if kind == 'dataset' else ''}{repo}")
    return lines
