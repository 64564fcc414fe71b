"""What a model folder says without its weights: tokenizer, template and longest sequence."""

from __future__ import annotations

from pathlib import Path

from humpback.config import ModelSettings
from humpback.errors import ModelError
from humpback.models.template import Template, check_template


def load_template(path: Path, settings: ModelSettings) -> Template:
    """The template of a model folder, with its tokenizer.

    Raises:
        ModelError: There is no tokenizer, its template cannot be used, or the model was trained with another one.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=settings.trust_remote_code)
    except Exception as error:  # what a stranger's files make the libraries raise has no end
        raise cannot_load(path, error) from None
    template = Template(tokenizer, settings.date)
    check_template(path, template)
    return template


def longest_sequence(path: Path, settings: ModelSettings) -> int:
    """The tokens of a sequence: what the settings allow and the model's positions reach.

    Raises:
        ModelError: The folder does not hold a model.
    """
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(path, trust_remote_code=settings.trust_remote_code)
    except Exception as error:  # what a stranger's files make the libraries raise has no end
        raise cannot_load(path, error) from None
    limit = getattr(config.get_text_config(), "max_position_embeddings", None) or settings.max_tokens
    return min(settings.max_tokens, int(limit))


def cannot_load(path: Path, error: Exception) -> ModelError:
    """What to say of a folder that transformers does not read."""
    reason = " ".join((str(error).splitlines() or [type(error).__name__])[:2])
    return ModelError(f"{path} cannot be loaded ({reason})", "check model.name")
