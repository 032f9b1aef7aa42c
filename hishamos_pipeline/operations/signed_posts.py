"""Posting to a webhook: signed as Standard Webhooks has it, and never to where its author must not reach."""

import base64
import binascii
import hashlib
import hmac
import ipaddress
import socket
import time
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

import certifi
import urllib3

_TIMEOUT_SECONDS = 10.0
_PORTS = {"http": 80, "https": 443}


def signature(key: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The signature of a webhook: HMAC-SHA256 over id, time and body, as Standard Webhooks has it."""
    stored = key.removeprefix("whsec_")
    try:
        secret = base64.b64decode(stored, validate=True) if stored != key else key.encode()
    except binascii.Error:
        secret = key.encode()
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()


def signed_headers(key: str, message_id: str, body: bytes) -> dict[str, str]:
    """The headers of a signed message; its id stays when it is sent again, so that a receiver knows it."""
    now = int(time.time())
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(now),
        "webhook-signature": signature(key, message_id, now, body),
    }


def post(url: str, body: bytes, headers: Mapping[str, str], *, private: bool) -> None:
    """Post a message; no redirect is followed, and what is answered is not read: it may be without an end.

    The connection goes to the address that was looked at, so that a name cannot be another address a moment later.

    Args:
        url: an address that somebody has named.
        body: the message.
        headers: its headers.
        private: whether it may go to an address of a private network, or this machine.

    Raises:
        OSError: it cannot be reached, must not be, or has refused; the URL, which may be a secret, is not told.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
    address = _address(host, port, private=private)
    path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    timeout = urllib3.Timeout(_TIMEOUT_SECONDS)
    pool: urllib3.HTTPConnectionPool
    if parts.scheme == "https":
        pool = urllib3.HTTPSConnectionPool(
            address,
            port,
            timeout=timeout,
            server_hostname=host,
            assert_hostname=host,
            ca_certs=certifi.where(),
        )
    else:
        pool = urllib3.HTTPConnectionPool(address, port, timeout=timeout)
    named = host if port == _PORTS[parts.scheme] else f"{host}:{port}"
    with pool:
        try:
            answer = pool.urlopen(
                "POST", path, body=body, headers={**headers, "Host": named}, retries=False, redirect=False,
                preload_content=False,
            )  # fmt: skip
            status = answer.status
            answer.close()
        except urllib3.exceptions.HTTPError as error:
            raise OSError(f"{host} could not be reached: {type(error).__name__}") from None
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        raise OSError(f"{host} answered {status}")


def _address(host: str, port: int, *, private: bool) -> str:
    try:
        found = [str(item[4][0]) for item in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (socket.gaierror, UnicodeError):
        raise OSError(f"{host} has no address") from None
    if not private and not all(_is_public(address) for address in found):
        raise OSError(f"{host} is an address of a private network, which webhooks must not reach")
    return found[0]


def _is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    inner = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None)
    return ip.is_global and not ip.is_multicast and (inner is None or inner.is_global)
