"""People at the command line: accounts, organizations, tokens, and acting as somebody."""

import json
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from hishamos_pipeline.core.roles import ROLES
from tests.accounts.test_policy import EXPECTED
from tests.support.commands import hishamos
from tests.support.people import PASSWORD

BRIEF = "# Notes\n\n## Features\n- User can add a note\n"
# What each command does, by the policy, and the exit code that it has for whoever may.
COMMANDS = {
    "projects list": ("projects.read", 0),
    "artifacts list notes": ("projects.read", 0),
    "plan notes": ("projects.read", 0),
    "costs": ("projects.read", 0),
    "agents list": ("agents.read", 0),
    "ideas submit notes.md": ("ideas.submit", 0),
    "build notes --queue": ("projects.build", 0),
    "edit notes requirements REQ-001 --revert": ("projects.edit", 2),
    "approve notes architecture": ("projects.approve", 3),
    "export notes --to zip --output out": ("projects.export", 3),
    "orgs members": ("people.read", 0),
    "orgs invite eve@example.org viewer": ("people.manage", 0),
    "batch list": ("batches.read", 9),
    "audit list": ("audit.read", 9),
    "credentials list": ("credentials.manage", 9),
    "doctor": ("installation.operate", 9),
    "cleanup --dry-run": ("installation.operate", 9),
    "repair": ("installation.operate", 9),
    "orgs list": ("organizations.manage", 9),
    "projects delete notes --without-export --yes": ("projects.delete", 2),
    "projects archive notes": ("projects.archive", 0),
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "notes.md").write_text(BRIEF)
    return tmp_path


def link_of(text: str) -> str:
    return text.strip().rpartition(" ")[2]


@pytest.mark.parametrize("role", ROLES)
def test_who_acts_as_somebody_may_what_they_may(home: Path, role: str) -> None:
    assert hishamos(home, "ideas", "submit", "notes.md").returncode == 0
    assert hishamos(home, "users", "add", "ann@example.org", "--role", role).returncode == 0
    for command, (action, code) in COMMANDS.items():
        done = hishamos(home, "--as", "ann@example.org", *command.split())
        if action in EXPECTED[role]:
            assert done.returncode == code, (command, done.stderr)
        else:
            assert done.returncode == 9 and "may not do this" in done.stderr, (command, done.stderr)


def test_another_organization_is_another_world(home: Path) -> None:
    assert hishamos(home, "orgs", "add", "acme", "--title", "Acme").returncode == 0
    hishamos(home, "ideas", "submit", "notes.md")
    assert (
        hishamos(home, "--org", "acme", "users", "add", "eve@example.org", "--role", "admin").returncode == 0
    )
    as_eve = ("--as", "eve@example.org")
    for command in (
        "plan notes",
        "artifacts list notes",
        "build notes",
        "export notes",
        "projects archive notes",
    ):
        done = hishamos(home, *as_eve, *command.split())
        assert done.returncode == 3 and "no project 'notes'" in done.stderr, (command, done.stderr)
    assert json.loads(hishamos(home, *as_eve, "projects", "list", "--json").stdout) == []
    assert hishamos(home, "--org", "nowhere", "projects", "list").returncode == 3
    assert hishamos(home, "--as", "nobody@example.org", "projects", "list").returncode == 3
    refused = hishamos(home, *as_eve, "--org", "default", "projects", "list")
    assert refused.returncode == 9 and "is no member of default" in refused.stderr


def test_from_an_invitation_to_a_token(home: Path) -> None:
    added = link_of(
        hishamos(home, "users", "add", "ann@example.org", "--role", "admin", "--name", "Ann").stdout
    )
    weak = hishamos(home, "users", "set-password", added, stdin="short\n")
    assert weak.returncode == 2 and "at least 12" in weak.stderr
    done = hishamos(home, "users", "set-password", added, stdin=f"{PASSWORD}\n")
    assert done.stdout == "set the password of ann@example.org\n"
    assert hishamos(home, "users", "set-password", added, stdin=f"{PASSWORD}\n").returncode == 9
    as_ann = ("--as", "ann@example.org")
    invited = link_of(hishamos(home, *as_ann, "orgs", "invite", "bob@example.org", "developer").stdout)
    joined = hishamos(home, "orgs", "join", invited, "--name", "Bob", stdin=f"{PASSWORD}\n")
    assert joined.stdout == "bob@example.org has joined\n"
    assert "accepted" in hishamos(home, *as_ann, "orgs", "invitations").stdout
    shown = json.loads(hishamos(home, *as_ann, "users", "list", "--json").stdout)
    assert [(user["email"], user["roles"]) for user in shown] == [
        ("ann@example.org", {"default": "admin"}), ("bob@example.org", {"default": "developer"})
    ]  # fmt: skip
    made = hishamos(home, "--as", "bob@example.org", "tokens", "make", "ci", "--scope", "write", "--json")
    token = json.loads(made.stdout)
    assert token["token"].startswith("hos_") and token["scopes"] == ["write"]
    listed = hishamos(home, *as_ann, "tokens", "list", "--json")
    assert token["token"] not in listed.stdout and json.loads(listed.stdout)[0]["email"] == "bob@example.org"
    assert hishamos(home, *as_ann, "tokens", "end", str(token["id"])).returncode == 0
    assert hishamos(home, *as_ann, "tokens", "end", str(token["id"])).returncode == 3
    kept = b"".join(path.read_bytes() for path in (home / "state").glob("store.db*"))
    assert token["token"].encode() not in kept and PASSWORD.encode() not in kept


