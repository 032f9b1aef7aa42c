"""The ``hishamos`` command. Each command's module is imported when the command is run."""

import io
import os
import sys
from importlib import import_module

import click

from hishamos_pipeline import __version__

# name -> (module, one line of help). The help is here so that `--help` imports no command.
COMMANDS = {
    "ideas": ("ideas", "Submit briefs, and list what was submitted."),
    "build": ("build", "Build a project, or what is stale of it."),
    "builds": ("builds", "List requests for builds, or cancel them."),
    "plan": ("plan", "Show what a build would make, and why."),
    "edit": ("edit", "Change an artifact by hand; the change stands."),
    "edits": ("edits", "List what people have edited."),
    "change": ("change", "Have a change of requirements and stories proposed."),
    "proposals": ("proposals", "Decide what engines propose against edits."),
    "history": ("history", "List the revisions of a project."),
    "diff": ("diff", "Show what changed between two revisions."),
    "trace": ("trace", "Follow requirements to stories, files, tests and back."),
    "approve": ("approve", "Approve an artifact that the idea wants approved."),
    "artifacts": ("artifacts", "List the artifacts of a project, or show one."),
    "projects": ("projects", "List projects, show one, archive or delete it."),
    "files": ("files", "List the files of a project, or show one."),
    "export": ("export", "Copy a project somewhere, or publish it on GitHub or GitLab."),
    "exports": ("exports", "List exports and requests for them, or take one back."),
    "users": ("users", "Manage accounts: add, switch off, links, limits, profiles."),
    "orgs": ("orgs", "Manage organizations, members, invitations and grants."),
    "tokens": ("tokens", "Make, list and end API tokens."),
    "webhooks": ("webhooks", "Tell other programs of what happens to projects."),
    "credentials": ("credentials", "Keep keys and tokens, encrypted, and try them."),
    "providers": ("providers", "List and check providers of models."),
    "workflows": ("workflows", "Define workflows, run them, and decide what they ask."),
    "agents": ("agents", "List the roles, show one, or give one a task."),
    "prompts": ("prompts", "List the prompts, and show what changed in one."),
    "costs": ("costs", "Show what models have cost."),
    "batch": ("batch", "Build many projects within one budget, and compare batches."),
    "evaluate": ("evaluate", "Build a suite, and put it to tests that nobody has seen."),
    "notifications": ("notifications", "Show what people were notified of, and try a channel."),
    "events": ("events", "Show what has happened to projects, in order."),
    "repair": ("repair", "Find damaged files of projects, and bring back what can be."),
    "cleanup": ("cleanup", "Remove what the settings keep no longer."),
    "audit": ("audit", "Show who did what, and verify that nothing was changed."),
    "metrics": ("metrics", "Serve figures for Prometheus."),
    "doctor": ("doctor", "Check that everything HishamOS needs is there."),
    "db": ("db", "Manage the schema of the project store."),
    "mcp": ("mcp", "Serve tools to a coding agent, over the Model Context Protocol."),
    "serve": ("serve", "Run one service of an installation: API, webserver, daemon or code server."),
    "worker": ("worker", "Execute runs on this machine for an installation of many."),
    "dev": ("dev", "Start the API, and Dagster's webserver and daemon, on this machine."),
}

# What no account does: it is about this machine, and its store as a whole.
_OF_THE_MACHINE = ("db", "dev", "metrics", "serve", "worker")
# Names of the last release, which still work.
ALIASES = {"fleet": "batch", "notices": "notifications"}

EPILOG = """
\b
Exit codes: 0 done, 1 the build failed or is blocked, 2 wrong usage or input,
3 no such project or artifact, 4 the project is being built elsewhere,
5 something is missing on this machine (run `hishamos doctor`),
6 a model could not be asked, or a key is missing or cannot be decrypted,
7 a Git host refused or could not be reached, 8 delivered without stories that
could not be verified, 9 not allowed, 130 interrupted.

State is kept in the folder that HISHAMOS_HOME names, `.hishamos` by default.
"""


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module, _ = COMMANDS.get(ALIASES.get(cmd_name, cmd_name), ("", ""))
        if not module:
            return None
        command: click.Command = import_module(f"hishamos_pipeline.cli.{module}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=_LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hishamos")
@click.option("--as", "as_user", metavar="EMAIL", help="Act as this user, with their rights and no others.")
@click.option("--org", metavar="KEY", help="Act in this organization.")
@click.pass_context
def cli(context: click.Context, as_user: str | None, org: str | None) -> None:
    """An idea goes in; a verified repository comes out."""
    if (as_user is not None or org is not None) and context.invoked_subcommand in _OF_THE_MACHINE:
        raise click.UsageError(
            f"{context.invoked_subcommand} is done by whoever operates the machine: leave --as and --org out"
        )


def main() -> None:
    """Run the command line; errors of ours become one line and an exit code."""
    import logging

    from hishamos_pipeline.core.text.secrets import MaskingFilter
    from hishamos_pipeline.errors import HishamosError

    # What a terminal has no character for must not end a build that is finished.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    handler = logging.StreamHandler()
    handler.addFilter(MaskingFilter())
    handler.setFormatter(logging.Formatter("%(message)s"))
    logging.getLogger("hishamos").addHandler(handler)
    if os.environ.get("HISHAMOS_LOG_FORMAT") == "json":
        from hishamos_pipeline.operations.logs import configure_logs

        configure_logs("json")
    try:
        # Outside standalone mode, click returns the code of an early exit, or what the command returned.
        code = cli.main(standalone_mode=False, prog_name="hishamos")
        sys.exit(code if isinstance(code, int) else 0)
    except click.Abort:
        from hishamos_pipeline.cli.output import echo

        echo("interrupted", err=True)
        sys.exit(130)
    except click.ClickException as error:
        if _as_json():
            _print_error(error.format_message(), error.exit_code)
        else:
            error.show()
        sys.exit(error.exit_code)
    except HishamosError as error:
        from hishamos_pipeline.cli.output import exit_code

        _tell(str(error), exit_code(error))
    except Exception as error:
        if not _is_of_a_database(error):
            raise
        _tell(_damaged_history(error), 5)


def _as_json() -> bool:
    return "--json" in sys.argv[1:]


def _print_error(said: str, code: int) -> None:
    from hishamos_pipeline.cli.output import print_json

    print_json({"error": said, "exit_code": code})


def _tell(said: str, code: int) -> None:
    """Say what went wrong, in the form that was asked for, and end."""
    from hishamos_pipeline.cli.output import echo

    if _as_json():
        _print_error(said, code)
    else:
        echo(f"error: {said}", err=True)
    sys.exit(code)


def _is_of_a_database(error: Exception) -> bool:
    # Without importing SQLAlchemy for it: most commands that fail have not.
    return type(error).__module__.startswith(("sqlalchemy.", "sqlite3"))


def _damaged_history(error: Exception) -> str:
    """What is left when the project store has said nothing of its own: Dagster's databases."""
    said = " ".join(str(getattr(error, "orig", None) or error).split())[:200]
    return (
        f"Dagster's storage cannot be used ({said}). It holds the history of runs alone: check its server, or move the "
        "folder `dagster` of HISHAMOS_HOME away to begin a new one; the projects stay"
    )


if __name__ == "__main__":
    main()
