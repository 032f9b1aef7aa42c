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
    assert "approvers*: people" in next(kind for kind in kinds if kind["name"] == "human_approval")["takes"]
    assert "agent_task" in hishamos(tmp_path, "workflows", "types").stdout
    assert json.loads(hishamos(tmp_path, "workflows", "schema").stdout)["title"] == "HishamOS workflow"
    assert hishamos(tmp_path, "workflows", "schema", "--output", "s.json").returncode == 0
    assert "steps" in json.loads((tmp_path / "s.json").read_text())["properties"]


GATE = """\
workflow: gate
title: Shall it go on?
inputs: {names: {type: list, default: [a, b]}}
outputs: {stars: steps.ask.form.stars}
steps:
  - id: each
    type: parallel
    for_each: inputs.names
    steps: [{id: note, type: notify, with: {subject: "${{ item }}"}}]
  - id: ask
    type: human_approval
    depends_on: [each]
    with: {approvers: ["role:manager"], form: {stars: {type: integer, required: true}}}
    on_changes: {rework: each, max: 1}
  - {id: end, type: notify, depends_on: [ask], with: {subject: "${{ rework.comment }}"}}
"""


def test_a_workflow_is_published_run_and_decided(tmp_path: Path) -> None:
    def run(*arguments: str, code: int = 0) -> str:
        done = hishamos(tmp_path, "workflows", *arguments)
        assert done.returncode == code, done.stderr
        return done.stdout if code == 0 else done.stderr

    (tmp_path / "gate.yaml").write_text(GATE)
    assert "gate, version 1, is published" in run("publish", "gate.yaml")
    assert "gate" in run("list") and run("show", "gate").strip() == GATE.strip()
    assert "no input" in run("run", "gate", "--input", "name=x", code=2)
    found = json.loads(run("run", "gate", "--input", 'names=["a","b","c"]', "--wait", "--json"))
    assert found["state"] == "waiting" and (found["done"], found["count"]) == (3, 5)
    (task,) = json.loads(run("inbox", "--json"))
    assert task["title"] == "gate: ask" and task["may_ask_for_changes"]
    run("decide", str(task["id"]), "changes", "--comment", "shorter")
    assert "3 steps done" in run("work")
    (task,) = json.loads(run("inbox", "--json"))
    assert "stars: has to be filled in" in run("decide", str(task["id"]), "approve", code=2)
    assert "approve" in run("decide", str(task["id"]), "approve", "--field", "stars=4")
    run("work")
    assert "ask: changes by " in run("show", str(found["id"])) and ": shorter" in run(
        "show", str(found["id"])
    )
    found = json.loads(run("watch", str(found["id"]), "--json"))
    assert found["state"] == "succeeded" and found["outputs"] == {"stars": 4}
    assert "succeeded" in run("runs") and "end" in run("show", str(found["id"]))
    assert "is waiting" in run("retry", str(found["id"]), "--from", "ask")
    assert "is paused" in run("pause", str(found["id"])) and "is waiting" in run("resume", str(found["id"]))
    assert "is cancelled" in run("cancel", str(found["id"]), "--reason", "enough")
    run("retire", "gate", "1")
    assert "no published version" in run("run", "gate", code=3)
