"""Sends nonsense to every route of a generated application, and prints which answers came."""

import json
import random
import sys
import tempfile
from collections import Counter
from importlib import import_module
from pathlib import Path

from fastapi.testclient import TestClient

VALUES = [
    None, "", "a", "\ud800", "\x00", 10**30, -1, 0, 1, 1.5, 1e400, True, [], ["a", "a "], {}, "2026-01-02",
    "NaN", "1e400", "0x10", 2**63 - 1, "x" * 10_000, "ada@example.org", "https://example.org",
]  # fmt: skip
UPLOADS = [
    b"", b"\xff\xfe", b"[]", b"[1]", b"{}", b"a,b\n1,2", b"\x00" * 10, b"[" * 100_000,
    json.dumps([{"name": "\ud800"}]).encode(), json.dumps([{"name": 10**30}]).encode(),
]  # fmt: skip
NUMBERS = ["1", "2", "0", "-1", str(10**30), "x", "999"]
TRIES = 60


def main(source: str, package: str) -> None:
    """Send requests, the same ones each time, and print how often each status came and what failed."""
    sys.path.insert(0, source)
    app = import_module(f"{package}.api.app").create_app(Path(tempfile.mkdtemp()) / "x.db")
    chance = random.Random(1)
    answered: Counter[int] = Counter()
    failed = []
    with TestClient(app, raise_server_exceptions=False) as http:
        spec = http.get("/openapi.json").json()
        for path, methods in spec["paths"].items():
            for method, operation in methods.items():
                for _ in range(TRIES):
                    url = "/".join(
                        chance.choice(NUMBERS) if p.startswith("{") else p for p in path.split("/")
                    )
                    given = [value for value in VALUES if isinstance(value, str) and value.isascii()]
                    query = {
                        item["name"]: chance.choice(given)
                        for item in operation.get("parameters", [])
                        if item["in"] == "query" and chance.random() < 0.7
                    }
                    answer = http.request(method, url, params=query, **body(operation, spec, chance))
                    answered[answer.status_code] += 1
                    if answer.status_code >= 500:
                        failed.append(f"{method} {url}")
    print(json.dumps({"answered": answered, "failed": failed}))


def body(operation: dict, spec: dict, chance: random.Random) -> dict:
    """A body of the right shape with the wrong values, if the operation takes one."""
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    if "$ref" in schema:
        fields = spec["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]["properties"]
        data = {name: chance.choice(VALUES) for name in fields if chance.random() < 0.9}
        if chance.random() < 0.05:
            data["\ud800"] = 1
        text = json.dumps(data) if chance.random() < 0.95 else "[" * 100_000
        return {"content": text, "headers": {"content-type": "application/json"}}
    return {"content": chance.choice(UPLOADS)} if content else {}


if __name__ == "__main__":
    main(*sys.argv[1:])
