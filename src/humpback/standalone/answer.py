"""`humpback evaluate answer`: a model's answers to an evaluation set, in AlpacaEval's form."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from humpback.config import Config
from humpback.data_access.rows import input_digest
from humpback.evaluation.answers import Answering, EvalPrompt, read_prompt_set
from humpback.evaluation.comparisons import Output, write_outputs
from humpback.method.evaluation import answer_prompts
from humpback.method.rows import read_rows
from humpback.method.settings_file import with_changes
from humpback.runs.stage import ExternalModel
from humpback.runs.store import Run
from humpback.standalone.work import PLAIN, Command, How, carry_out, reasons_of, spent_lines


def answer_files(
    prompts: Path, model: str, outputs: Path, name: str, answering: Answering, changes: list[str], how: How = PLAIN
) -> list[str]:
    """Lets a model answer an evaluation set; lines of counts.

    Args:
        prompts: Any table with a prompt in it, or a text file.
        model: Who answers.
        outputs: Outputs to write.
        name: What the outputs call the model; the last part of its name where it is empty.
        answering: How answers are drawn.
        changes: Settings, as NAME=VALUE.
        how: How the command is carried out.

    Raises:
        StageError: No prompt was answered.
    """
    config = with_changes(Config.model_validate({"model": {"name": model}}), changes)
    generator = name or Path(model).name
    content = {"content": input_digest(str(prompts))}
    prompt_rows = read_rows("prompts", lambda: read_prompt_set(prompts), EvalPrompt, config, content)
    settings = {"generator": generator, **asdict(answering)}
    by = ExternalModel("model", config.model)
    stage = answer_prompts(config, "answers", prompt_rows, by, answering, generator, settings)

    def write(run: Run) -> list[str]:
        answers = run.stage(stage.name)
        write_outputs(outputs, answers.records(Output))
        counts = answers.counts()
        line = f"wrote {outputs}: {counts.kept} of {counts.read} prompts answered by {generator}"
        return [line + reasons_of(counts, "not"), *spent_lines(run)]

    return carry_out(Command([prompt_rows, stage], config, outputs, write, (outputs,), (prompts,)), how)
