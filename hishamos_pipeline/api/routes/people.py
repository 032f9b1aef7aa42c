"""Users, organizations with their members, invitations and grants, and API tokens."""

from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import AwareDatetime, Field

from hishamos_pipeline.api.caller import KNOWN, Caller
from hishamos_pipeline.api.fields import (
    Email,
    IfMatch,
    Number,
    PageParameters,
    ProjectFilter,
    RequestBody,
    SearchParameters,
    tagged,
)
from hishamos_pipeline.api.route import TOLD_ONCE, ResourceRoute, Tags
from hishamos_pipeline.application import organizations, people, rights, tokens
from hishamos_pipeline.application.organizations import (
    AddGrant,
    GrantView,
    InvitationView,
    MemberView,
    OrganizationView,
)
from hishamos_pipeline.application.pages import Page
from hishamos_pipeline.application.people import AddUser, Link, ProfileView, UserView
from hishamos_pipeline.application.rights import RightsView
from hishamos_pipeline.application.tokens import MakeToken, TokenView
from hishamos_pipeline.core.roles import ProjectRole, Role

router = APIRouter(route_class=ResourceRoute, dependencies=KNOWN)
_USERS: Tags = ["users"]
_ORGANIZATIONS: Tags = ["organizations"]
_TOKENS: Tags = ["tokens"]


class ProfileChange(RequestBody):
    """What you change of your account; what is left out stays."""

    name: Annotated[str, Field(max_length=200)] | None = None
    avatar_url: Annotated[str, Field(max_length=488)] | None = None
    preferences: dict[str, Any] | None = None


class NewUser(RequestBody):
    """An account: of a person, or of a service, which has tokens and no password."""

    email: Annotated[str, Field(max_length=254)]
    name: Annotated[str, Field(max_length=200)] = ""
    role: Role | None = None
    superuser: bool = False
    service: bool = False


class UserChange(RequestBody):
    """What an admin changes of an account; what is left out stays."""

    is_active: bool | None = None
    is_superuser: bool | None = None
    monthly_tokens: int | None = None


class LinkPurpose(RequestBody):
    """What a link is for: ``password`` sets one, ``login`` logs a browser in."""

    purpose: Annotated[str, Field(max_length=20)] = "password"


class NewOrganization(RequestBody):
    """An organization."""

    key: Annotated[str, Field(max_length=63)]
    title: Annotated[str, Field(max_length=200)] = ""
    needs_second_factor: bool = False


class OrganizationChange(RequestBody):
    """What changes of an organization; what is left out stays."""

    title: Annotated[str, Field(max_length=200)] | None = None
    needs_second_factor: bool | None = None


class RoleChange(RequestBody):
    """A role in the organization."""

    role: Role


class ProjectRoleChange(RequestBody):
    """A role in a project."""

    role: ProjectRole


class NewInvitation(RequestBody):
    """Somebody is asked to join."""

    email: Annotated[str, Field(max_length=254)]
    role: Role = "developer"


class NewGrant(RequestBody):
    """One action that a member may do besides; of all projects where none is named."""

    email: Annotated[str, Field(max_length=254)]
    action: Annotated[str, Field(max_length=40)]
    project: Annotated[str, Field(max_length=63)] = ""
    expires_at: AwareDatetime | None = None


class NewToken(RequestBody):
    """A token of your own, or of a service; it can do no more than its owner, and its scopes, allow."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    scopes: Annotated[tuple[Annotated[str, Field(max_length=40)], ...], Field(max_length=40)] = ("read",)
    days: Annotated[int, Field(ge=1, le=tokens.MOST_DAYS)] = 90
    service: Annotated[str, Field(max_length=254)] = ""


@router.get("/users/me", tags=_USERS)
def read_me(caller: Caller, response: Response) -> ProfileView:
    """Read your own account."""
    found = people.profile(caller.services, caller.actor)
    tagged(response, found)
    return found


@router.patch("/users/me", tags=_USERS)
def update_me(caller: Caller, response: Response, seen: IfMatch, body: ProfileChange) -> ProfileView:
    """Change your own account."""
    command = people.UpdateProfile(**body.model_dump(), expected=seen)
    found = people.update_profile(caller.services, caller.actor, command)
    tagged(response, found)
    return found


@router.get("/users/me/rights", tags=_USERS)
def list_rights(caller: Caller, project: ProjectFilter = "") -> RightsView:
    """List what you may do now, in a project or in your organization: what each operation takes is its `x-actions`."""
    return rights.list_rights(caller.services, caller.actor, project)


@router.get("/users", tags=_USERS)
def list_users(caller: Caller, page: SearchParameters) -> Page[UserView]:
    """List users by address: those of your organization, or all for an operator."""
    return people.list_users(caller.services, caller.actor, page)


@router.post("/users", status_code=201, tags=_USERS)
def add_user(caller: Caller, body: NewUser) -> UserView:
    """Add an account; a link sets its password."""
    return people.add_user(caller.services, caller.actor, AddUser(**body.model_dump()))


@router.get("/users/{email}", tags=_USERS)
def read_user(caller: Caller, response: Response, email: Email) -> UserView:
    """Read one user."""
    found = people.show_user(caller.services, caller.actor, email)
    tagged(response, found)
    return found


@router.patch("/users/{email}", tags=_USERS)
def update_user(
    caller: Caller, response: Response, email: Email, seen: IfMatch, body: UserChange
) -> UserView:
    """Switch an account off or on, make somebody an operator, or limit their use of models."""
    command = people.ChangeUser(email=email, expected=seen, **body.model_dump())
    found = people.change_user(caller.services, caller.actor, command)
    tagged(response, found)
    return found


@router.post("/users/{email}/reset_tokens", tags=_USERS)
def reset_user_tokens(caller: Caller, email: Email) -> UserView:
    """Begin to count somebody's use of models anew."""
    return people.reset_tokens(caller.services, caller.actor, email)


