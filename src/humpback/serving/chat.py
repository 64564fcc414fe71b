"""`humpback chat`: one or several models answer what is typed, turn by turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from humpback.config import TagSettings
from humpback.engines.base import Engine, StreamingEngine
from humpback.errors import harmless
from humpback.prompts import forward_messages
from humpback.records import record_rng_seed
from humpback.requests import Completion, Message, Part, Request, Sampling
from humpback.seed.pairs import normal_text

Show = Callable[[str], None]
HELP = "/new begins a new conversation, /quit ends; Ctrl-C stops an answer"


class Conversation:
    """What was said with one model, each instruction with its tags as in training.

    Args:
        name: What the model is called.
        engine: Answers.
        tags: What stands behind each instruction: S_a and S_w (paper, section 2.2).
        sampling: How answers are drawn; its seed is that of the whole conversation.
    """

    def __init__(self, name: str, engine: Engine, tags: TagSettings, sampling: Sampling) -> None:
        self.name = name
        self._engine, self._tags, self._sampling = engine, tags, sampling
        self._turns: list[Message] = []

    def ask(self, text: str, show: Show) -> Completion:
        """Answers, and shows the answer as it is written. Where there is no room, the oldest exchanges are forgotten.

        An answer that `show` ends by raising is not remembered, nor is its question.
        """
        question = forward_messages(text, self._tags, ("seed", "augmented"))
        seed = record_rng_seed(self._sampling.seed, "chat", "\n".join(m.text for m in (*self._turns, *question)))
        while True:
            request = Request("chat", (*self._turns, *question), replace(self._sampling, seed=seed))
            completion = stream(self._engine, request, show)
            if not completion.error:
                self._turns += [*question, Message("assistant", (Part(completion.text),))]
            if not completion.error or not self._turns:
                return completion
            del self._turns[:2]

    def forget(self) -> None:
        """Begins anew."""
        self._turns.clear()


def stream(engine: Engine, request: Request, show: Show) -> Completion:
    """The answer, shown while it is written where the engine can do that, else at its end."""
    if isinstance(engine, StreamingEngine):
        return engine.stream(request, show)
    (completion,) = engine.generate([request])
    show(completion.text)
    return completion


def chat(conversations: list[Conversation], lines: Iterable[str], show: Show) -> None:
    """Lets every model answer each line that is not empty, until '/quit' or the last line.

    Ctrl-C while a model writes ends its answer; while a line is awaited it is the caller's.

    Args:
        conversations: One for each model, in the order of their answers.
        lines: What is typed.
        show: Prints a text without a line break of its own.
    """
    for line in lines:
        match normal_text(line):
            case "":
                continue
            case "/quit" | "/exit":
                return
            case "/new":
                for conversation in conversations:
                    conversation.forget()
            case text:
                for conversation in conversations:
                    _answer(conversation, text, show, with_name=len(conversations) > 1)


def _answer(conversation: Conversation, text: str, show: Show, *, with_name: bool) -> None:
    if with_name:
        show(f"{conversation.name}: ")
    try:
        completion = conversation.ask(text, lambda piece: show(harmless(piece)))
    except KeyboardInterrupt:
        show(" [stopped]\n")
        return
    marks = {"length": " [cut off]", "error": f"[no answer: {completion.error}]"}
    show(marks.get(completion.finish_reason, "") + "\n")
