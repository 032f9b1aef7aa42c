"""Edits, changes, plans and traces on real builds: what is touched is made again, and nothing else."""

import pytest

from hishamos_pipeline.application.projects import summary_of
from hishamos_pipeline.changing import editing, proposing
from hishamos_pipeline.changing.forecast import forecast
from hishamos_pipeline.changing.revisions import changes as differences
from hishamos_pipeline.changing.revisions import proposed
from hishamos_pipeline.core.artifacts.documents import (
    FileSet,
    Requirements,
    Stories,
    TestSuite,
    VerifiedBuild,
)
from hishamos_pipeline.core.artifacts.editing import Edit, edits_between, item_hash
from hishamos_pipeline.core.artifacts.tracing import matching, orphans, trace
from hishamos_pipeline.errors import ArtifactMissingError, EditError, UnbuildableError
from hishamos_pipeline.generation.outdated_edits import outdated_edits
from hishamos_pipeline.generation.run import ProjectRun
from hishamos_pipeline.generation.traces import traced
from hishamos_pipeline.store.artifacts.records import ArtifactRevision
from tests.support.building import build

ADD = "src/notes/services/notes.py"
PLANNED = "src/notes/extra.py"


def edit(run: ProjectRun, kind: str, item: str, path: str, value: object) -> ArtifactRevision:
    items = editing.current_items(run.project, kind)
    changed = editing.with_value(items[item], path, value) if path else value
    edits = edits_between(kind, items, {**items, item: changed})
    return editing.apply_edits(run.project, kind, edits, author="ann", reason="because")


@pytest.mark.slow
async def test_an_edited_story_makes_again_what_depends_on_it_alone(notes: ProjectRun) -> None:
    await build(notes)
    source = notes.project.read("source_code", FileSet)
    row = edit(notes, "stories", "US-001", "title", "Write a note")
    assert (row.origin, row.author, row.reason, row.revision) == ("human", "ann", "because", 2)
    plan = {item.step.kind: item for item in await forecast(notes)}
    assert "requirements" not in plan and "architecture" not in plan and "stories" not in plan
    assert plan["source_code"].units == () and plan["source_code"].kept == len(source.files)
    assert plan["test_suite"].units == ("tests/test_us_001_write_a_note.py",)
    done = await build(notes)
    assert done["requirements"] == done["stories"] == done["ci_config"] == "reused"
    assert notes.project.read("source_code", FileSet) == source
    assert notes.project.read("stories", Stories).stories[0].title == "Write a note"
    assert notes.project.read("verified_build", VerifiedBuild).passed and notes.plan() == ()


async def test_the_blueprint_engine_says_that_it_has_no_template_for_a_file(notes: ProjectRun) -> None:
    await build(notes, until="stories")
    await build(notes, until="architecture")
    edit(
        notes,
        "architecture",
        PLANNED,
        "",
        editing.planned_item(PLANNED, {"purpose": "x", "interface": "x: int"}),
    )
    with pytest.raises(UnbuildableError, match=r"no template for src/notes/extra\.py: take it out"):
        await build(notes, until="source_code")
    with pytest.raises(EditError, match=r"store.py depends on .*|is not planned"):
        edit(notes, "architecture", ADD, "", None)


@pytest.mark.slow
async def test_a_changed_brief_is_foreseen_unit_by_unit_where_it_costs_nothing(notes: ProjectRun) -> None:
    await build(notes)
    idea = notes.project.idea()
    changed = idea.model_copy(update={"features": (*idea.features, "User can count notes")})
    notes.project.store.projects.submit(changed, "test")
    plan = {item.step.kind: item for item in await forecast(notes)}
    before = {
        kind: {f.path: f.sha256 for f in notes.project.read(kind, FileSet).files}
        for kind in ("source_code", "ci_config")
    }
    tests = notes.project.read("test_suite", TestSuite)
    assert plan["test_suite"].units == ("tests/test_us_005_count_notes.py",)
    assert plan["ci_config"].units == plan["ci_config"].perhaps == ()
    await build(notes)
    after = {
        f.path
        for f in notes.project.read("source_code", FileSet).files
        if before["source_code"].get(f.path) != f.sha256
    }
    assert after and after <= set(plan["source_code"].units)
    assert len(notes.project.read("test_suite", TestSuite).files) == len(tests.files) + 1


