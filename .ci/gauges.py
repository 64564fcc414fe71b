"""Gauges of the code, one line each: `make check` prints them and ends with 1 where names say too little.

    python .ci/gauges.py [src/humpback]

They are to be looked at, not to be aimed at; the share of vague names alone has a limit.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]

VAGUE = frozenset(
    "about again asked begun chosen done each every found given gone held here it kept known left made more named of "
    "one other others out own place places rest room said seen shown some taken there thing this told wanted way what "
    "where whole".split()
)
"""Words that name no thing: a reader has to look up what a variable of this name holds."""

MOST_VAGUE = 0.01
"""The part of all names that may be vague."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file of the package."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        """How long it is."""
        return self.text.count("\n")


def main() -> int:
    """Prints the gauges; 1 where the share of vague names is above its limit."""
    package = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "src" / "humpback"
    sources = [_source(path) for path in sorted(package.rglob("*.py"))]
    lines = sum(source.lines for source in sources)
    names = Counter(name for source in sources for name in bound_names(source.tree))
    vague = Counter({name: names[name] for name in VAGUE if names[name]})
    share = vague.total() / names.total()
    comments = sum(comment_lines(source.text) for source in sources)
    longest = max(sources, key=lambda source: source.lines)
    length, function, path = max((length, name, s.path) for s in sources for name, length in functions(s.tree))
    often = ", ".join(f"{name} {count}" for name, count in vague.most_common(5))
    print(f"vague names         {share:.1%} of {names.total():,} (at most {MOST_VAGUE:.0%}): {often}")
    print(f"modules at the root {sum(path.stem != '__init__' for path in package.glob('*.py'))}")
    print(f"rooms               {sum(source.path.name == '__init__.py' for source in sources) - 1}")
    print(f"rows of layers      {layer_rows()}")
    print(f"comments            {100 * comments / lines:.1f} lines in a hundred")
    print(f"lines               {lines:,} in {len(sources)} files")
    print(f"longest file        {longest.lines} lines, {longest.path.relative_to(package)}")
    print(f"longest function    {length} lines, {function} in {path.relative_to(package)}")
    return int(share > MOST_VAGUE)


def bound_names(tree: ast.AST) -> Iterator[str]:
    """Every name that is assigned, and every argument, as often as it occurs."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name) if name not in ("self", "cls", "_"):
                yield name


def functions(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Name and lines of each function, its docstring and signature among them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def comment_lines(text: str) -> int:
    """Lines with a comment for readers; notes to ruff and mypy are none."""
    notes = ("# noqa", "# type:", "# fmt:")
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return sum(token.type == tokenize.COMMENT and not token.string.startswith(notes) for token in tokens)


def layer_rows() -> int:
    """Rows of the import rules in pyproject.toml."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    return next(len(contract["layers"]) for contract in contracts if contract["type"] == "layers")


def _source(path: Path) -> Source:
    text = path.read_text(encoding="utf-8")
    return Source(path, text, ast.parse(text))


if __name__ == "__main__":
    sys.exit(main())
