"""PublishJob on both hosts: real git, real HTTPS, the real clients; the hosts are played on this machine."""

from pathlib import Path

import pytest

from hishamos_pipeline.errors import HostError
from tests.delivery.conftest import TOKEN, Project, clone, git, opened
from tests.fakes.git_hosts import GitHosts, git_hosts
from tests.support.publishing import publish_everything


def test_a_repository_is_created_and_holds_what_was_made(
    project: Project, hosts: GitHosts, tmp_path: Path
) -> None:
    project.commit("feat: add notes", notes="one\n")
    made = project.publish(topics=["Python", "notes"], description="Keeps notes")
    assert (made.done, made.full_name, made.visibility, made.warnings) == (
        "created",
        "ada/notes",
        "private",
        (),
    )
    assert made.commit == project.head and made.branch == "main" and made.clone_url.endswith("ada/notes.git")
    assert project.remote.branches == {"main": project.head} and project.remote.default_branch == "main"
    assert (
        sorted(project.remote.topics) == ["notes", "python"] and project.remote.description == "Keeps notes"
    )
    cloned = clone(project, hosts, tmp_path / "clone")
    assert git(cloned, "log", "--format=%H") == git(project.folder, "log", "--format=%H")
    assert (cloned / "notes.txt").read_text() == "one\n"


def test_again_with_nothing_new_writes_nothing(project: Project, hosts: GitHosts) -> None:
    project.publish(topics=["notes"], variables={"REGION": "eu"}, branches=[{"name": "develop"}])
    hosts.forget()
    again = project.publish()
    assert again.done == "unchanged" and hosts.writes() == []


def test_new_commits_are_pushed(project: Project) -> None:
    first = project.publish()
    project.commit("feat: more")
    again = project.publish()
    assert (again.done, again.repository_id) == ("updated", first.repository_id)
    assert project.remote.branches == {"main": project.head} and project.remote.forced == []


# Names that are taken


def test_a_taken_name_fails_before_anything_is_made(project: Project, hosts: GitHosts) -> None:
    project.double.create("ada/notes", files={"README.md": "somebody else's"})
    with pytest.raises(HostError, match="choose another `name`") as caught:
        project.publish()
    assert caught.value.cause == "name_taken" and hosts.writes() == []


def test_reuse_takes_an_empty_repository(project: Project) -> None:
    made = project.double.create("ada/notes")
    done = project.publish(conflict="reuse")
    assert (done.repository_id, done.done) == (made.id, "updated")
    assert project.remote.branches == {"main": project.head}


def test_reuse_refuses_what_others_have_made(project: Project, hosts: GitHosts) -> None:
    project.double.create("ada/notes", files={"README.md": "somebody else's"})
    with pytest.raises(HostError) as caught:
        project.publish(conflict="reuse")
    assert caught.value.cause == "foreign_history" and hosts.writes() == []


def test_reuse_knows_its_own_repository_without_a_record(project: Project) -> None:
    first = project.publish()
    project.commit("feat: more")
    project.record = project.record.model_copy(update={"repository_id": 0, "asked": "", "begun_at": ""})
    again = project.publish(conflict="reuse")
    assert again.repository_id == first.repository_id and project.remote.branches == {"main": project.head}


def test_reuse_knows_its_own_files_when_history_was_made_anew(project: Project) -> None:
    """The brief was built again on another machine: other commits, the same project; never pushed over."""
    record = '{"project": "notes"}'
    project.double.create("ada/notes", files={"PROVENANCE.json": record, "old.txt": "old"})
    theirs = project.remote.branches["main"]
    done = project.publish(conflict="reuse")
    assert project.remote.branches["main"] == theirs and done.change_url
    (pull,) = project.remote.pulls.values()
    assert project.remote.forced == [] and pull.base == "main"
    project.double.merge_pull("ada/notes", pull.number)
    assert git(project.remote.path, "merge-base", "--is-ancestor", project.head, "main") == ""
    assert project.publish().done == "unchanged"


