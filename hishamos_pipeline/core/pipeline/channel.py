"""Channels: how people are told of what happens while nobody watches."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from hishamos_pipeline.core.artifacts.document import Document
from hishamos_pipeline.core.text.shapes import SecretName, shaped

_Address = Annotated[str, shaped(r"[^@\s,;<>]+@[^@\s,;<>]+", "one address, such as ops@example.org")]


class LogChannel(Document):
    """A line in the log of the daemon."""

    kind: Literal["log"]

    @property
    def variable(self) -> str:
        """What holds its secret: it has none."""
        return ""


class WebhookChannel(Document):
    """A POST of JSON, signed as https://www.standardwebhooks.com says.

    ``secret`` names the variable or stored credential that holds the key, as ``whsec_`` and Base64, or as it is.
    """

    kind: Literal["webhook"]
    url: Annotated[
        str,
        shaped(
            r"https://[^\s@]+|http://(127\.0\.0\.1|localhost)(:\d+)?(/\S*)?",
            "a URL without a login, such as https://example.org/hook; http:// only for this machine",
        ),
    ]
    secret: SecretName

    @property
    def variable(self) -> str:
        """What holds its secret."""
        return self.secret


class EmailChannel(Document):
    """An e-mail over SMTP; ``password`` names the variable or stored credential that holds it."""

    kind: Literal["email"]
    host: str = Field(min_length=1)
    port: int = Field(587, gt=0, lt=65536)
    tls: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password: SecretName | None = None
    sender: _Address
    to: tuple[_Address, ...] = Field(min_length=1)

    @property
    def variable(self) -> str:
        """What holds its secret; empty where nobody logs in."""
        return (self.password or "") if self.user else ""

    @model_validator(mode="after")
    def _secret_password(self) -> Self:
        if self.user and self.tls == "none":
            raise ValueError("a password would be sent unprotected: set `tls` to `starttls` or `tls`")
        return self


Channel = Annotated[LogChannel | WebhookChannel | EmailChannel, Field(discriminator="kind")]
