"""Requests to addresses that people name: never to where their author must not reach, never without an end.

The connection goes to the address that was looked at, so that a name cannot be another address a moment later; no
redirect is followed.
"""

import ipaddress
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

import certifi
import urllib3

_PORTS = {"http": 80, "https": 443}
_CHUNK = 65_536

# Addresses that hold one of IPv4: NAT64 (RFC 6052), translated and compatible ones (RFC 2765, RFC 4291).
_TRANSLATED = [
    ipaddress.IPv6Network(n) for n in ("64:ff9b::/96", "64:ff9b:1::/48", "::ffff:0:0:0/96", "::/96")
]
# Where clouds tell their machines' keys besides link-local addresses: AWS, Alibaba, Azure; and translated ones.
_METADATA = [
    *(ipaddress.ip_network(n) for n in ("fd00:ec2::254/128", "100.100.100.200/32", "168.63.129.16/32")),
    *_TRANSLATED[:3],
]


@dataclass(frozen=True, slots=True)
class WebAnswer:
    """What was answered; ``body`` is as much of it as was wanted, and ``is_whole`` says whether that is all."""

    status: int
    kind: str
    location: str
    body: bytes
    is_whole: bool


def request(
    method: str,
    url: str,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    private: bool,
    seconds: float,
    most_bytes: int = 0,
) -> WebAnswer:
    """Send a request.

    Args:
        method: in upper case.
        url: an address that somebody has named.
        body: what is sent.
        headers: what is sent with it.
        private: whether it may go to an address of a private network, or this machine.
        seconds: how long it may take, from the connection to the last byte that is read.
        most_bytes: how much of the answer is read.

    Raises:
        OSError: it cannot be reached or must not be, or takes too long; the URL, which may be a secret, is not told.
    """
    parts, ends = urlsplit(url), time.monotonic() + seconds
    host = parts.hostname or ""
    path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    sent = {"Accept-Encoding": "identity", **(headers or {}), "Host": _named(parts)}
    with _pool(parts, seconds, private=private) as pool, _ended_after(pool, seconds):
        try:
            answer = pool.urlopen(
                method, path, body=body, headers=sent, retries=False, redirect=False, preload_content=False,
                decode_content=False,
            )  # fmt: skip
            try:
                found, is_whole = _read(answer, most_bytes, ends, host)
            finally:
                answer.close()
        except (urllib3.exceptions.HTTPError, ValueError, AttributeError) as error:
            if time.monotonic() > ends:
                raise OSError(f"{host} takes too long to answer") from None
            raise OSError(f"{host} could not be reached: {type(error).__name__}") from None
    kind, location = answer.headers.get("content-type", ""), answer.headers.get("location", "")
    return WebAnswer(answer.status, kind, location, found, is_whole)


def host_of(url: str) -> str:
    """The host of an address that can be asked; empty for one without a host, with a login, or with no port of any."""
    try:
        parts = urlsplit(url)
        fits = "@" not in parts.netloc and (parts.port or 1) > 0
    except ValueError:
        return ""
    return (parts.hostname or "") if fits else ""


def is_link_local(host: str) -> bool:
    """Whether a host's name leads to where clouds tell their machines' keys; one that nobody knows does not."""
    try:
        found = socket.getaddrinfo(host, None)
    except (OSError, UnicodeError):
        return False
    addresses = [ipaddress.ip_address(str(item[4][0]).partition("%")[0]) for item in found]
    plain = [getattr(ip, "ipv4_mapped", None) or ip for ip in addresses]
    return any(ip.is_link_local or any(ip in network for network in _METADATA) for ip in plain)


def _read(answer: urllib3.BaseHTTPResponse, most: int, ends: float, host: str) -> tuple[bytes, bool]:
    """As much of an answer as is wanted; a byte more tells whether that is all."""
    found = b""
    while most and len(found) <= most:
        piece = answer.read1(min(_CHUNK, most + 1 - len(found)))
        if time.monotonic() > ends:  # what came last may have been cut off
            raise OSError(f"{host} takes too long to answer")
        if not piece:
            return found, True
        found += piece
    return found[:most], False


def _pool(parts: SplitResult, seconds: float, *, private: bool) -> urllib3.HTTPConnectionPool:
    host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
    address, timeout = _address(host, port, private=private), urllib3.Timeout(seconds)
    if parts.scheme == "https":
        return urllib3.HTTPSConnectionPool(
            address,
            port,
            timeout=timeout,
            server_hostname=host,
            assert_hostname=host,
            ca_certs=certifi.where(),
        )
    return urllib3.HTTPConnectionPool(address, port, timeout=timeout)


@contextmanager
def _ended_after(pool: urllib3.HTTPConnectionPool, seconds: float) -> Iterator[None]:
    """End a pool's connections after a time: a socket's limit is for each piece, and a head may come byte by byte."""
    sockets: list[socket.socket] = []

    class Watched(pool.ConnectionCls):  # type: ignore[misc,name-defined]
        def connect(self) -> None:
            super().connect()
            sockets.append(self.sock)

    def end() -> None:
        for opened in sockets:
            with suppress(OSError):  # it was closed meanwhile
                # Not the method of a socket that encrypts, which is not for other threads.
                socket.socket.shutdown(opened, socket.SHUT_RDWR)

    pool.ConnectionCls = Watched
    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _named(parts: SplitResult) -> str:
    """The host as the header of that name has it."""
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return host if parts.port in (None, _PORTS.get(parts.scheme)) else f"{host}:{parts.port}"


def _address(host: str, port: int, *, private: bool) -> str:
    try:
        found = [str(item[4][0]) for item in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (socket.gaierror, UnicodeError):
        raise OSError(f"{host} has no address") from None
    if not private and not all(_is_public(address) for address in found):
        raise OSError(f"{host} is an address of a private network, which must not be reached")
    return found[0]


def _is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    inner = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None)
    if isinstance(ip, ipaddress.IPv6Address) and (
        any(ip in network for network in _TRANSLATED) or ip.is_site_local or _is_isatap(ip)
    ):
        return False
    return ip.is_global and not ip.is_multicast and (inner is None or inner.is_global)


def _is_isatap(ip: ipaddress.IPv6Address) -> bool:
    """Whether the lower half of an address holds one of IPv4 (RFC 5214, section 6.1)."""
    return int(ip) >> 32 & 0xFDFF_FFFF == 0x0000_5EFE