def test_rename_takes_the_next_free_name(project: Project) -> None:
    for name in ("notes", "notes-2"):
        project.double.create(f"ada/{name}", files={"README.md": "somebody else's"})
    done = project.publish(conflict="rename")
    assert done.full_name == "ada/notes-3"
    project.commit("feat: more")
    assert project.publish().full_name == "ada/notes-3"
    assert set(project.double.repositories) == {"ada/notes", "ada/notes-2", "ada/notes-3"}


def test_a_repository_that_people_renamed_is_followed(project: Project) -> None:
    project.publish()
    project.double.rename("ada/notes", "jottings")
    project.commit("feat: more")
    done = project.publish()
    assert done.full_name == "ada/jottings" and "was renamed" in done.warnings[0]
    assert set(project.double.repositories) == {"ada/jottings"}


def test_a_name_that_leads_to_another_repository_is_taken(project: Project, hosts: GitHosts) -> None:
    project.double.create("ada/notes", files={"README.md": "somebody else's"})
    project.double.rename("ada/notes", "elsewhere")
    with pytest.raises(HostError, match="leads to") as caught:
        project.publish(conflict="reuse")
    assert caught.value.cause == "name_taken" and hosts.writes() == []


def test_a_repository_that_is_gone_is_not_made_again_unasked(project: Project, hosts: GitHosts) -> None:
    project.publish()
    del project.double.repositories["ada/notes"]
    hosts.forget()
    with pytest.raises(HostError, match="hishamos exports forget") as caught:
        project.publish()
    assert caught.value.cause == "gone" and hosts.writes() == []


def test_another_destination_has_to_be_asked_for_twice(project: Project, hosts: GitHosts) -> None:
    project.publish()
    hosts.forget()
    with pytest.raises(HostError, match="hishamos exports forget") as caught:
        project.publish(name="elsewhere")
    assert caught.value.cause == "elsewhere" and hosts.writes() == []
    project.target = project.target.model_validate({})
    assert project.publish().done == "unchanged"


def test_a_token_of_somebody_else_goes_on_with_the_same_repository(project: Project) -> None:
    project.double.add_org("acme", "ada", "bot")
    first = project.publish(owner="acme")
    project.double.add_token(TOKEN, "bot")
    project.commit("feat: more")
    assert project.publish().repository_id == first.repository_id
    assert set(project.double.repositories) == {"acme/notes"}


def test_a_host_with_another_url_is_another_host(project: Project, hosts: GitHosts, tmp_path: Path) -> None:
    """A number means something on the host that gave it alone."""
    project.publish()
    with git_hosts(tmp_path / "others") as others:
        double = others.github if project.host.kind == "github" else others.gitlab
        double.add_token(TOKEN, "ada")
        double.create("ada/other")
        project.host = opened(others, project.host.kind)
        with pytest.raises(HostError) as caught:
            project.publish()
        assert caught.value.cause == "elsewhere" and others.writes() == []