async def test_an_edit_of_a_field_leaves_the_others_to_the_engine(notes: ProjectRun) -> None:
    """The stack changes every story's last criterion: a story whose title a person has changed gets it all the same."""
    await build(notes, until="stories")
    edit(notes, "stories", "US-001", "title", "Write a note")
    idea = notes.project.idea()
    notes.project.store.projects.submit(idea.model_copy(update={"stack": "python-api"}), "t")
    await build(notes, until="stories")
    story = notes.project.read("stories", Stories).stories[0]
    assert story.title == "Write a note" and story.criteria[-1].given == "the HTTP interface"
    assert notes.project.store.edits.proposals("notes") == []


async def test_a_proposal_that_nobody_makes_any_more_is_gone(notes: ProjectRun) -> None:
    await build(notes, until="requirements")
    edit(notes, "requirements", "REQ-001", "statement", "The user can write a note in a minute.")
    idea = notes.project.idea()
    quickly = idea.model_copy(update={"features": ("User can add a note quickly", *idea.features[1:])})
    for brief, open_ in ((quickly, 1), (idea, 0), (quickly, 1)):
        notes.project.store.projects.submit(brief, "t")
        await build(notes, until="requirements")
        assert len(notes.project.store.edits.proposals("notes")) == open_
    (proposal,) = notes.project.store.edits.proposals("notes")
    shown = proposed(notes.project.store, "notes", proposal.id)
    assert "-statement: The user can write a note in a minute." in shown.diff and "quickly" in shown.diff


async def test_an_edit_survives_a_new_brief_and_a_differing_text_is_proposed(notes: ProjectRun) -> None:
    await build(notes, until="stories")
    edit(notes, "requirements", "REQ-001", "statement", "The user can write a note in a minute.")
    idea = notes.project.idea()
    notes.project.store.projects.submit(
        idea.model_copy(update={"features": (*idea.features, "User can count notes")}), "t"
    )
    await build(notes, until="stories")
    wanted = notes.project.read("requirements", Requirements)
    assert wanted.requirements[0].statement == "The user can write a note in a minute."
    assert notes.project.store.edits.proposals("notes") == [], "the engine says what it said before"
    notes.project.store.projects.submit(
        idea.model_copy(update={"features": ("User can add a note quickly",)}), "t"
    )
    await build(notes, until="requirements")
    assert notes.project.read("requirements", Requirements).requirements[0].statement.endswith("in a minute.")
    (proposal,) = notes.project.store.edits.proposals("notes")
    assert (proposal.kind, proposal.item) == ("requirements", "REQ-001") and "quickly" in proposal.content
    editing.decided(notes.project, proposal.id, accept=True, author="ann")
    assert "quickly" in notes.project.read("requirements", Requirements).requirements[0].statement
    assert (
        notes.project.store.edits.proposals("notes") == []
        and notes.project.store.edits.active("notes", "requirements") == []
    )
    with pytest.raises(ArtifactMissingError, match="no open proposal"):
        editing.decided(notes.project, proposal.id, accept=True, author="ann")


async def test_a_rejected_proposal_is_not_made_again(notes: ProjectRun) -> None:
    await build(notes, until="requirements")
    edit(notes, "requirements", "REQ-001", "statement", "Mine.")
    idea = notes.project.idea()
    for features in (
        ("User can add a note quickly",),
        ("User can add a note quickly", "User can list notes"),
    ):
        notes.project.store.projects.submit(idea.model_copy(update={"features": features}), "t")
        await build(notes, until="requirements")
        for proposal in notes.project.store.edits.proposals("notes"):
            editing.decided(notes.project, proposal.id, accept=False, author="ann")
            assert len(features) == 1, "proposed once"
    assert notes.project.read("requirements", Requirements).requirements[0].statement == "Mine."


