"""Workflows at the command line: checked, with every problem on a line of its own."""

import json
from pathlib import Path

from tests.conftest import ROOT
from tests.support.commands import hishamos

EXAMPLE = ROOT / "examples" / "workflows" / "feature-development.yaml"


def test_a_definition_is_checked(tmp_path: Path) -> None:
    told = hishamos(tmp_path, "workflows", "validate", str(EXAMPLE))
    assert told.returncode == 0
    assert "feature-development is valid: 12 steps, 3 inputs" in told.stdout
    found = json.loads(hishamos(tmp_path, "workflows", "validate", str(EXAMPLE), "--json").stdout)
    assert [step["id"] for step in found["steps"] if step["inside"] == "reviews"] == ["review", "audit"]
    (tmp_path / "same.yaml").write_text(
        "# A comment.\n" + EXAMPLE.read_text().replace("{usd: 5,", "{ usd:  5,")
    )
    again = json.loads(hishamos(tmp_path, "workflows", "validate", "same.yaml", "--json").stdout)
    assert again["sha256"] == found["sha256"], "comments and white space are none of the definition"


def test_every_problem_has_a_line(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(
        "workflow: w\nsteps:\n  - {id: a, tpye: delay}\n  - {id: b, type: dely}\n"
    )
    told = hishamos(tmp_path, "workflows", "validate", "bad.yaml")
    assert told.returncode == 2 and told.stdout == ""
    assert told.stderr.splitlines() == [
        "steps.0: lacks `type` (line 3, column 5)",
        "steps.0.tpye: is not known; did you mean 'type'? (line 3, column 13)",
    ]
    (tmp_path / "bad.yaml").write_text("workflow: w\nsteps:\n  - {id: b, type: dely}\n")
    assert "did you mean 'delay'?" in hishamos(tmp_path, "workflows", "validate", "bad.yaml").stderr
    (tmp_path / "empty.yaml").write_text("")
    assert hishamos(tmp_path, "workflows", "validate", "empty.yaml").returncode == 2


def test_types_and_schema_are_shown(tmp_path: Path) -> None:
    kinds = json.loads(hishamos(tmp_path, "workflows", "types", "--json").stdout)
    assert {"agent_task", "human_approval", "parallel", "subworkflow"} <= {kind["name"] for kind in kinds}
    assert "approvers*: list" in next(kind for kind in kinds if kind["name"] == "human_approval")["takes"]
    assert "agent_task" in hishamos(tmp_path, "workflows", "types").stdout
    assert json.loads(hishamos(tmp_path, "workflows", "schema").stdout)["title"] == "HishamOS workflow"
    assert hishamos(tmp_path, "workflows", "schema", "--output", "s.json").returncode == 0
    assert "steps" in json.loads((tmp_path / "s.json").read_text())["properties"]