@router.post("/users/{email}/links", status_code=201, tags=_USERS)
def make_user_link(caller: Caller, response: Response, email: Email, body: LinkPurpose) -> Link:
    """Make a link for one use; it is told this once."""
    response.headers.update(TOLD_ONCE)
    return people.make_link(caller.services, caller.actor, email, body.purpose)


@router.get("/organizations", tags=_ORGANIZATIONS)
def list_organizations(caller: Caller, page: PageParameters) -> Page[OrganizationView]:
    """List all organizations; an operator's."""
    found = organizations.list_organizations(caller.services, caller.actor)
    return Page.listed(found, page, lambda item: item.key)


@router.post("/organizations", status_code=201, tags=_ORGANIZATIONS)
def add_organization(caller: Caller, body: NewOrganization) -> OrganizationView:
    """Add an organization; an operator's."""
    return organizations.add_organization(
        caller.services, caller.actor, body.key, body.title, needs_second_factor=body.needs_second_factor
    )


@router.get("/organization", tags=_ORGANIZATIONS)
def read_organization(caller: Caller, response: Response) -> OrganizationView:
    """Read the organization that you are logged in to."""
    found = organizations.show_organization(caller.services, caller.actor)
    tagged(response, found)
    return found


@router.patch("/organization", tags=_ORGANIZATIONS)
def update_organization(
    caller: Caller, response: Response, seen: IfMatch, body: OrganizationChange
) -> OrganizationView:
    """Change the organization that you are logged in to."""
    found = organizations.update_organization(
        caller.services,
        caller.actor,
        title=body.title,
        needs_second_factor=body.needs_second_factor,
        expected=seen,
    )
    tagged(response, found)
    return found


@router.get("/members", tags=_ORGANIZATIONS)
def list_members(caller: Caller, page: PageParameters) -> Page[MemberView]:
    """List the members of your organization by address."""
    found = organizations.list_members(caller.services, caller.actor)
    return Page.listed(found, page, lambda item: item.email)


@router.put("/members/{email}", status_code=204, tags=_ORGANIZATIONS)
def set_member_role(caller: Caller, email: Email, body: RoleChange) -> None:
    """Give somebody a role in your organization."""
    organizations.set_role(caller.services, caller.actor, email, body.role)


@router.delete("/members/{email}", status_code=204, tags=_ORGANIZATIONS)
def remove_member(caller: Caller, email: Email) -> None:
    """Have somebody leave your organization; their tokens for it end."""
    organizations.set_role(caller.services, caller.actor, email, None)


@router.get("/invitations", tags=_ORGANIZATIONS)
def list_invitations(caller: Caller, page: PageParameters) -> Page[InvitationView]:
    """List the invitations into your organization."""
    found = organizations.list_invitations(caller.services, caller.actor)
    return Page.listed(found, page, lambda item: (item.email, item.created_at.isoformat()))


@router.post("/invitations", status_code=201, tags=_ORGANIZATIONS)
def invite(caller: Caller, response: Response, body: NewInvitation) -> InvitationView:
    """Invite somebody; the link is told this once."""
    response.headers.update(TOLD_ONCE)
    return organizations.invite(caller.services, caller.actor, body.email, body.role)


@router.delete("/invitations/{email}", status_code=204, tags=_ORGANIZATIONS)
def withdraw_invitation(caller: Caller, email: Email) -> None:
    """Withdraw an open invitation."""
    organizations.withdraw_invitation(caller.services, caller.actor, email)


@router.get("/grants", tags=_ORGANIZATIONS)
def list_grants(caller: Caller, page: PageParameters) -> Page[GrantView]:
    """List the grants of your organization, those included that have run out."""
    found = organizations.list_grants(caller.services, caller.actor)
    return Page.listed(found, page, lambda item: item.id)


@router.post("/grants", status_code=201, tags=_ORGANIZATIONS)
def add_grant(caller: Caller, body: NewGrant) -> GrantView:
    """Let a member do one action besides what their role allows."""
    return organizations.add_grant(caller.services, caller.actor, AddGrant(**body.model_dump()))


@router.delete("/grants/{grant}", status_code=204, tags=_ORGANIZATIONS)
def remove_grant(caller: Caller, grant: Number) -> None:
    """Take a grant back."""
    organizations.remove_grant(caller.services, caller.actor, grant)


@router.get("/tokens", tags=_TOKENS)
def list_tokens(caller: Caller, page: PageParameters) -> Page[TokenView]:
    """List your API tokens; for whoever manages tokens, those of the organization."""
    found = tokens.list_tokens(caller.services, caller.actor)
    return Page.listed(found, page, lambda item: item.id)


@router.post("/tokens", status_code=201, tags=_TOKENS)
def make_token(caller: Caller, response: Response, body: NewToken) -> TokenView:
    """Make an API token; the whole of it is told this once."""
    response.headers.update(TOLD_ONCE)
    return tokens.make_token(caller.services, caller.actor, MakeToken(**body.model_dump()))


@router.delete("/tokens/{token}", status_code=204, tags=_TOKENS)
def end_token(caller: Caller, token: Number) -> None:
    """End an API token."""
    tokens.end_token(caller.services, caller.actor, token)
