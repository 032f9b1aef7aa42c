"""A publication with everything that can be asked for."""

from tests.delivery.conftest import Project


def publish_everything(project: Project) -> None:
    from hishamos_pipeline.delivery.hosts.interface import Secret

    github = project.host.kind == "github"
    project.double.add_user("bob")
    project.double.add_org("acme" if github else "acme/core", "ada", "eve")
    if github:
        project.double.add_team("acme", "core")
    else:
        project.double.premium = True
    project.secrets = {"DEPLOY_KEY": Secret("s3cret-value-0123", "1")}
    done = project.publish(
        owner="acme",
        visibility="public" if github else "private",
        description="Keeps notes",
        homepage="https://example.org",
        topics=["notes"],
        branches=[{"name": "release/next", "protect": True}],
        protection={"approvals": 2, "required_checks": ["test"], "linear_history": True},
        access={"bob": "write", "acme/core": "maintain"},
        variables={"REGION": "eu"},
        secrets=["DEPLOY_KEY"],
        features={"issues": True, "wiki": False},
        merge_ways=["squash"],
        delete_merged_branches=True,
    )
    assert done.warnings == (() if github else ("homepage: gitlab has no such thing",))
    remote = project.double.repositories["acme/notes"]
    assert remote.branches == {"main": project.head, "release/next": project.head}
    assert remote.description == "Keeps notes" and remote.topics == ["notes"]
    assert set(remote.protection) == {"main", "release/next"}
    assert {**remote.collaborators, **remote.invitations}["bob"] == 30 and remote.teams
    assert "REGION" in remote.variables
    if github:
        assert remote.secrets == {"DEPLOY_KEY": "s3cret-value-0123"}
        assert remote.settings["has_wiki"] is False and remote.settings["allow_merge_commit"] is False
        assert remote.settings["delete_branch_on_merge"] is True and remote.homepage == "https://example.org"
    else:
        assert remote.variables["DEPLOY_KEY"]["masked"] is True
        assert remote.settings["wiki_access_level"] == "disabled" and remote.settings["merge_method"] == "ff"
        assert remote.settings["squash_option"] == "always"
