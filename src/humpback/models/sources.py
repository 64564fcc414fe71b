"""Where a model comes from: a hub id, a folder, a GGUF file or a package that carries one.

Whatever the source, a model becomes a local folder in the Hugging Face layout with safetensors weights, and an
identity that changes whenever its weights do. Code and pickles that a model brings are refused unless a setting asks
for them. Imports heavy libraries only where a model is really prepared.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import importlib.util
import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from humpback.config import ModelSettings
from humpback.config.paths import cache_folder
from humpback.data_access.atomic import atomic_folder
from humpback.data_access.digests import digest_of, file_digest
from humpback.errors import ConfigError, ModelError
from humpback.models.packages import PackagedModel, installed_model
from humpback.models.template_trial import fault_of

_BLOCK = 1 << 20
_SHA_256 = re.compile("[0-9a-f]{64}")
_GGUF = b"GGUF"
"""How such a file begins."""
_HUB_FILES = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja", "LICENSE*", "README.md"]


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A model in the Hugging Face layout on this machine.

    Attributes:
        path: The folder.
        name: What the user called it.
        identity: Changes with the weights: a hub commit or a digest.
    """

    path: Path
    name: str
    identity: str


def is_hub_id(settings: ModelSettings) -> bool:
    """Whether the model comes from the hub."""
    if settings.engine_spec.is_server:
        return False
    name = settings.name
    return not name.startswith("package:") and not Path(name).expanduser().exists() and not _looks_like_path(name)


def identify(settings: ModelSettings, recorded: str = "") -> str:
    """The identity of the model a run starts from, without preparing it. A server is not asked: its engine adds more.

    Args:
        settings: Which model.
        recorded: The identity that a run has on record. One of an earlier version, which looked at parts of large
            files, stays where those parts are the same.

    Raises:
        ModelError: The model is not there.
    """
    if settings.engine_spec.dry_run:
        return "fake"
    if settings.engine_spec.is_server:
        return f"{settings.name}@{urlsplit(settings.server.addresses[0]).netloc}"
    name = settings.name
    if name.startswith("package:"):
        packaged = installed_model(name)
        return packaged.sha256 or _digest(packaged.file_path())
    path = Path(name).expanduser()
    if path.is_file():
        return _digest(path)
    if path.is_dir():
        identity = _folder_identity(path)
        return recorded if recorded != identity and recorded == _sampled_identity(path) else identity
    if _looks_like_path(name):
        raise _missing(name)
    return f"{name}@{settings.revision or 'main'}"


@dataclass(frozen=True, slots=True)
class Licence:
    """What may be done with a model.

    Attributes:
        name: As hubs write it, such as 'apache-2.0'; empty where it is not known.
        notice: What the licence asks to be shown.
    """

    name: str = ""
    notice: str = ""


def licence(settings: ModelSettings) -> Licence:
    """The licence of the base model, as far as it is known without fetching anything."""
    if settings.engine_spec.is_server:
        return Licence()
    if settings.engine_spec.needs_files and settings.name.startswith("package:"):
        packaged = installed_model(settings.name)
        return Licence(packaged.licence, packaged.notice)
    path = Path(settings.name).expanduser()
    return Licence(_licence(path)) if path.is_dir() else Licence()


def resolve(settings: ModelSettings) -> ModelFolder:
    """Makes the model ready on this machine.

    Raises:
        ConfigError: It is on a server.
        ModelError: It is not there, gated, not a causal language model, or brings code or pickles.
    """
    if settings.engine_spec.is_server:
        raise ConfigError(
            f"model.engine is {settings.engine}: a server's model cannot be trained",
            "set model.engine to transformers, and model.name to a model that can be had here",
        )
    identity = identify(settings)
    if settings.engine_spec.dry_run:
        return ModelFolder(Path(), "fake", identity)
    name = settings.name
    path = Path(name).expanduser()
    if name.startswith("package:"):
        packaged = installed_model(name)
        return ModelFolder(_from_package(packaged, identity), name, identity)
    if path.is_file():
        return ModelFolder(_from_gguf(path, identity), name, identity)
    folder = path if path.is_dir() else _from_hub(settings)
    _check(folder, name, settings.trust_remote_code)
    if not path.is_dir():
        _check_snapshot(folder)
        identity = f"{name}@{folder.name}"
    return ModelFolder(folder, name, identity)


