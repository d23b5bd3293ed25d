"""What contributors read and what the forge runs: paths exist, and versions agree."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import diarize
from tests.conftest import ROOT

FORGE = ROOT / ".github"
yaml = pytest.importorskip("yaml", reason="pip install pyyaml")
pytestmark = pytest.mark.skipif(not FORGE.is_dir(), reason="only in a checkout")


def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def commands(workflow: str) -> str:
    jobs = loaded(FORGE / "workflows" / workflow)["jobs"].values()
    return "\n".join(step.get("run", "") for job in jobs for step in job.get("steps", ()))


def test_every_file_that_contributing_names_is_there() -> None:
    text = (FORGE / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:diarize|tests|models|examples|\.ci)/[\w./-]+)`", text)
    assert len(named) > 15
    missing = [name for name in named if not (ROOT / name).exists()]
    assert missing == []


def test_links_between_the_pages_work() -> None:
    for page in FORGE.glob("*.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_issue_forms_ask_for_what_doctor_prints() -> None:
    forms = [loaded(path) for path in (FORGE / "ISSUE_TEMPLATE").glob("*.yml")]
    forms = [form for form in forms if "body" in form]
    assert len(forms) == 2
    for form in forms:
        assert form["name"] and form["description"]
        for field in form["body"]:
            assert field["type"] in ("markdown", "textarea", "input")
            assert field["attributes"].get("label") or field["attributes"].get("value")
        assert any("diarize doctor --json" in str(field) for field in form["body"])
    done = subprocess.run(
        [sys.executable, "-m", "diarize", "doctor", "--json"], capture_output=True, text=True
    )
    found = json.loads(done.stdout)
    assert {"topic", "name", "state", "detail"} == set(found[0])
    assert any(one["name"] == "diarize" for one in found)


def test_ci_covers_three_systems_and_both_ends_of_the_versions() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    oldest = re.search(r'requires-python = ">=([\d.]+)"', project)[1]  # type: ignore[index]
    listed = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', project)
    matrix = loaded(FORGE / "workflows" / "ci.yml")["jobs"]["tests"]["strategy"]["matrix"]
    assert [name.split("-")[0] for name in matrix["os"]] == ["ubuntu", "macos", "windows"]
    assert matrix["python"] == [oldest, listed[-1]] == [listed[0], listed[-1]]
    assert "--resolution lowest-direct" in commands("ci.yml")
    assert (ROOT / ".ci" / "run").is_file()


def test_the_release_checks_what_it_publishes() -> None:
    publish = loaded(FORGE / "workflows" / "release.yml")["jobs"]
    assert publish["publish"]["permissions"] == {"id-token": "write"}
    assert publish["build"]["needs"] == "tests"
    line = next(line for line in commands("release.yml").splitlines() if "sed -n" in line)
    pattern = re.search(r"s/(.*)/\\1/p", line)[1]  # type: ignore[index]
    pattern = pattern.replace(r"\(", "(").replace(r"\)", ")")
    text = (ROOT / "diarize" / "version.py").read_text(encoding="utf-8")
    assert re.search(pattern, text, re.M)[1] == diarize.__version__  # type: ignore[index]
    assert loaded(ROOT / "CITATION.cff")["version"] == diarize.__version__


def test_hooks_run_the_tools_that_the_gate_runs() -> None:
    repos = loaded(ROOT / ".pre-commit-config.yaml")["repos"]
    hooks = {hook["id"] for repo in repos for hook in repo["hooks"]}
    assert {"ruff", "ruff-format", "mypy", "lint-imports", "check-added-large-files"} <= hooks
