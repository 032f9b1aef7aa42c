"""A package index on loopback (PEP 503) with wheels that are made here; it remembers what it was asked for."""

import hashlib
import re
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import distribution
from io import BytesIO

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# What an installer writes beside a wheel's own files.
_OF_INSTALLING = frozenset({"INSTALLER", "REQUESTED", "direct_url.json"})


@dataclass
class FakeIndex:
    """Packages by name, and every path that was asked for."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    delay: float = 0.0
    _files: dict[str, dict[str, tuple[bytes, bool]]] = field(default_factory=dict)

    def add(
        self,
        name: str,
        version: str = "1.0",
        *,
        files: Mapping[str, str] | None = None,
        requires: Sequence[str] = (),
        licence: str = "MIT",
        yanked: bool = False,
        padding: int = 0,
    ) -> None:
        """Offer a wheel; without ``files``, it holds one module of the package's name."""
        module = name.replace("-", "_")
        info = f"{module}-{version}.dist-info"
        metadata = [f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\nLicense-Expression: {licence}"]
        metadata += [f"Requires-Dist: {item}" for item in requires]
        content = {
            **(files or {f"{module}.py": f"VERSION = {version!r}\n"}),
            f"{info}/METADATA": "\n".join(metadata) + "\n",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        content[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in (*content, f"{info}/RECORD"))
        written = BytesIO()
        with zipfile.ZipFile(written, "w") as archive:
            for path, text in content.items():
                archive.writestr(path, text)
            if padding:
                archive.writestr(f"{module}_data.bin", bytes(padding))
        self._offer(name, f"{module}-{version}-py3-none-any.whl", written.getvalue(), yanked=yanked)

    def add_installed(self, *names: str) -> None:
        """Offer distributions of this environment, and what they need, as the wheels that they came from."""
        waiting = [*names]
        while waiting:
            found = distribution(waiting.pop())
            name = canonicalize_name(found.metadata["Name"])
            if name in self._files:
                continue
            (tag,) = re.findall(r"^Tag: (\S+)$", found.read_text("WHEEL") or "", re.MULTILINE)[:1]
            written = BytesIO()
            with zipfile.ZipFile(written, "w") as archive:
                for file in found.files or ():
                    if ".." not in file.parts and file.suffix != ".pyc" and file.name not in _OF_INSTALLING:
                        archive.write(str(file.locate()), str(file))
            stem = f"{found.metadata['Name'].replace('-', '_')}-{found.version}"
            self._offer(name, f"{stem}-{tag}.whl", written.getvalue(), yanked=False)
            for text in found.requires or ():
                needed = Requirement(text)
                if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                    waiting.append(needed.name)

    def add_source(self, name: str, content: bytes) -> None:
        """Offer a source distribution alone: installing it would run its setup code."""
        self._offer(name, f"{name}-1.0.tar.gz", content, yanked=False)

    def _offer(self, name: str, filename: str, content: bytes, *, yanked: bool) -> None:
        self._files.setdefault(name, {})[filename] = (content, yanked)

    def page(self, name: str) -> str | None:
        """The page of a package."""
        offered = self._files.get(name)
        if offered is None:
            return None
        lines = []
        for file, (content, yanked) in offered.items():
            mark = ' data-yanked="a mistake"' if yanked else ""
            lines.append(
                f'<a href="/files/{name}/{file}#sha256={hashlib.sha256(content).hexdigest()}"{mark}>{file}</a>'
            )
        return "\n".join(lines)

    def file(self, name: str, filename: str) -> bytes | None:
        """The content of a file."""
        found = self._files.get(name, {}).get(filename)
        return found[0] if found else None


@contextmanager
def package_index() -> Iterator[FakeIndex]:
    """An empty index, listening."""
    index = FakeIndex()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            index.asked.append(self.path)
            time.sleep(index.delay)
            parts = self.path.strip("/").split("/")
            page = index.page(parts[1]) if parts[0] == "simple" and len(parts) == 2 else None
            body = (
                page.encode()
                if page is not None
                else index.file(parts[1], parts[2])
                if len(parts) == 3
                else None
            )
            self.send_response(200 if body is not None else 404)
            self.send_header("Content-Type", "text/html" if page is not None else "application/octet-stream")
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    index.url = f"http://127.0.0.1:{server.server_address[1]}/simple"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield index
    finally:
        server.shutdown()
        server.server_close()
