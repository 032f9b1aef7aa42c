"""One HTTPS port that is GitHub Enterprise (``/api/v3``), GitLab (``/api/v4``) and both hosts' git."""

import gzip
import json
import os
import socket
import ssl
import struct
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any
from urllib.parse import parse_qsl, urlsplit

import trustme

from tests.fakes.git_hosts import git_backend, github, gitlab
from tests.fakes.git_hosts.faults import Fault, Faults, cuts_in_mid_body, instead_of_answer, works
from tests.fakes.git_hosts.git_backend import GitCall, credentials, git_call
from tests.fakes.git_hosts.hooks import write_hooks
from tests.fakes.git_hosts.state import Host
from tests.fakes.git_hosts.wire import Answer, Exchange, RefusedError

_APIS = {"/api/v3": github.answer, "/api/v4": gitlab.answer}


class GitHosts:
    """Both hosts, every exchange with them in order, and the faults that are planned."""

    def __init__(self, folder: Path) -> None:
        hooks = write_hooks(folder / "hooks")
        self.url = ""
        self.ca = folder / "ca.pem"
        self.github = Host("github", folder / "github", hooks)
        self.gitlab = Host("gitlab", folder / "gitlab", hooks)
        self.exchanges: list[Exchange] = []
        self.faults = Faults()
        self.failures: list[str] = []
        self.stopped = threading.Event()
        self._lock = threading.RLock()

    def setting(self) -> str:
        """What HISHAMOS_GIT_HOSTS says so that both hosts are these."""
        named = {
            kind: {"kind": kind, "url": self.url, "token": f"{kind.upper()}_TOKEN", "ca": str(self.ca)}
            for kind in ("github", "gitlab")
        }
        return json.dumps(named)

    def writes(self) -> list[Exchange]:
        """The exchanges that changed something, or tried to."""
        return [one for one in self.exchanges if one.is_write]

    def forget(self) -> None:
        """Forget all exchanges so far."""
        self.exchanges.clear()

    def host_of(self, path: str, call: GitCall | None, user: str) -> Host:
        """The host that a request means; a git client without a user name means the one that has the repository."""
        if call is None:
            return self.gitlab if path.startswith("/api/v4") else self.github
        if not user:
            return self.gitlab if call.full_name.lower() in self.gitlab.repositories else self.github
        return self.gitlab if user == "oauth2" else self.github

    def work(
        self, host: Host, call: GitCall | None, exchange: Exchange, headers: Message, body: IO[bytes]
    ) -> Answer:
        """Do what a request asks for."""
        try:
            if call is not None:
                return git_backend.answer(host, call, body)
            api = exchange.path[:7]
            if api not in _APIS:
                return Answer(404, {"message": "Not Found"})
            with self._lock:
                return _APIS[api](host, self.url + api, exchange, headers)
        except RefusedError as refused:
            return refused.answer
        except Exception:
            self.failures.append(traceback.format_exc())
            return Answer(500, {"message": "the double itself failed"})