def test_a_stranger_who_is_quicker_keeps_the_repository(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between our look and our creation somebody makes one of that name: the refusal is definite."""
    find = type(project.host).find

    def slow(self: object, full_name: str) -> object:
        found = find(self, full_name)  # type: ignore[arg-type]
        project.double.create("ada/notes", files={"README.md": "theirs"})
        return found

    monkeypatch.setattr(type(project.host), "find", slow)
    with pytest.raises(HostError) as caught:
        project.publish(conflict="reuse")
    assert caught.value.cause == "name_taken"
    monkeypatch.undo()
    assert not project.record.begun_at and not project.remote.pulls
    with pytest.raises(HostError):
        project.publish(conflict="fail")


def test_files_that_name_a_project_give_nobody_its_rights(project: Project) -> None:
    """Whoever writes a brief can choose its key: commits are proposed, and nothing else is changed."""
    project.double.add_user("eve")
    project.double.create("ada/notes", files={"PROVENANCE.json": '{"project": "notes"}'})
    done = project.publish(conflict="reuse", visibility="public", access={"eve": "admin"})
    assert project.remote.visibility == "private" and done.visibility == "private"
    assert not {**project.remote.collaborators, **project.remote.invitations}.get("eve")
    assert done.change_url and "stay as they are" in " ".join(done.warnings)


# Owners


def test_an_organization_or_a_nested_group(project: Project) -> None:
    owner = "acme" if project.host.kind == "github" else "acme/tools"
    project.double.add_org(owner, "ada")
    done = project.publish(owner=owner)
    assert done.full_name == f"{owner}/notes"
    assert project.double.repositories[f"{owner}/notes"].branches == {"main": project.head}


def test_a_repository_that_went_to_somebody_else_is_not_pushed_to(project: Project) -> None:
    project.owners = ("ada",)
    project.publish()
    project.double.add_org("evil", "ada")
    repo = project.double.repositories.pop("ada/notes")
    repo.full_name = "evil/notes"
    project.double.repositories["evil/notes"] = repo
    project.commit("feat: more")
    with pytest.raises(HostError, match="HISHAMOS_PUBLISH_OWNERS") as caught:
        project.publish()
    assert caught.value.cause == "not_allowed" and repo.branches["main"] != project.head


def test_an_owner_that_nobody_knows(project: Project, hosts: GitHosts) -> None:
    with pytest.raises(HostError) as caught:
        project.publish(owner="nobody")
    assert caught.value.cause == "not_found" and hosts.writes() == []


def test_another_user_cannot_be_published_to(project: Project, hosts: GitHosts) -> None:
    project.double.add_user("bob")
    with pytest.raises(HostError, match="another user than the token's") as caught:
        project.publish(owner="bob")
    assert caught.value.cause == "permission" and hosts.writes() == []


# What people do on the host


def test_other_peoples_commits_are_never_pushed_over(project: Project) -> None:
    project.publish()
    theirs = project.double.commit("ada/notes", "people.txt", "ours\n")
    project.commit("feat: more\n\nStory: US-001", notes="two\n")
    done = project.publish()
    assert project.remote.branches["main"] == theirs and done.branch == "hishamos/update"
    assert project.remote.branches["hishamos/update"] == project.head
    (pull,) = project.remote.pulls.values()
    assert pull.title == "feat: more" and "notes.txt" in pull.body and "US-001" in pull.body
    project.double.merge_pull("ada/notes", pull.number)
    assert project.publish().done == "unchanged"
    assert git(project.remote.path, "show", "main:people.txt") == "ours"
    assert git(project.remote.path, "show", "main:notes.txt") == "two"


def test_changes_are_proposed_when_asked_for_and_one_request_is_kept_up_to_date(project: Project) -> None:
    first = project.publish(publish="pull_request")
    assert first.branch == "main" and not first.change_url
    before = project.head
    project.commit("feat: second", second="2\n")
    done = project.publish()
    assert done.change_url and project.remote.branches == {"main": before, "hishamos/update": project.head}
    project.commit("feat: third", third="3\n")
    again = project.publish()
    (pull,) = project.remote.pulls.values()
    assert again.change_url == done.change_url and "2 changes" in pull.title and "third.txt" in pull.body
    assert project.publish().done == "unchanged"
    project.double.merge_pull("ada/notes", pull.number, delete_branch=True)
    assert project.publish().done == "unchanged"
    project.commit("feat: fourth")
    assert project.publish().change_url != done.change_url and len(project.remote.pulls) == 2


def test_another_default_branch_of_peoples_choice_stays(project: Project, hosts: GitHosts) -> None:
    project.publish()
    git(project.remote.path, "branch", "develop", "main")
    project.remote.default_branch = "develop"
    project.commit("feat: more")
    project.publish()
    assert project.remote.default_branch == "develop" and project.remote.branches["main"] == project.head


def test_squashed_proposals_are_known_by_their_files(project: Project) -> None:
    project.publish(publish="pull_request")
    project.commit("feat: second", second="2\n")
    project.publish()
    project.double.merge_pull("ada/notes", 1, method="squash", delete_branch=True)
    assert project.publish().done == "unchanged"
    assert len(project.remote.pulls) == 1


def test_a_proposal_that_people_closed_is_not_opened_again(project: Project, hosts: GitHosts) -> None:
    project.publish(publish="pull_request")
    project.commit("feat: second")
    project.publish()
    project.remote.pulls[1].state = "closed"
    git(project.remote.path, "update-ref", "-d", "refs/heads/hishamos/update")
    hosts.forget()
    done = project.publish()
    assert "was closed" in done.warnings[0] and hosts.writes() == []
    project.commit("feat: third")
    assert project.publish().change_url and len(project.remote.pulls) == 2


def test_commits_on_the_proposals_branch_are_merged(project: Project) -> None:
    project.publish(publish="pull_request")
    project.commit("feat: second")
    project.publish()
    theirs = project.double.commit("ada/notes", "people.txt", "theirs", branch="hishamos/update")
    project.commit("feat: third", third="3\n")
    done = project.publish()
    assert done.branch == "hishamos/update" and len(project.remote.pulls) == 1
    history = git(project.remote.path, "rev-list", "hishamos/update").split()
    assert {theirs, project.head} <= set(history)
    assert git(project.remote.path, "show", "hishamos/update:people.txt") == "theirs"
    assert git(project.remote.path, "show", "hishamos/update:third.txt") == "3"


def test_commits_that_conflict_get_a_branch_of_their_own(project: Project) -> None:
    project.publish(publish="pull_request")
    project.commit("feat: second", notes="ours\n")
    project.publish()
    theirs = project.double.commit("ada/notes", "notes.txt", "theirs\n", branch="hishamos/update")
    project.commit("feat: third", notes="ours again\n")
    done = project.publish()
    assert project.remote.branches["hishamos/update"] == theirs
    assert project.remote.branches[done.branch] == project.head and done.branch != "hishamos/update"


def test_after_a_squash_the_next_proposal_merges_cleanly(project: Project) -> None:
    project.publish(publish="pull_request")
    project.commit("feat: second", notes="second\n")
    project.publish()
    project.double.merge_pull("ada/notes", 1, method="squash")
    theirs = project.double.commit("ada/notes", "people.txt", "theirs")
    assert project.publish().done == "unchanged" and len(project.remote.pulls) == 1
    project.commit("feat: third", notes="third\n")
    done = project.publish()
    merged = git(project.remote.path, "merge-tree", "--write-tree", "main", done.branch)
    assert git(project.remote.path, "show", f"{merged}:notes.txt") == "third"
    assert git(project.remote.path, "show", f"{merged}:people.txt") == "theirs"
    assert "people" in " ".join(done.warnings) or theirs


def test_rebuilt_projects_keep_to_one_proposal(project: Project) -> None:
    project.double.create("ada/notes", files={"PROVENANCE.json": '{"project": "notes"}', "old.txt": "old"})
    for number in range(3):
        project.commit(f"feat: build {number}", notes=f"{number}\n")
        project.publish(conflict="reuse")
    assert len(project.remote.pulls) == 1 and set(project.remote.branches) == {"main", "hishamos/update"}
    assert git(project.remote.path, "show", "hishamos/update:notes.txt") == "2"


def test_another_default_branch_leaves_nobodys_work_behind(project: Project) -> None:
    project.publish()
    theirs = project.double.commit("ada/notes", "people.txt", "theirs")
    project.commit("feat: more")
    done = project.publish(default_branch="trunk", publish="pull_request")
    assert project.remote.default_branch == "main" and project.remote.branches["main"] == theirs
    assert (
        "trunk" not in project.remote.branches and "would lack" in " ".join(done.warnings) and done.change_url
    )


def test_a_default_branch_that_people_renamed_is_followed(project: Project) -> None:
    project.publish()
    git(project.remote.path, "branch", "-m", "main", "master")
    project.remote.default_branch = "master"
    project.double.commit("ada/notes", "people.txt", "theirs", branch="master")
    project.commit("feat: more")
    done = project.publish()
    assert set(project.remote.branches) == {"master", "hishamos/update"}
    assert project.remote.default_branch == "master" and "was renamed" in " ".join(done.warnings)


def test_a_protected_branch_turns_a_push_into_a_proposal(project: Project) -> None:
    """Whoever asks for protection that binds the token too gets requests from then on."""
    done = project.publish(protection={"approvals": 1, "enforce_admins": True})
    assert done.warnings == () or project.host.kind == "gitlab"
    before = project.head
    project.commit("feat: second")
    again = project.publish()
    assert again.change_url and project.remote.branches["main"] == before


def test_somebody_pushes_at_the_same_time(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from hishamos_pipeline.delivery.remote_git import RemoteGit

    project.publish()
    project.commit("feat: second")
    push, raced = RemoteGit.push, []

    def late(self: RemoteGit, ref: str, commit: str) -> None:
        if not raced:
            raced.append(project.double.commit("ada/notes", "people.txt", "first!"))
        push(self, ref, commit)

    monkeypatch.setattr(RemoteGit, "push", late)
    done = project.publish()
    assert project.remote.branches["main"] == raced[0] and done.change_url and project.remote.forced == []


# Settings, releases, dry runs


def test_a_rotated_secret_is_set_again_and_nothing_else(project: Project, hosts: GitHosts) -> None:
    from hishamos_pipeline.delivery.hosts.interface import Secret

    project.secrets = {"DEPLOY_KEY": Secret("s3cret-value-0123", "1")}
    project.publish(secrets=["DEPLOY_KEY"], topics=["notes"])
    assert "s3cret-value-0123" not in project.record.model_dump_json()
    hosts.forget()
    project.secrets = {"DEPLOY_KEY": Secret("another-value-4567", "2")}
    project.publish()
    assert len(hosts.writes()) == 1 and "DEPLOY_KEY" in f"{hosts.writes()[0].path}{hosts.writes()[0].request}"


def test_visibility_is_what_the_host_says(project: Project) -> None:
    project.publish(visibility="private")
    for _ in range(2):
        project.remote.visibility = "public"
        done = project.publish()
        assert (done.done, done.visibility, project.remote.visibility) == ("updated", "private", "private")


def test_what_is_not_asked_for_any_more_is_told(project: Project) -> None:
    project.double.add_user("bob")
    project.publish(access={"bob": "write"})
    project.target = project.target.model_validate({})
    assert "access of bob is not asked for any more" in " ".join(project.publish().warnings)


def test_what_does_not_work_is_a_warning_and_is_tried_again(project: Project, hosts: GitHosts) -> None:
    done = project.publish(access={"nobody-there": "write"}, variables={"REGION": "eu"})
    assert project.remote.branches == {"main": project.head} and "REGION" in project.remote.variables
    assert len(done.warnings) == 1 and "nobody-there" in done.warnings[0]
    project.double.add_user("nobody-there")
    hosts.forget()
    assert project.publish().warnings == () and len(hosts.writes()) == 1


def test_a_plan_without_protection_is_a_warning(hosts: GitHosts, tmp_path: Path) -> None:
    from tests.delivery.conftest import make_project

    project = make_project(hosts, tmp_path / "project", "github")
    hosts.github.plan_protects = False
    (warning,) = project.publish(protection={"approvals": 1}).warnings
    assert "(plan)" in warning and "a public repository has it" in warning


def test_approvals_that_no_plan_has_are_a_warning_that_says_so(hosts: GitHosts, tmp_path: Path) -> None:
    from tests.delivery.conftest import make_project

    project = make_project(hosts, tmp_path / "project", "gitlab")
    hosts.gitlab.premium = False
    (warning,) = project.publish(protection={"approvals": 1}).warnings
    assert warning.startswith("approvals: ") and "(plan)" in warning and "plan upgraded" in warning


def test_a_release_is_made_once(project: Project, hosts: GitHosts) -> None:
    done = project.publish(release={"tag": "v1.0.0"})
    assert done.release_url
    (release,) = project.remote.releases.values()
    assert release.tag == "v1.0.0" and "US-001" in release.body
    assert git(project.remote.path, "rev-parse", "refs/tags/v1.0.0") == project.head
    hosts.forget()
    assert project.publish().done == "unchanged" and hosts.writes() == []
    first = project.head
    project.commit("feat: more")
    project.publish()
    assert git(project.remote.path, "rev-parse", "refs/tags/v1.0.0") == first
    project.publish(release={"tag": "v1.1.0", "title": "More", "notes": "By hand"})
    assert project.remote.releases["v1.1.0"].body == "By hand"


def test_a_tag_on_another_commit_is_left_alone(project: Project) -> None:
    first = project.publish(release={"tag": "v1"}).commit
    project.commit("feat: more")
    done = project.publish(release={"tag": "v1", "title": "Again"})
    assert "on another commit" in done.warnings[0]
    assert git(project.remote.path, "rev-parse", "refs/tags/v1") == first


def test_a_release_waits_for_its_proposal(project: Project) -> None:
    project.publish(publish="pull_request")
    project.commit("feat: second")
    done = project.publish(release={"tag": "v2"})
    assert "waits until" in done.warnings[0] and not project.remote.releases
    project.double.merge_pull("ada/notes", 1)
    assert project.publish().release_url and set(project.remote.releases) == {"v2"}


def test_a_dry_run_changes_nothing_and_says_what_it_would_do(project: Project, hosts: GitHosts) -> None:
    project.publish(dry=True, topics=["notes"])
    assert project.job and "create ada/notes, private" in project.job.steps[0]
    assert len(project.job.steps) == 3 and "set" in project.job.steps[2]
    assert hosts.writes() == [] and not project.record.asked
    project.publish()
    project.commit("feat: more")
    hosts.forget()
    before = project.record
    project.publish(dry=True, variables={"REGION": "eu"})
    assert [step.split()[0] for step in project.job.steps] == ["push", "set"], project.job.steps
    assert hosts.writes() == [] and project.record == before


def test_another_default_branch(project: Project) -> None:
    project.publish(default_branch="trunk")
    assert project.remote.branches == {"trunk": project.head} and project.remote.default_branch == "trunk"


def test_a_host_that_needs_a_moment(project: Project) -> None:
    project.double.visible_after = 3
    done = project.publish(topics=["notes"])
    assert done.done == "created" and done.warnings == () and project.slept
    assert project.remote.branches == {"main": project.head}


# Answers that are lost


@pytest.mark.parametrize("status", [502, None])
def test_a_lost_answer_to_creation_is_reconciled(
    project: Project, hosts: GitHosts, status: int | None
) -> None:
    path = r"/user/repos$" if project.host.kind == "github" else r"/projects$"
    details = {"status": status} if status else {}
    hosts.faults.add("POST", path, kind="done_then", **details)
    done = project.publish()
    assert done.done == "created" and len(project.double.repositories) == 1
    assert project.remote.branches == {"main": project.head}


def test_a_lost_answer_and_a_killed_process(project: Project, hosts: GitHosts) -> None:
    """Nothing but the record of having begun is left; the repository is found to be ours."""
    path = r"/user/repos$" if project.host.kind == "github" else r"/projects$"
    hosts.faults.add("POST", path, kind="done_then", status=502)
    hosts.faults.add("GET", r"notes$", kind="reset", times=99, skip=1)
    with pytest.raises(HostError):
        project.publish()
    assert project.record.begun_at and not project.record.repository_id
    hosts.faults.clear()
    assert project.publish().done == "created" and len(project.double.repositories) == 1


def test_an_empty_repository_of_somebody_else_is_not_taken_for_a_lost_answer(project: Project) -> None:
    from datetime import timedelta

    made = project.double.create("ada/notes")
    made.created_at -= timedelta(hours=1)
    with pytest.raises(HostError) as caught:
        project.publish()
    assert caught.value.cause == "name_taken"


def test_a_push_that_breaks_off_is_tried_again(project: Project, hosts: GitHosts) -> None:
    hosts.faults.add("POST", r"git-receive-pack$", kind="reset_mid_pack", after=10)
    assert project.publish().done == "created" and project.remote.branches == {"main": project.head}


def test_everything_that_can_be_asked_for(project: Project) -> None:
    publish_everything(project)