def test_roles_grants_and_limits(home: Path) -> None:
    hishamos(home, "ideas", "submit", "notes.md")
    for name, role in (("ann", "admin"), ("bob", "viewer")):
        hishamos(home, "users", "add", f"{name}@example.org", "--role", role)
    as_bob = ("--as", "bob@example.org")
    assert hishamos(home, *as_bob, "build", "notes", "--queue").returncode == 9
    hishamos(home, "orgs", "role", "bob@example.org", "developer", "--project", "notes")
    assert hishamos(home, *as_bob, "build", "notes", "--queue").returncode == 0
    assert "developer" in hishamos(home, *as_bob, "orgs", "members", "--project", "notes").stdout
    granted = hishamos(home, "orgs", "grant", "bob@example.org", "people.read", "--days", "3")
    assert granted.returncode == 0 and hishamos(home, *as_bob, "orgs", "members").returncode == 0
    assert "people.read" in hishamos(home, "orgs", "grants").stdout
    assert hishamos(home, "orgs", "revoke", granted.stdout.split()[1].rstrip(":")).returncode == 0
    assert hishamos(home, *as_bob, "orgs", "members").returncode == 9
    assert "1,000 tokens a month" in hishamos(home, "users", "limit", "bob@example.org", "1000").stdout
    assert "0 of 1,000" in hishamos(home, "users", "show", "bob@example.org").stdout
    assert hishamos(home, "users", "reset-tokens", "bob@example.org").returncode == 0
    assert "Bob" in hishamos(home, *as_bob, "users", "profile", "--name", "Bob").stdout
    assert hishamos(home, "users", "profile").returncode == 3, "this machine's user has no account"
    without_keys = hishamos(home, "orgs", "update", "--second-factor")
    assert without_keys.returncode == 2 and "HISHAMOS_SECRET_KEYS" in without_keys.stderr, (
        "nobody could set one up"
    )
    keys = {"HISHAMOS_SECRET_KEYS": Fernet.generate_key().decode()}
    assert "second factor needed" in hishamos(home, "orgs", "update", "--second-factor", **keys).stdout
    assert hishamos(home, *as_bob, "projects", "list").returncode == 9, "nothing until there is one"
    assert hishamos(home, "orgs", "update", "--no-second-factor", "--title", "All").returncode == 0
    assert hishamos(home, "users", "deactivate", "bob@example.org").returncode == 0
    assert hishamos(home, *as_bob, "projects", "list").returncode == 9
    assert hishamos(home, "users", "activate", "bob@example.org").returncode == 0
    assert "operates" in hishamos(home, "users", "superuser", "bob@example.org").stdout
    assert hishamos(home, *as_bob, "audit", "list").returncode == 0
    assert len(hishamos(home, "users", "link", "ann@example.org").stdout.strip()) > 40
    last = hishamos(home, "orgs", "role", "ann@example.org", "viewer")
    assert last.returncode == 2 and "the only admin of default" in last.stderr
    told = json.loads(hishamos(home, "audit", "list", "--json").stdout)
    assert {"user.add", "member.role", "grant.add", "project.role"} <= {entry["action"] for entry in told}
    assert hishamos(home, "orgs", "withdraw", "nobody@example.org").stdout.endswith(
        "has no open invitation\n"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("users", "add", "ann"), "no e-mail address"),
        (("orgs", "add", "A"), "no key"),
        (("orgs", "grant", "ann@example.org", "x"), "cannot be granted"),
        (("tokens", "make", "x", "--service", "ci@example.org"), "no service"),
        (("tokens", "make", "x", "--scope", "all"), "no scope"),
        (("tokens", "make", "x"), "has no account"),
        (("orgs", "join", "hol_nonsense"), "used, withdrawn"),
    ],
)
def test_what_cannot_be(home: Path, words: tuple[str, ...], said: str) -> None:
    done = hishamos(home, *words)
    assert done.returncode in (2, 3, 9) and said in done.stderr and "Traceback" not in done.stderr
