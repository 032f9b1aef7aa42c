"""``hishamos orgs``: organizations, their members, invitations and grants."""

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from hishamos_pipeline.cli.output import echo, json_option, opened, print_json, print_table, read_secret
from hishamos_pipeline.core.roles import PROJECT_ROLES, ROLES
from hishamos_pipeline.errors import PersonNotFoundError

_EMAIL = click.argument("email")
_NONE = "none"


@click.group("orgs")
def command() -> None:
    """Manage organizations; `hishamos --org KEY orgs …` is about another one than `default`."""


@command.command("list")
@json_option
def list_organizations(as_json: bool) -> None:
    """List all organizations."""
    from hishamos_pipeline.application import organizations

    with opened() as (services, actor):
        found = organizations.list_organizations(services, actor)
    if as_json:
        print_json(found)
    else:
        rows = [(o.key, o.title, "second factor needed" if o.needs_second_factor else "") for o in found]
        print_table(("key", "title", ""), rows)


@command.command("add")
@click.argument("key")
@click.option("--title", default="", help="As people call it.")
@click.option("--second-factor", is_flag=True, help="Its members need a second factor to log in.")
def add(key: str, title: str, second_factor: bool) -> None:
    """Add an organization."""
    from hishamos_pipeline.application import organizations

    with opened() as (services, actor):
        made = organizations.add_organization(services, actor, key, title, needs_second_factor=second_factor)
    echo(f"added {made.key}")


@command.command("update")
@click.option("--title", help="As people call it.")
@click.option(
    "--second-factor/--no-second-factor", default=None, help="Whether its members need one to log in."
)
def update(title: str, second_factor: bool) -> None:
    """Change the organization."""
    from hishamos_pipeline.application import organizations

    with opened() as (services, actor):
        done = organizations.update_organization(
            services, actor, title=title, needs_second_factor=second_factor
        )
    echo(f"{done.key}: {done.title}{', second factor needed' if done.needs_second_factor else ''}")


@command.command("members")
@click.option("--project", default="", help="Those of this project.")
@json_option
def members(project: str, as_json: bool) -> None:
    """List the members of the organization, or of a project."""
    from hishamos_pipeline.application import organizations

    with opened() as (services, actor):
        found = (
            organizations.list_project_members(services, actor, project)
            if project
            else organizations.list_members(services, actor)
        )
    if as_json:
        print_json(found)
    else:
        rows = [(m.email, m.name, m.role, "" if m.is_active else "switched off") for m in found]
        print_table(("address", "name", "role", ""), rows)


@command.command("role")
@_EMAIL
@click.argument("role", type=click.Choice([*ROLES, *(r for r in PROJECT_ROLES if r not in ROLES), _NONE]))
@click.option("--project", default="", help="In this project.")
def role(email: str, role: Any, project: str) -> None:
    """Give a member of the organization a ROLE in it, or in a project; `none` takes it away."""
    from hishamos_pipeline.application import organizations

    wanted = None if role == _NONE else role
    with opened() as (services, actor):
        if project:
            organizations.set_project_role(services, actor, project, email, wanted)
        else:
            organizations.set_role(services, actor, email, wanted)
    echo(
        f"{email} has {'no role' if wanted is None else f'the role {wanted}'}{f' in {project}' if project else ''}"
    )


@command.command("invite")
@_EMAIL
@click.argument("role", type=click.Choice(ROLES))
def invite(email: str, role: Any) -> None:
    """Invite EMAIL into the organization, and print the link that joins it once."""
    from hishamos_pipeline.application import organizations

    with opened() as (services, actor):
        made = organizations.invite(services, actor, email, role)
    until = f"{made.expires_at:%Y-%m-%d %H:%M} UTC"
    echo(f"{made.email} can join {made.organization} as {made.role} until {until}: {made.link}")


@command.command("invitations")
@json_option
def invitations(as_json: bool) -> None:
    """List the invitations."""
    from hishamos_pipeline.application import organizations

    with opened() as (services, actor):
        found = organizations.list_invitations(services, actor)
    if as_json:
        print_json(found)
    else:
        rows = [
            (
                i.email,
                i.role,
                i.invited_by,
                "accepted" if i.accepted_at else f"until {i.expires_at:%Y-%m-%d %H:%M}",
            )
            for i in found
        ]
        print_table(("address", "role", "by", ""), rows)


@command.command("withdraw")
@_EMAIL
def withdraw(email: str) -> None:
    """Withdraw an invitation."""
    from hishamos_pipeline.application import organizations

    with opened() as (services, actor):
        done = organizations.withdraw_invitation(services, actor, email)
    echo(f"withdrew the invitation of {email}" if done else f"{email} has no open invitation")


@command.command("join")
@click.argument("link")
@click.option("--name", default="", help="As people call you.")
def join(link: str, name: str) -> None:
    """Join by the LINK of an invitation; the password is asked for, or read from standard input."""
    from hishamos_pipeline.application import organizations

    given = organizations.AcceptInvitation(link=link, name=name, password=read_secret("Password"))
    with opened() as (services, _):
        user = organizations.accept_invitation(services, given)
    echo(f"{user.email} has joined")


@command.command("grants")
@json_option
def grants(as_json: bool) -> None:
    """List what members may do besides what their roles allow."""
    from hishamos_pipeline.application import organizations

    with opened() as (services, actor):
        found = organizations.list_grants(services, actor)
    if as_json:
        print_json(found)
    else:
        rows = [
            (g.id, g.email, g.action, g.project or "all projects", g.granted_by,
             f"until {g.expires_at:%Y-%m-%d}" if g.expires_at else "")
            for g in found
        ]  # fmt: skip
        print_table(("number", "address", "may", "in", "by", ""), rows)


@command.command("grant")
@_EMAIL
@click.argument("action")
@click.option("--project", default="", help="In this project alone.")
@click.option("--days", type=click.IntRange(1, 3650), help="For so long.")
def grant(email: str, action: str, project: str, days: int | None) -> None:
    """Let a member do one ACTION besides, such as `projects.export`."""
    from hishamos_pipeline.application import organizations

    ends = datetime.now(UTC) + timedelta(days=days) if days else None
    given = organizations.AddGrant(email=email, action=action, project=project, expires_at=ends)
    with opened() as (services, actor):
        made = organizations.add_grant(services, actor, given)
    echo(f"grant {made.id}: {made.email} may {made.action} in {made.project or 'all projects'}")


@command.command("revoke")
@click.argument("grant", type=int)
def revoke(grant: int) -> None:
    """Take a GRANT back, by its number."""
    from hishamos_pipeline.application import organizations

    with opened() as (services, actor):
        done = organizations.remove_grant(services, actor, grant)
    if not done:
        raise PersonNotFoundError(f"there is no grant {grant}")
    echo(f"took grant {grant} back")
