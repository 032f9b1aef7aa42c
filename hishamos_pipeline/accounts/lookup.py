"""Finding users by address: in one form, and only those whom somebody sees."""

from hishamos_pipeline.core.actor import Actor
from hishamos_pipeline.errors import AccountError, ForbiddenError, PersonNotFoundError
from hishamos_pipeline.store.people.records import User
from hishamos_pipeline.store.store import ProjectStore

# As long as the label of an actor may be, with what stands before it.
_LONGEST = 110


def address_of(email: str) -> str:
    """An e-mail address in the form that it is kept in: lower case.

    Raises:
        AccountError: it is none.
    """
    from email_validator import EmailNotValidError, validate_email

    try:
        # Whether mail arrives there is shown by the mail; nothing is looked up. Names of machines are allowed.
        found = validate_email(email.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise AccountError(f"{email[:100]!r} is no e-mail address: {error}") from None
    if len(found.normalized) > _LONGEST:
        raise AccountError(f"an e-mail address has at most {_LONGEST} characters here")
    return found.normalized.lower()


def visible_user(store: ProjectStore, actor: Actor, email: str) -> User:
    """A user whom the actor sees: of their organization, or any for an operator.

    Raises:
        AccountError: it is no address.
        PersonNotFoundError: there is none.
    """
    user = store.users.named(address_of(email))
    roles = store.organizations.roles(user.id) if user else {}
    if user is None or not (actor.superuser or actor.organization in roles):
        raise PersonNotFoundError(f"there is no user {email}")
    return user


def own_id(actor: Actor) -> int:
    """The number of a person who has logged in and does something with their own account.

    Raises:
        PersonNotFoundError: the actor has no account.
        ForbiddenError: it is an agent, or shows a token.
    """
    if actor.kind == "agent":
        raise ForbiddenError(f"{actor.label} may not do this: an agent has no account of its own")
    if not actor.user_id or actor.kind != "user":
        raise PersonNotFoundError(f"{actor.label} has no account")
    if actor.scopes:
        raise ForbiddenError("this takes a person who has logged in, not a token")
    return actor.user_id