@pytest.mark.slow
async def test_a_removed_requirement_stays_removed_and_takes_its_story_with_it(notes: ProjectRun) -> None:
    await build(notes, until="stories")
    items = editing.current_items(notes.project, "requirements")
    gone = {name: value for name, value in items.items() if name != "REQ-003"}
    editing.apply_edits(
        notes.project, "requirements", edits_between("requirements", items, gone), author="a", reason="r"
    )
    assert [item.id for item in notes.project.read("requirements", Requirements).retired] == ["REQ-003"]
    await build(notes)
    backlog = notes.project.read("stories", Stories)
    assert [story.id for story in backlog.retired] == ["US-003"]
    assert not (notes.project.folder.path("tree") / "tests/test_us_003_delete_a_note.py").exists()
    notes.project.store.projects.submit(
        notes.project.idea().model_copy(update={"vision": "Keep more notes."}), "t"
    )
    await build(notes)
    assert "REQ-003" not in {
        item.id for item in notes.project.read("requirements", Requirements).requirements
    }


@pytest.mark.slow
async def test_an_edited_file_is_verified_and_delivered(notes: ProjectRun) -> None:
    await build(notes)
    text = (notes.project.folder.path("tree") / ADD).read_text()
    item = editing.file_item(notes.project, "source_code", ADD, text + "\n\n# A person was here.\n")
    edit(notes, "source_code", ADD, "", item)
    done = await build(notes)
    assert done["test_suite"] == done["documentation"] == "reused"
    assert "# A person was here." in (notes.project.folder.path("repository") / ADD).read_text()
    found = differences(notes.project.store, "notes", "source_code@1", "source_code@2")
    assert [(c.item, c.status) for c in found] == [(ADD, "MODIFIED")] and "+# A person was here." in found[
        0
    ].diff


@pytest.mark.parametrize(
    ("kind", "item", "path", "value", "message"),
    [
        ("stories", "US-001", "points", 0, r"stories US-001.points: .*greater than or equal"),
        ("stories", "US-001", "points", 50, "more than a sprint's capacity 20"),
        ("stories", "US-001", "depends_on", ["US-099"], "there is no story 'US-099'"),
        ("stories", "US-001", "depends_on", ["US-002"], "in a circle"),
        ("stories", "US-001", "requirements", ["REQ-099"], "names a requirement that does not exist"),
        ("stories", "US-001", "epic", "EP-099", "there is no epic"),
        ("stories", "US-001", "criteria", [], "a planned story needs one"),
        ("stories", "US-001", "criteria.0.id", "AC1", "should be US-001-AC"),
        ("stories", "US-001", "nonsense", 1, "there is no field 'nonsense'; there are id, epic"),
        ("stories", "US-001", "criteria.9.then", "x", "not an index in a list"),
        ("requirements", "REQ-001", "acceptance", [], "has no acceptance statement"),
        ("requirements", "REQ-001", "kind", "wish", r"requirements REQ-001.kind"),
        ("requirements", "REQ-001", "id", "REQ-002", "is never changed"),
        ("verified_build", "x", "y", 1, "follows from the rest"),
    ],
)
async def test_bad_edits_are_refused_by_name_and_nothing_is_written(
    kind: str, item: str, path: str, value: object, message: str, notes: ProjectRun
) -> None:
    await build(notes, until="stories")
    with pytest.raises(EditError, match=message):
        edit(notes, kind, item, path, value)
    assert {row.revision for row in notes.project.store.artifacts.heads("notes").values()} == {1}
    assert notes.project.store.edits.active("notes", kind) == []


async def test_files_are_edited_by_name_and_have_to_be_python(notes: ProjectRun) -> None:
    await build(notes, until="source_code")
    with pytest.raises(EditError, match="is not valid Python"):
        editing.file_item(notes.project, "source_code", ADD, "def (:")
    with pytest.raises(ArtifactMissingError, match=r"no item 'src/nope\.py'"):
        editing.file_item(notes.project, "source_code", "src/nope.py", "x = 1\n")
    item = {**editing.current_item(notes.project, "source_code", ADD), "path": "../evil.py"}
    with pytest.raises(EditError, match="is not planned"):
        editing.apply_edits(
            notes.project,
            "source_code",
            [Edit("source_code", "../evil.py", item, "")],
            author="a",
            reason="r",
        )


