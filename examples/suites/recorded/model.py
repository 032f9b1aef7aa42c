"""A model that answers from files: an OpenAI-compatible server for suites that are built without asking anybody.

::

    python examples/suites/recorded/model.py [PORT]

Each case has a folder ``answers``: ``ROLE.TASK.json`` is the answer to a task, ``ROLE/NAME.txt`` the text of a file.
"""

import json
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SUITE = Path(__file__).parent
TASK = re.compile(r"# Task (\w+)/(\w+)(?: for (\S+))?")


def answer(prompt: str) -> str:
    """The recorded answer to a prompt.

    Raises:
        LookupError: none is recorded.
    """
    asked = TASK.search(prompt)
    if asked is None:
        raise LookupError("the prompt names no task")
    role, task, path = asked[1], asked[2], asked[3] or ""
    for answers in sorted(SUITE.glob("*/answers")):
        whole, text = answers / f"{role}.{task}.json", answers / role / f"{Path(path).name}.txt"
        if whole.is_file():
            return whole.read_text(encoding="utf-8").replace("PATH", path)
        if path and text.is_file():
            return json.dumps({"text": text.read_text(encoding="utf-8")})
    raise LookupError(f"nothing is recorded for {asked[0]}")


class Handler(BaseHTTPRequestHandler):
    """Chat completions, streamed."""

    def do_POST(self) -> None:
        """Answer one question."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        contents = [message["content"] for message in body["messages"]]
        parts = [
            part for item in contents for part in ([{"text": item}] if isinstance(item, str) else item or [])
        ]
        prompt = "\n".join(part.get("text", "") for part in parts)
        try:
            text = answer(prompt)
        except LookupError as error:
            self.send_error(400, str(error))
            return
        head = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
        choice = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        sizes = {"prompt_tokens": len(prompt) // 4, "completion_tokens": len(text) // 4}
        usage = {**sizes, "total_tokens": sum(sizes.values())}
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for event in ({**head, "choices": [choice]}, {**head, "choices": [], "usage": usage}):
            self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_: object) -> None:
        """Say nothing of each request."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 8765), Handler)
    print(f"http://127.0.0.1:{server.server_port}/v1", flush=True)
    server.serve_forever()