def check(settings: ModelSettings) -> None:
    """Refuses a model that cannot be used, without preparing it: of one on the hub the config alone is fetched.

    Raises:
        ModelError: It is not there, gated, not a causal language model, or brings code or pickles.
    """
    name, path = settings.name, Path(settings.name).expanduser()
    if settings.engine_spec.is_server or settings.engine_spec.dry_run:
        return
    if name.startswith("package:"):
        installed_model(name)
    elif is_hub_id(settings):
        _check_config(_from_hub(settings, ["config.json"]), name, settings.trust_remote_code)
    elif path.is_dir():
        _check(path, name, settings.trust_remote_code)
    elif not path.exists():
        raise _missing(name)
    elif _magic(path) != _GGUF:
        raise ModelError(f"{path} is not a GGUF file", "give a folder, a GGUF file or a hub id")


def hub_folder(settings: ModelSettings) -> Path | None:
    """Where a model of the hub lies that was fetched earlier; None where it was not."""
    from huggingface_hub import snapshot_download

    revision = settings.revision or None
    try:
        return Path(
            snapshot_download(settings.name, revision=revision, allow_patterns=_HUB_FILES, local_files_only=True)
        )
    except (OSError, ValueError):
        return None


def _magic(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(len(_GGUF))


def _missing(name: str) -> ModelError:
    return ModelError(f"no model at {name}", "give a folder, a GGUF file, a hub id or 'package:gemma3-270m'")


def _looks_like_path(name: str) -> bool:
    return name.count("/") != 1 or name.startswith((".", "/", "~")) or name.endswith(".gguf")


def _from_package(packaged: PackagedModel, identity: str) -> Path:
    if packaged.file:
        return _from_gguf(packaged.file_path(), identity)
    target = cache_folder() / "models" / identity
    if (target / "config.json").exists():
        return target
    with tempfile.TemporaryDirectory(prefix="humpback-") as folder:
        path = Path(folder) / "model.gguf"
        try:
            importlib.import_module(packaged.module).assemble(path)
        except (OSError, ValueError, FileExistsError) as error:
            raise ModelError(f"{packaged.distribution} cannot be assembled ({error})", "reinstall it") from None
        if _digest(path) != packaged.sha256:
            raise ModelError(f"{packaged.distribution} does not have the weights it promises", "reinstall it")
        return _from_gguf(path, identity)


def _from_gguf(path: Path, identity: str) -> Path:
    """Converts a GGUF file to safetensors, once: the result is cached under the digest of the file."""
    target = cache_folder() / "models" / identity
    if (target / "config.json").exists():
        return target
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with without_progress_bars(), atomic_folder(target) as folder:
        try:
            source = {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name}
            tokenizer = AutoTokenizer.from_pretrained(**source)
            # float32 holds what a quantised weight stands for; bfloat16 would round it a second time.
            model = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise ModelError(f"{path} cannot be read as a GGUF model ({_line(error)})", "check the file") from None
        # The weights are no longer quantised: loaders must not be told that they are.
        model.config.__dict__.pop("quantization_config", None)
        model.hf_quantizer = None
        model.is_quantized = False
        write_model(model, tokenizer, folder)
    return target


def write_model(model: Any, tokenizer: Any, folder: Path, state: Any = None) -> None:
    """Writes a model in the Hugging Face layout, for everybody whom the umask lets read it.

    Args:
        model: The network.
        tokenizer: Its tokenizer.
        folder: A folder that is there.
        state: The weights, where the network's own are not to be written.
    """
    with without_progress_bars():
        model.save_pretrained(folder, state_dict=state)
    tokenizer.save_pretrained(folder)
    # safetensors makes files that only their owner may read.
    mode = (folder / "config.json").stat().st_mode & 0o777
    for weights in folder.glob("*.safetensors"):
        weights.chmod(mode)


def _from_hub(settings: ModelSettings, patterns: list[str] = _HUB_FILES) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    name, revision = settings.name, settings.revision or None
    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=patterns))
    except GatedRepoError:
        raise ModelError(f"{name} is gated", "accept its terms on the hub and run 'hf auth login'") from None
    except RepositoryNotFoundError:
        raise ModelError(f"no model {name} on the hub", "check the name, or log in if it is private") from None
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError, ValueError) as error:
        raise ModelError(f"{name} cannot be fetched ({_line(error)})", "give a folder or a GGUF file") from None


