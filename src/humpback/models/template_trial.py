"""Tries a chat template in a process of its own: templates come from strangers, and may never end or fill the memory.

That process runs this file and imports nothing of ours. It renders a short conversation as transformers would.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any

_SECONDS = 1
"""Processor time that the trial may take; on the clock thirty times as much."""
_MEMORY = 1 << 30
_LONGEST = 100_000
"""Characters that a template may write in one piece or in sum."""


def fault_of(template: str, tokens: Mapping[str, Any]) -> str:
    """What is wrong with a template, in one line; empty where nothing is.

    Args:
        template: The Jinja text.
        tokens: The tokenizer's named tokens, such as `bos_token`.
    """
    return _fault_of(json.dumps([template, dict(tokens)]))


@lru_cache
def _fault_of(text: str) -> str:
    command, limit = [sys.executable, "-I", __file__], 30 * _SECONDS
    with suppress(subprocess.TimeoutExpired):
        process = subprocess.run(command, input=text, capture_output=True, text=True, timeout=limit, check=False)  # noqa: S603
        if process.returncode >= 0:
            return process.stdout or process.stderr.strip()[-200:]
    return "it needs more than a second"


def _render(template: str, tokens: dict[str, str]) -> str:
    from jinja2 import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(message: str) -> None:
        raise TemplateError(message)

    extensions = ["jinja2.ext.loopcontrols"]
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=extensions)
    environment.filters["tojson"] = lambda value, **options: json.dumps(value, **options)
    environment.globals |= {"raise_exception": refuse, "strftime_now": lambda form: form}
    # Marks for trainers, which Jinja does not know.
    compiled = environment.from_string(re.sub(r"\{%-?\s*(?:end)?generation\s*-?%\}", "", template))
    turns, length = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}], 0
    for messages in (turns, turns[:1]):
        for piece in compiled.generate(messages=messages, add_generation_prompt=messages != turns, **tokens):
            length += len(piece)
            if length > _LONGEST:
                return f"it writes more than {_LONGEST:,} characters"
    return ""


def _main() -> str:
    with suppress(ImportError, ValueError, OSError):  # a system that has no such limits
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    try:
        return _render(*json.load(sys.stdin))
    except MemoryError:
        return "it needs more than 1 GiB of memory"
    except Exception as error:  # whatever a template does
        line = getattr(error, "lineno", None)
        return " ".join(f"{type(error).__name__}: {error}".split())[:200] + (f", line {line}" if line else "")


if __name__ == "__main__":
    sys.stdout.write(_main())