async def test_two_people_at_once_lose_nothing(notes: ProjectRun) -> None:
    await build(notes, until="stories")
    items = editing.current_items(notes.project, "stories")
    mine = Edit("stories", "US-001", {**items["US-001"], "title": "Mine"}, item_hash(items["US-001"]))
    theirs = Edit("stories", "US-001", {**items["US-001"], "title": "Theirs"}, item_hash(items["US-001"]))
    editing.apply_edits(notes.project, "stories", [mine], author="a", reason="r")
    with pytest.raises(EditError, match="has been changed meanwhile"):
        editing.apply_edits(notes.project, "stories", [theirs], author="b", reason="r")


@pytest.mark.slow
async def test_a_sentence_adds_a_story(notes: ProjectRun) -> None:
    await build(notes)
    change = await proposing.propose(notes, "count notes")
    assert [(c.kind, c.item, c.status) for c in change.items] == [
        ("requirements", "REQ-008", "ADDED"), ("stories", "US-005", "ADDED"),
    ]  # fmt: skip
    assert notes.plan() == (), "proposing changes nothing"
    assert proposing.take_over(notes.project, change, author="ann") == "revision 2 of the idea"
    await build(notes)
    added = next(story for story in notes.project.read("stories", Stories).stories if story.id == "US-005")
    assert (
        added.title == "Count notes"
        and "US-005" in notes.project.read("verified_build", VerifiedBuild).stories_verified
    )
    log = differences(notes.project.store, "notes", "stories@1", "stories@2")
    assert [(c.item, c.status) for c in log] == [("US-005", "ADDED")]


async def test_a_sentence_removes_or_replaces_one(notes: ProjectRun) -> None:
    await build(notes, until="stories")
    gone = await proposing.propose(notes, "remove: delete a note")
    assert ("stories", "US-003", "REMOVED") in [(c.kind, c.item, c.status) for c in gone.items]
    other = await proposing.propose(notes, "change 'list notes' to 'search notes by text'")
    kinds = {(c.kind, c.status) for c in other.items}
    assert ("stories", "ADDED") in kinds or ("stories", "MODIFIED") in kinds
    with pytest.raises(UnbuildableError, match="no story is like"):
        await proposing.propose(notes, "remove: bake a cake")
    with pytest.raises(UnbuildableError, match="blueprint engine understands wishes such as"):
        await proposing.propose(notes, "User can be recited poems by a parrot")
    with pytest.raises(UnbuildableError, match="already"):
        await proposing.propose(notes, "add a note")
    with pytest.raises(EditError, match="empty"):
        await proposing.propose(notes, "  ")


async def test_revisions_that_do_not_exist(notes: ProjectRun) -> None:
    await build(notes, until="stories")
    for wrong in ("nonsense", "stories@x", "cake@1"):
        with pytest.raises(EditError, match="is no revision"):
            differences(notes.project.store, "notes", wrong, "stories@1")
    with pytest.raises(ArtifactMissingError, match="stories@9"):
        differences(notes.project.store, "notes", "stories@1", "stories@9")
    with pytest.raises(EditError, match="different artifacts"):
        differences(notes.project.store, "notes", "stories@1", "requirements@1")
    assert differences(notes.project.store, "notes", "2", "4")[0].status == "ADDED"


async def test_a_trace_goes_both_ways(notes: ProjectRun) -> None:
    await build(notes)
    project = traced(notes.project)
    rows = trace(project)
    (first, *_) = matching(rows, "REQ-001")
    assert (first.story, first.criterion, first.result) == ("US-001", "US-001-AC1", "passed")
    assert ADD in first.files and first.test.startswith("tests/test_us_001") and len(first.commit) == 40
    for wanted in ("US-001", ADD, first.test, first.test.split("::")[0], first.commit[:10], "US-001-AC1"):
        assert first in matching(rows, wanted), wanted
    assert not matching(rows, "nothing")
    quality = next(row for row in rows if row.status.startswith("shown by"))
    assert quality.story == "" and orphans(project) == []