def _check_snapshot(folder: Path) -> None:
    """The hub's cache calls a large file by its SHA-256: so the commit, a model's identity, holds for its weights."""
    for path in sorted(folder.rglob("*")):
        file = path.resolve()
        if _SHA_256.fullmatch(file.name) and _digest(file) != file.name:
            raise ModelError(f"{path} is not as it was fetched", f"delete {file} and run it again")


def _check(folder: Path, name: str, trust: bool) -> None:
    _check_config(folder, name, trust)
    if fault := _template_fault(folder):
        raise ModelError(f"the chat template of {name} cannot be used ({fault})", "mend it, or take another model")
    if not trust and not list(folder.glob("*.safetensors")):
        raise ModelError(f"{name} has no safetensors weights", "convert it, or set model.trust_remote_code")


def _check_config(folder: Path, name: str, trust: bool) -> None:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise ModelError(f"{name} has no readable config.json", "give a folder in the Hugging Face layout") from None
    architectures = config.get("architectures") or []
    if not any("CausalLM" in str(a) or "ConditionalGeneration" in str(a) for a in architectures):
        raise ModelError(f"{name} is not a causal language model ({', '.join(map(str, architectures)) or 'unknown'})",
                         "take one that is")  # fmt: skip
    if "auto_map" in config and not trust:
        raise ModelError(f"{name} brings code of its own", "set model.trust_remote_code if you trust it")


def _template_fault(folder: Path) -> str:
    """What is wrong with a folder's chat template, as far as can be told without its tokenizer."""
    try:
        config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
        file = folder / "chat_template.jinja"
        template = file.read_text(encoding="utf-8") if file.exists() else config.get("chat_template")
    except (OSError, ValueError, AttributeError):
        return ""  # loading the tokenizer will say more
    if isinstance(template, list):
        template = next((entry["template"] for entry in template if entry.get("name") == "default"), None)
    token_entries = {name: token for name, token in config.items() if name.endswith("_token") and token}
    tokens = {name: token["content"] if isinstance(token, dict) else token for name, token in token_entries.items()}
    return fault_of(template, tokens) if template else ""


def _licence(folder: Path) -> str:
    try:
        text = (folder / "README.md").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    head = text.split("---")[1] if text.startswith("---") and text.count("---") > 1 else ""
    for line in head.splitlines():
        if line.startswith("license:"):
            return line.removeprefix("license:").strip()
    return ""


def _digest(path: Path) -> str:
    try:
        return file_digest(path)
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror or error})", "see that you may read it") from None


def _folder_identity(folder: Path) -> str:
    """Digest of every file's name and content, but for texts about the model."""
    names = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("[!.]*")
        if path.is_file() and path.suffix != ".md" and not path.name.startswith(("LICENSE", "LICENCE"))
    )
    parts = (f"{name}\0{_digest(folder / name)}\n" for name in names)
    return digest_of("".join(parts).encode("utf-8", "surrogateescape"))


def _sampled_identity(folder: Path) -> str:
    """What an earlier version called a folder: by 64 blocks spread over each file."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.iterdir() if p.suffix in {".json", ".safetensors", ".model", ".jinja"}):
        size = path.stat().st_size
        digest.update(f"{path.name}\0{size}\0".encode())
        with path.open("rb") as file:
            for start in range(0, size, max(_BLOCK, size // 64)):
                file.seek(start)
                digest.update(file.read(_BLOCK))
    return digest.hexdigest()


@contextmanager
def without_progress_bars() -> Iterator[None]:
    """Loads and saves without the progress bars of transformers: the stages report progress themselves."""
    from transformers.utils import logging

    were_shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if were_shown:
            logging.enable_progress_bar()


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
