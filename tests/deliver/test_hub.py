"""An export goes to the hub under one name, private, or stays here with one line."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from humpback.deliver.hub import push
from humpback.errors import InputError


class Repositories:
    """A hub that remembers what it is asked, or refuses."""

    def __init__(self, error: Exception | None = None) -> None:
        self.calls: list[tuple[object, ...]] = []
        self._error = error

    def create_repo(self, repo_id: str, *, repo_type: str, private: bool, exist_ok: bool) -> None:
        if self._error:
            raise self._error
        self.calls.append(("create", repo_id, repo_type, private, exist_ok))

    def upload_folder(self, *, repo_id: str, folder_path: Path, repo_type: str, commit_message: str) -> None:
        self.calls.append(("upload", repo_id, repo_type, folder_path))


def test_data_set_and_model_go_to_private_repositories_of_one_name(tmp_path):
    hub = Repositories()
    folders = {"data set": tmp_path / "dataset", "model": tmp_path / "model"}
    assert push(folders, "me/mine", hub) == [
        "pushed the data set to datasets/me/mine", "pushed the model to me/mine",
    ]  # fmt: skip
    assert hub.calls == [
        ("create", "me/mine", "dataset", True, True),
        ("upload", "me/mine", "dataset", tmp_path / "dataset"),
        ("create", "me/mine", "model", True, True),
        ("upload", "me/mine", "model", tmp_path / "model"),
    ]


@pytest.mark.parametrize("error", [OSError("401 unauthorised"), ValueError("no name"), httpx2.ConnectError("gone")])
def test_a_hub_that_refuses_is_one_line(tmp_path, error):
    with pytest.raises(InputError, match=rf"the data set cannot be pushed to me/mine \({error}\): log in with"):
        push({"data set": tmp_path}, "me/mine", Repositories(error))


def test_the_hub_itself_has_what_is_asked_of_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(InputError, match="cannot be pushed to no/such/name"):
        push({"model": tmp_path}, "no/such/name")
