"""Tries a chat template in a process of its own: templates come from strangers, and may never end or fill the memory.

That process runs this file and imports nothing of ours. It renders short conversations in the environment that
transformers gives to chat templates, bounded in processor time, memory and length.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

SECONDS = 1
"""Processor time that the trial may take; on the clock thirty times as much."""
_MEMORY = 1 << 30
_LONGEST = 100_000
"""Characters that a template may write beside those of the messages."""
_OVERTIME = f"it needs more than a second"


def fault_of(template: str, tokens: Mapping[str, Any]) -> str:
    """What is wrong with a template, in one line; empty where nothing is.

    Args:
        template: The Jinja text.
        tokens: The tokenizer's named tokens, such as `bos_token`.
    """
    return _fault_of(json.dumps([template, dict(tokens)]))


@lru_cache
def _fault_of(text: str) -> str:
    command = [sys.executable, "-I", __file__]
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=30 * SECONDS, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        return _OVERTIME
    return done.stdout.strip() or (_OVERTIME if done.returncode < 0 else done.stderr.strip()[-200:])


def _main() -> str:
    template, tokens = json.load(sys.stdin)
    try:
        import resource
    except ImportError:  # Windows has no such limits; the time on the clock is bounded there too
        pass
    else:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    try:
        return _render(template, tokens)
    except MemoryError:
        return f"it needs more than {_MEMORY >> 30} GiB of memory"
    except Exception as error:  # whatever a template does
        line = getattr(error, "lineno", None)
        return " ".join(f"{type(error).__name__}: {error}".split())[:200] + (f", line {line}" if line else "")


def _render(template: str, tokens: dict[str, str]) -> str:
    from jinja2 import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(message: str) -> None:
        raise TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = lambda value, ensure_ascii=False, **options: json.dumps(
        value, ensure_ascii=ensure_ascii, **options
    )
    environment.globals |= {"raise_exception": refuse, "strftime_now": lambda form: form}
    # Marks for trainers, which transformers reads and Jinja does not know.
    compiled = environment.from_string(re.sub(r"\{%-?\s*(?:end)?generation\s*-?%\}", "", template))
    turns = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}]
    for messages, asks in ((turns, False), (turns[:1], True)):
        length = 0
        for piece in compiled.generate(messages=messages, add_generation_prompt=asks, **tokens):
            length += len(piece)
            if length > _LONGEST:
                return f"it writes more than {_LONGEST:,} characters of its own"
    return ""


if __name__ == "__main__":
    sys.stdout.write(_main())
