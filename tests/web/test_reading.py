"""Pages, searches and requests: only to hosts that are named, within their limits, and as text."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from hishamos_pipeline.errors import WebError
from hishamos_pipeline.web import pinned
from hishamos_pipeline.web.reading import WebAccess

PAGE = (
    b"<html><head><title>T</title><script>evil()</script></head>"
    b"<body><h1>Dates</h1><p>A\xe2\x80\xaeb</p></body></html>"
)
RESULTS = {"results": [{"title": "Dates", "url": "https://docs.example.org/dates", "content": "How to"}]}


class Site(ThreadingHTTPServer):
    """A site on loopback that keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        site = self
        self.asked: list[tuple[str, str, bytes]] = []

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                pass

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                site.asked.append((self.command, self.path, body))
                path = self.path.partition("?")[0]
                if path == "/slow-head":
                    for byte in b"HTTP/1.0 200 OK\r\nX-Long: " + b"x" * 200:
                        self.wfile.write(bytes([byte]))
                        time.sleep(0.05)
                    return
                if path == "/slow":
                    self.send_response(200)
                    self.send_header("Content-Type", "text/plain")
                    self.end_headers()
                    for _ in range(100):
                        self.wfile.write(b"x")
                        time.sleep(0.05)
                    return
                status, kind, answer, location = site.pages[path]
                self.send_response(status)
                self.send_header("Content-Type", kind)
                if location:
                    self.send_header("Location", location)
                self.end_headers()
                self.wfile.write(answer)

            do_POST = do_DELETE = do_GET  # noqa: N815

        super().__init__(("127.0.0.1", 0), Handler)
        self.pages: dict[str, tuple[int, str, bytes, str]] = {
            "/page": (200, "text/html; charset=utf-8", PAGE, ""),
            "/moved": (302, "text/html", b"", "/page"),
            "/away": (302, "text/html", b"", "http://169.254.169.254/latest/meta-data"),
            "/round": (302, "text/html", b"", "/round"),
            "/broken": (302, "text/html", b"", "http://["),
            "/image": (200, "image/png", b"\x89PNG", ""),
            "/long": (200, "text/plain", b"y" * 5000, ""),
            "/search": (200, "application/json", json.dumps(RESULTS).encode(), ""),
            "/odd": (200, "text/html", b"no JSON", ""),
            "/items": (201, "application/json", b"{}", ""),
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()


def access(site: Site, **given: Any) -> WebAccess:
    chosen = {
        "search_url": f"{site.url}/search", "readable": ("127.0.0.1",), "callable": ("127.0.0.1",), "seconds": 1.0,
        "most_bytes": 2000, **given,
    }  # fmt: skip
    return WebAccess(**chosen)


def test_a_page_is_text(site: Site) -> None:
    assert access(site).fetch(f"{site.url}/page") == "T\nDates\nAb"
    assert access(site).fetch(f"{site.url}/moved") == "T\nDates\nAb"


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/", "http://localhost/", "file:///etc/passwd", "ftp://127.0.0.1/", "http://",
        "http://127.0.0.1@evil.example/", "http://ada:secret@127.0.0.1/", "http://127.0.0.1.evil.example/",
        "http://[::1", "http://2130706433/",
    ],
)  # fmt: skip
def test_only_named_hosts_are_reached(site: Site, url: str) -> None:
    for reach in (access(site).fetch, lambda given: access(site).call("GET", given)):
        with pytest.raises(WebError):
            reach(url)
    assert site.asked == []


def test_nobody_is_led_elsewhere(site: Site) -> None:
    with pytest.raises(WebError, match=r"169\.254\.169\.254 may not be reached"):
        access(site).fetch(f"{site.url}/away")
    with pytest.raises(WebError, match="leads on"):
        access(site).fetch(f"{site.url}/round")


def test_a_pattern_reaches_no_private_network(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    port = site.server_address[1]
    found = [(2, 1, 6, "", ("127.0.0.1", port))]
    monkeypatch.setattr(pinned.socket, "getaddrinfo", lambda *_a, **_n: found)
    url = f"http://wiki.example.org:{port}/page"
    with pytest.raises(WebError, match="private network"):
        access(site, readable=("*.example.org",)).fetch(url)
    assert "Dates" in access(site, readable=("wiki.example.org",)).fetch(url), "it is named as a whole"
    with pytest.raises(WebError, match="may not be reached"):
        access(site, readable=("*.example.org",)).fetch(f"http://badexample.org:{port}/page")


def test_limits_of_size_time_and_kind(site: Site) -> None:
    assert access(site).fetch(f"{site.url}/long") == "y" * 2000 + "\n(the first 2,000 bytes)"
    with pytest.raises(WebError, match=r"no text, but image/png"):
        access(site).fetch(f"{site.url}/image")
    began = time.monotonic()
    with pytest.raises(WebError, match=r"too long|could not be reached"):
        access(site, seconds=0.3).fetch(f"{site.url}/slow")
    assert time.monotonic() - began < 4


def test_a_search(site: Site) -> None:
    assert access(site).search("dates & times") == "Dates\nhttps://docs.example.org/dates\nHow to"
    assert site.asked[0][1] == "/search?q=dates+%26+times&format=json"
    with pytest.raises(WebError, match="SearXNG"):
        access(site, search_url=f"{site.url}/odd").search("x")
    with pytest.raises(WebError, match="no search engine"):
        access(site, search_url="").search("x")


def test_a_request_is_sent(site: Site) -> None:
    assert access(site).call("POST", f"{site.url}/items", '{"a": 1}') == "201\n{}"
    assert site.asked == [("POST", "/items", b'{"a": 1}')]
    with pytest.raises(WebError, match="a method is one of"):
        access(site).call("TRACE", f"{site.url}/items")
    with pytest.raises(WebError, match="may not be reached"):
        access(site, callable=()).call("GET", f"{site.url}/items")


def test_a_head_that_comes_byte_by_byte_is_ended(site: Site) -> None:
    began = time.monotonic()
    with pytest.raises(WebError, match="takes too long"):
        access(site).fetch(f"{site.url}/slow-head")
    assert time.monotonic() - began < 5


def test_nobody_is_led_to_what_is_no_address(site: Site) -> None:
    with pytest.raises(WebError, match="no URL"):
        access(site).fetch(f"{site.url}/broken")


@pytest.mark.parametrize("piece", ["<!--", "<?", '<a href="', "<![CDATA[", "<b><i>"])
def test_no_page_takes_long_to_read(site: Site, piece: str) -> None:
    """Each took between two seconds and two minutes by a parser of quadratic time; the test's own limit is that."""
    site.pages["/hostile"] = (200, "text/html", (piece * (300_000 // len(piece))).encode(), "")
    access(site, most_bytes=400_000).fetch(f"{site.url}/hostile")
