"""What `import humpback` offers, and what it does not wait for."""

import inspect
import subprocess
import sys

import pytest

import humpback

FUNCTIONS = ["evaluate", "finetune", "instruct", "open_run", "rate", "run", "segment", "select"]


def test_the_names_are_these():
    assert [*sorted(humpback.__all__)] == ["Config", "HumpbackError", "Records", "RunFolder", *FUNCTIONS]
    assert {*humpback.__all__} <= {*dir(humpback)}
    for name in humpback.__all__:
        assert getattr(humpback, name).__doc__
    with pytest.raises(AttributeError, match="has no attribute 'train'"):
        humpback.train  # noqa: B018


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_function_says_how_it_is_called_and_what_may_go_wrong(name):
    function = getattr(humpback, name)
    text = inspect.getdoc(function)
    assert f"humpback.{name}(" in text.partition("Example:")[2]
    assert "Error: " in text.partition("Raises:")[2].partition("Example:")[0]
    arguments = text.partition("Args:")[2].partition("Raises:")[0]
    assert all(f"\n    {parameter}: " in arguments for parameter in inspect.signature(function).parameters)


def test_the_import_waits_for_nothing_and_no_room_takes_the_name_of_a_function():
    heavy = {"torch", "transformers", "trl", "datasets", "pyarrow", "numpy", "pydantic", "yaml", "rich", "typer"}
    code = (
        f"import sys, humpback; print(sorted({heavy} & set(sys.modules)))\n"
        "import humpback.cli.main, humpback.training.requirements, humpback.evaluation.comparisons\n"
        f"print([name for name in {FUNCTIONS} if not callable(getattr(humpback, name))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "[]"]