class Handler(BaseHTTPRequestHandler):
    """Reads a request, records it, and sends the answer or what a fault makes of it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    hosts: GitHosts

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        """Answer a request of any method."""
        split = urlsplit(self.path)
        call = git_call(self.command, split.path, split.query, self.headers)
        host = self.hosts.host_of(split.path, call, credentials(self.headers)[0])
        writes = call.action == "git-receive-pack" if call else self.command != "GET"
        exchange = Exchange(
            host.name, self.command, split.path, dict(parse_qsl(split.query)), is_write=writes
        )
        self.hosts.exchanges.append(exchange)
        fault = self.hosts.faults.take(host.name, self.command, split.path)
        exchange.fault = fault.kind if fault else ""
        try:
            with TemporaryFile() as body:
                self._receive(body, cuts_in_mid_body(fault))
                if call is None:
                    exchange.request = self._json(body)
                # On a kept connection that dies, libcurl tries again by itself, and a planned cut would not be seen.
                self.close_connection = self.close_connection or call is not None
                self._send(exchange, fault, lambda: self.hosts.work(host, call, exchange, self.headers, body))
        except OSError:
            self.close_connection = True

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - http.server looks for these names

    def _receive(self, body: IO[bytes], limit: int | None) -> None:
        for chunk in self._chunks():
            body.write(chunk)
            if limit is not None and body.tell() >= limit:
                self._cut()
                raise ConnectionAbortedError("cut in the middle of the body")

    def _chunks(self) -> Iterator[bytes]:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self._line(), 16):
                yield self._exactly(size)
                self._line()
            self._line()
            return
        left = int(self.headers.get("Content-Length", 0))
        while left:
            chunk = self._exactly(min(left, 65536))
            left -= len(chunk)
            yield chunk

    def _line(self) -> bytes:
        line = self.rfile.readline()
        if not line:
            raise ConnectionAbortedError("the client went away")
        return line.strip()

    def _exactly(self, size: int) -> bytes:
        chunk = self.rfile.read(size)
        if len(chunk) < size:
            raise ConnectionAbortedError("the client went away")
        return chunk

    def _json(self, body: IO[bytes]) -> Any:
        body.seek(0)
        raw = body.read()
        if self.headers.get("Content-Encoding") == "gzip":
            raw = gzip.decompress(raw)
        with suppress(ValueError):
            return json.loads(raw)
        return None

    def _send(self, exchange: Exchange, fault: Fault | None, work: Callable[[], Answer]) -> None:
        if fault and fault.kind == "hang":
            self.hosts.stopped.wait(fault.details["seconds"])
        done = work() if works(fault) else None
        halved = fault is not None and fault.kind == "half_body"
        answer = done if fault is None or halved else instead_of_answer(fault)
        if fault and fault.kind == "done_then" and done and isinstance(done.body, Iterator):
            # Git works as long as somebody listens.
            deque(done.body, maxlen=0)
        if answer is None:
            self._cut()
            return
        exchange.status = answer.status
        if isinstance(answer.body, dict | list):
            exchange.response = answer.body
        self._write(answer, halved=halved)

    def _write(self, answer: Answer, *, halved: bool) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        if isinstance(answer.body, Iterator):
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for chunk in answer.body:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                if halved:
                    break
            self.wfile.write(b"" if halved else b"0\r\n\r\n")
        else:
            raw = _raw(answer.body)
            if isinstance(answer.body, dict | list):
                self.send_header("Content-Type", "application/json; charset=utf-8")
            if answer.status != 204:
                self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw[: len(raw) // 2] if halved else raw)
        self.close_connection = self.close_connection or halved

    def _cut(self) -> None:
        linger_not = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_not)
        os.close(self.connection.detach())
        self.close_connection = True


def _raw(body: Any) -> bytes:
    if isinstance(body, str):
        return body.encode()
    return body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, hosts: GitHosts) -> None:
        super().__init__(("127.0.0.1", 0), type("BoundHandler", (Handler,), {"hosts": hosts}))
        self._hosts = hosts

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away in the middle, or does not trust the certificate, is no news; all else is."""
        if not isinstance(sys.exception(), OSError):
            self._hosts.failures.append(traceback.format_exc())


@contextmanager
def git_hosts(folder: Path) -> Iterator[GitHosts]:
    """Both hosts, running; ``folder`` is for the repositories and the CA's certificate."""
    hosts = GitHosts(folder)
    ca = trustme.CA()
    ca.cert_pem.write_to_path(hosts.ca)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    server = _Server(hosts)
    # The handshake belongs to the thread of the connection: a client that stalls must not stop the others.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    hosts.url = f"https://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield hosts
    finally:
        hosts.stopped.set()
        server.shutdown()
        server.server_close()
    if hosts.failures:
        raise AssertionError("the double itself failed:\n" + "\n".join(hosts.failures))