@pytest.mark.slow
async def test_what_belongs_to_nothing_is_an_orphan(notes: ProjectRun) -> None:
    await build(notes)
    path = next(
        f.path for f in notes.project.read("verified_build", VerifiedBuild).files if "test_us_001" in f.path
    )
    text = (notes.project.folder.path("tree") / path).read_text()
    stray = (
        text
        + '\n\ndef test_stray(connection: Connection) -> None:\n    """Nothing."""\n    assert connection\n'
    )
    edit(notes, "test_suite", path, "", editing.file_item(notes.project, "test_suite", path, stray))
    item = {**editing.current_item(notes.project, "source_code", ADD), "stories": []}
    edit(notes, "source_code", ADD, "", item)
    await build(notes, until="verified_build")
    assert orphans(traced(notes.project)) == [
        f"{ADD}: serves no story",
        f"{path}::test_stray: shows no criterion",
    ]


async def test_before_anything_is_built_there_is_a_plan_and_no_trace(notes: ProjectRun) -> None:
    assert next(item.step.kind for item in await forecast(notes)) == "idea"
    with pytest.raises(ArtifactMissingError):
        traced(notes.project)


@pytest.mark.slow
async def test_an_edited_test_follows_its_story(notes: ProjectRun) -> None:
    await build(notes)
    path = "tests/test_us_001_add_a_note.py"
    text = (notes.project.folder.path("tree") / path).read_text() + "\n\n# By hand.\n"
    edit(notes, "test_suite", path, "", editing.file_item(notes.project, "test_suite", path, text))
    edit(notes, "stories", "US-001", "title", "Write a note")
    await build(notes)
    moved = notes.project.folder.path("tree") / "tests/test_us_001_write_a_note.py"
    assert "# By hand." in moved.read_text() and not (notes.project.folder.path("tree") / path).exists()


async def test_putting_the_text_back_is_no_edit(notes: ProjectRun) -> None:
    await build(notes, until="stories")
    title = notes.project.read("stories", Stories).stories[0].title
    edit(notes, "stories", "US-001", "title", "Mine")
    edit(notes, "stories", "US-001", "title", title)
    assert notes.project.store.edits.active("notes", "stories") == []


async def test_accepting_a_change_undoes_nobodys_edit(notes: ProjectRun) -> None:
    await build(notes, until="stories")
    change = await proposing.propose(notes, "count notes")
    idea = notes.project.idea()
    notes.project.store.projects.submit(idea.model_copy(update={"vision": "Something else."}), "t")
    with pytest.raises(EditError, match="changed meanwhile"):
        proposing.take_over(notes.project, change, author="bob")


@pytest.mark.parametrize("title", ["", "  ", "x" * 201, "a\nb", "a\x07"])
async def test_a_title_is_a_line(title: str, notes: ProjectRun) -> None:
    await build(notes, until="stories")
    with pytest.raises(EditError, match="a title is one line"):
        edit(notes, "stories", "US-001", "title", title)


@pytest.mark.slow
async def test_an_edited_document_that_tells_what_is_not_so_any_more_is_named(notes: ProjectRun) -> None:
    await build(notes)
    page = "docs/usage.md"
    text = (notes.project.folder.path("tree") / page).read_text() + "\nSee also the README.\n"
    edit(notes, "documentation", page, "", editing.file_item(notes.project, "documentation", page, text))
    readme = (notes.project.folder.path("tree") / "README.md").read_text() + "\nMine.\n"
    await build(notes, until="verified_build")
    assert outdated_edits(notes.project) == () and summary_of(notes.project).outdated_edits == ()
    idea = notes.project.idea()
    changed = idea.model_copy(update={"features": (*idea.features, "User can count notes")})
    notes.project.store.projects.submit(changed, "test")
    await build(notes)
    (found,) = outdated_edits(notes.project)
    assert (found.artifact, found.path) == ("documentation", page) and "commands" in found.changed
    (told,) = summary_of(notes.project).outdated_edits
    assert told.startswith("docs/usage.md: changed since it was edited: ")
    edit(
        notes,
        "documentation",
        "README.md",
        "",
        editing.file_item(notes.project, "documentation", "README.md", readme),
    )
    assert [item.path for item in outdated_edits(notes.project)] == [page], "an edit of now is up to date"
    again = text + "\n- `note count`\n"
    edit(notes, "documentation", page, "", editing.file_item(notes.project, "documentation", page, again))
    assert outdated_edits(notes.project) == ()
