"""What `make check` says of the packages that the project needs."""

import runpy
from pathlib import Path

DEPENDENCIES = runpy.run_path(str(Path(__file__).parents[1] / ".ci/dependencies.py"))


def test_every_package_here_is_under_a_licence_of_the_list():
    assert "jinja2" in DEPENDENCIES["installed"]()
    assert list(DEPENDENCIES["licence_mistakes"]()) == []


def test_each_part_of_a_licence_must_be_in_the_list():
    allowed = DEPENDENCIES["is_allowed"]
    assert all(map(allowed, ("MIT", "Apache Software License", "GPL-3.0 OR BSD-2-Clause", "MIT AND PSF-2.0")))
    assert not any(map(allowed, ("", "GPL-3.0", "MIT AND GPL-3.0", "Limited use")))


def test_a_known_vulnerability_is_a_line_and_what_nobody_knows_is_said(capsys):
    found = [
        {"name": "a", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]},
        {"name": "b", "version": "1", "vulns": []},
        {"name": "c", "skip_reason": "not found"},
    ]
    assert list(DEPENDENCIES["flaws"](found)) == ["a 1: CVE-1, mended in 2"]
    assert capsys.readouterr().out == "vulnerabilities: 1 of 3 packages not checked (such as: not found)\n"
