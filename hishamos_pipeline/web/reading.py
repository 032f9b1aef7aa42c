"""What agents reach of the web: a search engine and hosts that the operator has named, and nothing else.

A host that is named as a whole may be one of a private network; one that is met by ``*.example.org`` may not.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import quote_plus, urljoin, urlsplit

from hishamos_pipeline.core.text.untrusted import without_tricks
from hishamos_pipeline.errors import WebError
from hishamos_pipeline.web.pinned import WebAnswer, request

_MOST_REDIRECTS = 3
_MOST_FOUND = 10
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_TEXT = ("text/", "application/json", "application/xml", "application/xhtml")
_NO_TEXT = ("script", "style", "noscript", "template", "svg")
_AGENT = {"User-Agent": "HishamOS"}


@dataclass(frozen=True, slots=True)
class WebAccess:
    """Searches, reads pages, and sends requests.

    Args:
        search_url: the search page of an engine that answers as SearXNG does (``format=json``); empty for none.
        readable: hosts whose pages may be read, such as ``docs.python.org``, ``*.readthedocs.io``.
        callable: hosts that requests of any kind may be sent to.
        seconds: how long one request may take.
        most_bytes: how much of an answer is read.
    """

    search_url: str
    readable: Collection[str]
    callable: Collection[str]
    seconds: float
    most_bytes: int

    def search(self, query: str) -> str:
        """What an engine finds: title, address and a few words of each.

        Raises:
            WebError: there is no engine, or it does not answer.
        """
        if not self.search_url:
            raise WebError("no search engine is set: HISHAMOS_WEB_SEARCH_URL")
        joint = "&" if "?" in self.search_url else "?"
        answer = self._sent("GET", f"{self.search_url}{joint}q={quote_plus(query)}&format=json", private=True)
        try:
            found = json.loads(answer.body)["results"]
            lines = [
                f"{item['title']}\n{item['url']}\n{item.get('content') or ''}" for item in found[:_MOST_FOUND]
            ]
        except (ValueError, KeyError, TypeError):
            raise WebError(f"the search engine does not answer as SearXNG does ({answer.status})") from None
        return without_tricks("\n\n".join(lines)) or "nothing"

    def fetch(self, url: str) -> str:
        """The text of a page.

        Raises:
            WebError: its host is none of those that may be read, it is no text, or it cannot be had.
        """
        for _ in range(_MOST_REDIRECTS + 1):
            answer = self._sent(
                "GET", url, private=self._is_allowed(url, self.readable, "HISHAMOS_WEB_HOSTS")
            )
            if not (answer.location and 300 <= answer.status < 400):
                return self._text(answer)
            try:
                url = urljoin(url, answer.location)
            except ValueError:
                raise WebError("it leads on to what is no URL") from None
        raise WebError(f"it leads on more than {_MOST_REDIRECTS} times")

    def call(self, method: str, url: str, body: str = "") -> str:
        """Send a request, and give its status and text; a body is JSON.

        Raises:
            WebError: its host is none of those that may be called, or it cannot be reached.
        """
        if method not in _METHODS:
            raise WebError(f"a method is one of {', '.join(_METHODS)}")
        private = self._is_allowed(url, self.callable, "HISHAMOS_HTTP_HOSTS")
        answer = self._sent(method, url, body=body, private=private)
        return f"{answer.status}\n{self._text(answer) if answer.body else ''}"

    def _is_allowed(self, url: str, hosts: Collection[str], setting: str) -> bool:
        """Make sure that a host is named; whether it is as a whole, so that it may be a private one."""
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").rstrip("."), parts.port
        except ValueError:
            raise WebError("this is no URL") from None
        if parts.scheme not in ("http", "https") or not host or parts.username is not None:
            raise WebError("a URL begins with https:// or http://, and holds no login")
        if host in hosts or f"{host}:{port}" in hosts:
            return True
        if any(name.startswith("*.") and host.endswith(name[1:]) for name in hosts):
            return False
        raise WebError(f"{host} may not be reached: the operator names hosts in {setting}")

    def _sent(self, method: str, url: str, *, private: bool, body: str = "") -> WebAnswer:
        headers = {**_AGENT, **({"Content-Type": "application/json"} if body else {})}
        try:
            return request(
                method, url, body=body.encode() or None, headers=headers, private=private, seconds=self.seconds,
                most_bytes=self.most_bytes,
            )  # fmt: skip
        except OSError as error:
            raise WebError(f"{error}") from None

    def _text(self, answer: WebAnswer) -> str:
        kind = answer.kind.partition(";")[0].strip().lower()
        if not kind.startswith(_TEXT) and not kind.endswith("+json"):
            raise WebError(f"this is no text, but {kind[:80] or 'of no kind'}")
        text = answer.body.decode("utf-8", "replace")
        text = _page_text(text) if "html" in kind else text
        return without_tricks(text) + ("" if answer.is_whole else f"\n(the first {self.most_bytes:,} bytes)")


def _page_text(html: str) -> str:
    """What a person reads of a page."""
    from bs4 import BeautifulSoup

    # Python's own parser takes quadratic time for some pages.
    page = BeautifulSoup(html, "lxml")
    for element in page(_NO_TEXT):
        element.decompose()
    return "\n".join(line for part in page.get_text("\n").splitlines() if (line := part.strip()))
