"""Links that people ask for themselves, and get by mail: to set a password, or to join.

Whoever asks learns nothing of who has an account: the answer is the same, and the mail is sent after it.
"""

import logging
import smtplib
from datetime import timedelta
from email.message import EmailMessage
from email.utils import make_msgid

from hishamos_pipeline.accounts.links import LINK_LASTS, new_link
from hishamos_pipeline.accounts.lookup import address_of
from hishamos_pipeline.application.organizations import INVITATION_LASTS, invite
from hishamos_pipeline.core.actor import DEFAULT_ORGANIZATION, Actor
from hishamos_pipeline.core.pipeline.channel import EmailChannel
from hishamos_pipeline.core.text.secrets import mask
from hishamos_pipeline.errors import AccountError, CredentialError
from hishamos_pipeline.generation.services import Services

log = logging.getLogger("hishamos.accounts")
# Nobody gets more of them, whoever asks.
_NOT_AGAIN_WITHIN = timedelta(minutes=5)
_ITSELF = Actor("", "installation", DEFAULT_ORGANIZATION, "api")


def require_mail(services: Services) -> None:
    """Make sure that links can be mailed here.

    Raises:
        AccountError: they cannot; says whom to ask.
    """
    # Not where a request was sent to: whoever sends it would choose where the link leads.
    if _channel(services) is None or not services.settings.api_url:
        raise AccountError("no mail is sent here: ask an admin for a link")


def require_open_registration(services: Services) -> None:
    """Make sure that anybody may join here.

    Raises:
        AccountError: people join by an invitation, or no mail is sent here.
    """
    if not services.settings.open_registration:
        raise AccountError("people join by an invitation here: ask an admin for one")
    require_mail(services)


def mail_password_link(services: Services, email: str) -> None:
    """Mail somebody a link for setting their password; nothing is sent to an address that has no account.

    Args:
        services: of the installation.
        email: what somebody says is their address.
    """
    store, now = services.acting_as(_ITSELF).store, services.store.clock.now()
    user = store.users.named(_address(email))
    if user is None or not user.is_active or user.kind != "person":
        return
    # Whoever logs in by a provider alone has no password here, and gets none by asking.
    if not store.users.secrets(user.id).password_hash:
        return
    if store.logins.has_link(user.id, "password", now - _NOT_AGAIN_WITHIN):
        return
    token, _ = new_link(store, user, "password", keeps_others=True)
    hours = LINK_LASTS // timedelta(hours=1)
    said = f"Somebody, perhaps you, wants to set a new password for {user.email}. This is good once, for {hours} hours:"
    _send(services, user.email, "Set your password", said, f"password_by_link={token}")


def mail_invitation(services: Services, email: str) -> None:
    """Mail somebody who wants to join an invitation; nothing is sent to who has an account, or was invited just now.

    Args:
        services: of the installation.
        email: what somebody says is their address.
    """
    acting, now = services.acting_as(_ITSELF), services.store.clock.now()
    address, role = _address(email), services.settings.open_registration
    if not address or not role or acting.store.users.named(address) is not None:
        return
    mine = [item for item in acting.store.organizations.invitations() if item.email == address]
    asked = [item for item in mine if item.created_at > now - _NOT_AGAIN_WITHIN]
    # What an admin has promised stays as it is.
    promised = [
        item
        for item in mine
        if item.accepted_at is None and item.expires_at > now and item.invited_by != _ITSELF.label
    ]
    if asked or promised:
        return
    invitation = invite(acting, _ITSELF, address, role)
    said = "Somebody, perhaps you, wants to join HishamOS with this address."
    said += f" This is good once, for {INVITATION_LASTS.days} days:"
    _send(services, address, "Join HishamOS", said, f"register={invitation.link}")


def _send(services: Services, to: str, subject: str, said: str, link: str) -> None:
    """Send a mail; that it cannot be sent is logged, since nobody waits for it."""
    from hishamos_pipeline.operations.notifications import send_mail

    channel = _channel(services)
    if channel is None:
        return
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = channel.sender, to, f"HishamOS: {subject}"
    message["Message-ID"] = make_msgid(domain="hishamos")
    base = services.settings.api_url
    message.set_content(f"{said}\n\n{base}/api/links#{link}\n\nIf it was not you, do nothing.\n")
    try:
        send_mail(message, channel, services.key)
    except (OSError, smtplib.SMTPException, CredentialError) as error:
        log.error("a mail could not be sent: %s", mask(f"{type(error).__name__}: {error}"))


def _channel(services: Services) -> EmailChannel | None:
    channel = services.settings.notify.get(services.settings.mail)
    return channel if isinstance(channel, EmailChannel) else None


def _address(email: str) -> str:
    try:
        return address_of(email)
    except AccountError:  # nobody has it; whoever asks is told what all are
        return ""
