"""``hishamos webhooks``: who is told of events, and what became of each delivery."""

import click

from hishamos_pipeline.cli.output import echo, json_option, opened, print_json, print_table

_NUMBER = click.argument("number", type=click.IntRange(1))


@click.group("webhooks")
def command() -> None:
    """Tell other programs of what happens to the projects of the organization."""


@command.command("add")
@click.argument("url")
@click.option("--kind", "kinds", multiple=True, help="Only events of this kind, such as build.ended.")
@json_option
def add(url: str, kinds: tuple[str, ...], as_json: bool) -> None:
    """Tell URL of events from now on, and print the secret that deliveries are signed with."""
    from hishamos_pipeline.application import webhooks

    with opened() as (services, actor):
        made = webhooks.add_webhook(services, actor, webhooks.AddWebhook(url=url, kinds=kinds))
    if as_json:
        print_json(made)
        return
    echo(f"added webhook {made.id}; its secret, which is told this once: {made.secret}")


@command.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the webhooks."""
    from hishamos_pipeline.application import webhooks

    with opened() as (services, actor):
        found = webhooks.list_webhooks(services, actor)
    if as_json:
        print_json(found)
        return
    rows = [(w.id, w.url, ", ".join(w.kinds) or "all", "" if w.is_active else "switched off") for w in found]
    print_table(("id", "address", "events", ""), rows)


@command.command("remove")
@_NUMBER
def remove(number: int) -> None:
    """Remove webhook NUMBER with its deliveries."""
    from hishamos_pipeline.application import webhooks

    with opened() as (services, actor):
        webhooks.remove_webhook(services, actor, number)
    echo(f"removed webhook {number}")


@command.command("deliveries")
@_NUMBER
@click.option("--status", type=click.Choice(["waiting", "sent", "dead"]), default="", help="Only these.")
@click.option("--last", default=20, show_default=True, type=click.IntRange(1), help="How many.")
@json_option
def deliveries(number: int, status: str, last: int, as_json: bool) -> None:
    """List the newest deliveries of webhook NUMBER; dead ones were given up."""
    from hishamos_pipeline.application import webhooks
    from hishamos_pipeline.store.pages import PageQuery

    with opened() as (services, actor):
        found = webhooks.list_deliveries(services, actor, number, PageQuery(last), status=status).items
    if as_json:
        print_json(found)
        return
    print_table(
        ("id", "event", "status", "tries", "when (UTC)", "why"),
        [(d.id, d.kind, d.status, d.tries, f"{d.created_at:%Y-%m-%d %H:%M}", d.error) for d in found],
    )


@command.command("retry")
@_NUMBER
@click.argument("delivery", type=click.IntRange(1))
def retry(number: int, delivery: int) -> None:
    """Have DELIVERY of webhook NUMBER tried again."""
    from hishamos_pipeline.application import webhooks

    with opened() as (services, actor):
        webhooks.retry_delivery(services, actor, number, delivery)
    echo(f"delivery {delivery} is tried again")
