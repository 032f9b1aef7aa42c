"""``hishamos users``: accounts of people and services."""

import click

from hishamos_pipeline.cli.output import echo, json_option, opened, print_json, print_table, read_secret
from hishamos_pipeline.core.roles import ROLES

_EMAIL = click.argument("email")


@click.group("users")
def command() -> None:
    """Manage accounts.

    At this command line, whoever can read the store operates the installation; `hishamos --as EMAIL …` acts as a user,
    with their rights.
    """


@command.command("add")
@_EMAIL
@click.option("--name", default="", help="As people call them.")
@click.option("--role", type=click.Choice(ROLES), help="The role in the organization.")
@click.option("--superuser", is_flag=True, help="They operate the installation.")
@click.option("--service", is_flag=True, help="It is no person: it has tokens and no password.")
@json_option
def add(email: str, name: str, role: str, superuser: bool, service: bool, as_json: bool) -> None:
    """Add an account, and print a link that sets its password once."""
    from hishamos_pipeline.application import people

    given = people.AddUser(email=email, name=name, role=role, superuser=superuser, service=service)
    with opened() as (services, actor):
        made = people.add_user(services, actor, given)
        link = None if service else people.make_link(services, actor, made.email)
    if as_json:
        print_json({**made.model_dump(), "link": link.token if link else ""})
        return
    echo(f"added {made.email}")
    if link:
        echo(f"to set the password once, until {link.expires_at:%Y-%m-%d %H:%M} UTC: {link.token}")


@command.command("list")
@click.option("--search", default="", metavar="TEXT", help="Only those whose address or name contains this.")
@click.option(
    "--limit", default=100_000, show_default=True, type=click.IntRange(1), help="Most users to list."
)
@json_option
def list_users(search: str, limit: int, as_json: bool) -> None:
    """List the users that you see, by address."""
    from hishamos_pipeline.application import people
    from hishamos_pipeline.store.pages import PageQuery

    with opened() as (services, actor):
        found = people.list_users(services, actor, PageQuery(limit, search=search)).items
    if as_json:
        print_json(found)
        return
    rows = [
        (
            u.email, u.name, "operator" if u.is_superuser else u.kind,
            ", ".join(f"{org}: {role}" for org, role in u.roles.items()), "" if u.is_active else "switched off",
            f"{u.last_login_at:%Y-%m-%d %H:%M}" if u.last_login_at else "never",
        )
        for u in found
    ]  # fmt: skip
    print_table(("address", "name", "kind", "roles", "", "last login (UTC)"), rows)


@command.command("show")
@_EMAIL
@json_option
def show(email: str, as_json: bool) -> None:
    """Show a user, with the tokens that models have used for them this month."""
    from hishamos_pipeline.application import people

    with opened() as (services, actor):
        user = people.show_user(services, actor, email)
    if as_json:
        print_json(user)
        return
    limit = f" of {user.monthly_tokens:,}" if user.monthly_tokens else ""
    roles = ", ".join(f"{role} in {org}" for org, role in user.roles.items()) or "no role"
    echo(f"{user.email} ({user.name or user.kind}): {roles}{'' if user.is_active else '; switched off'}")
    echo(
        f"second factor: {'yes' if user.second_factor else 'no'}; tokens this month: {user.tokens_used:,}{limit}"
    )


@command.command("link")
@_EMAIL
@click.option("--login", is_flag=True, help="It logs a browser in, instead of setting the password.")
def link(email: str, login: bool) -> None:
    """Print a link for one use, which sets the password of EMAIL."""
    from hishamos_pipeline.application import people

    with opened() as (services, actor):
        made = people.make_link(services, actor, email, "login" if login else "password")
    echo(made.token)


@command.command("set-password")
@click.argument("link")
def set_password(link: str) -> None:
    """Set a password by a LINK of `users add` or `users link`; it is asked for, or read from standard input."""
    from hishamos_pipeline.application import logins

    password = read_secret("New password", twice=True)
    with opened() as (services, _):
        email = logins.set_password_by_link(services, link, password)
    echo(f"set the password of {email}")


@command.command("deactivate")
@_EMAIL
def deactivate(email: str) -> None:
    """Switch an account off; whatever it is logged in with ends, tokens too."""
    _switch(email, active=False)


@command.command("activate")
@_EMAIL
def activate(email: str) -> None:
    """Switch an account on again."""
    _switch(email, active=True)


def _switch(email: str, *, active: bool) -> None:
    from hishamos_pipeline.application import people

    with opened() as (services, actor):
        user = people.set_active(services, actor, email, active)
    echo(f"switched {user.email} {'on' if active else 'off'}")


@command.command("superuser")
@_EMAIL
@click.option("--no", "no_longer", is_flag=True, help="They operate the installation no longer.")
def superuser(email: str, no_longer: bool) -> None:
    """Make EMAIL an operator of the installation."""
    from hishamos_pipeline.application import people

    with opened() as (services, actor):
        user = people.set_superuser(services, actor, email, not no_longer)
    echo(
        f"{user.email} {'operates the installation' if user.is_superuser else 'does not operate the installation'}"
    )


@command.command("limit")
@_EMAIL
@click.argument("tokens", type=int)
def limit(email: str, tokens: int) -> None:
    """Set how many TOKENS of models EMAIL may use in a month; 0 for any number."""
    from hishamos_pipeline.application import people

    with opened() as (services, actor):
        user = people.set_token_limit(services, actor, email, tokens)
    echo(
        f"{user.email} may use {f'{user.monthly_tokens:,} tokens a month' if user.monthly_tokens else 'any number'}"
    )


@command.command("reset-tokens")
@_EMAIL
def reset_tokens(email: str) -> None:
    """Begin to count anew what models use for EMAIL."""
    from hishamos_pipeline.application import people

    with opened() as (services, actor):
        user = people.reset_tokens(services, actor, email)
    echo(f"the tokens of {user.email} are counted from now on")


@command.command("profile")
@click.option("--name", help="The new name.")
@click.option("--avatar-url", help="The new address of a picture, https://…")
@json_option
def profile(name: str, avatar_url: str, as_json: bool) -> None:
    """Show or change the account that `--as` names."""
    from hishamos_pipeline.application import people

    with opened() as (services, actor):
        found = people.update_profile(services, actor, people.UpdateProfile(name=name, avatar_url=avatar_url))
    if as_json:
        print_json(found)
    else:
        echo(f"{found.email}: {found.name or 'no name'}{f', {found.avatar_url}' if found.avatar_url else ''}")
