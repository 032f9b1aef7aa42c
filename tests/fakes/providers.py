"""A provider on loopback that speaks real wire formats, streams, and fails in the ways that providers fail.

OpenAI's chat completions (Ollama's and every compatible server's too) and responses, Anthropic's messages, Google's
generateContent, and what Ollama's own API tells of its models. Only ``answer`` decides what is said; it is given each
request and returns a ``Reply``.
"""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Reply:
    """What the provider does with one request.

    ``fault`` is empty, ``reset`` (the connection is cut in mid-stream), ``short`` (the stream ends early, politely) or
    ``half`` (the last event is broken JSON) or ``odd`` (JSON, but no event);
    ``pause`` is the time between pieces, in seconds.
    """

    text: str = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    error: str = "it went wrong"
    fault: str = ""
    finish: str = "stop"
    usage: tuple[int, int] = (100, 20)
    delay: float = 0.0
    pause: float = 0.0
    content_type: str = ""
    tool: tuple[str, Mapping[str, Any]] | None = None


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def text(self) -> str:
        """Everything that was said to the model."""
        return json.dumps(self.body, ensure_ascii=False)

    @property
    def last(self) -> str:
        """The last message's text."""
        messages = self.body.get("messages") or self.body.get("input") or self.body.get("contents") or []
        content = messages[-1].get("content", messages[-1].get("parts", "")) if messages else ""
        if isinstance(content, str):
            return content
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # as many as ask at once; the usual five refuse connections on a busy machine


class FakeProvider:
    """A server on a free port; keeps every request it was sent."""

    def __init__(self, answer: Callable[[Asked], Reply]) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        self.counted = 0  # how often it was asked for the tokens of a question
        # Ollama's models, with the most tokens of each, and those of them that are loaded.
        self.has: dict[str, int] = {"model-a": 131_072}
        self.loaded: dict[str, int] = {}
        self.running = 0
        self.most_running = 0
        self._lock = threading.Lock()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def do_GET(self) -> None:
                provider._models(self)

            def do_POST(self) -> None:
                provider._post(self)

        self._server = _Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """The server's address without a path."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def urls(self) -> dict[str, str]:
        """Base URLs for the setting ``llm_urls``."""
        chat = f"{self.url}/v1"
        return {
            "anthropic": self.url,
            "openai": chat,
            "openai-chat": chat,
            "google": self.url,
            "ollama": chat,
            "compatible": chat,
        }

    def close(self) -> None:
        """Stop the server."""
        self._server.shutdown()
        self._server.server_close()

    def _models(self, handler: BaseHTTPRequestHandler) -> None:
        asked = Asked(handler.path, dict(handler.headers), {})
        reply = self.answer(asked) if "wrong" in json.dumps(dict(handler.headers)) else Reply()
        if reply.status != 200:
            _send_json(handler, reply.status, _error(reply))
            return
        if handler.path.startswith("/v1beta/models"):
            listed = [{"name": f"models/{name}", "version": "1"} for name in ("model-a", "gemini-3-pro")]
            _send_json(handler, 200, {"models": listed})
            return
        if handler.path.startswith("/api/"):
            self._tell_of_ollama(handler)
            return
        data = [{"id": name, "object": "model", "type": "model", "created": 1, "owned_by": "x", "display_name": name,
                 "created_at": "2026-01-01T00:00:00Z"} for name in ("model-a", "claude-sonnet-5-5")]  # fmt: skip
        _send_json(
            handler,
            200,
            {"object": "list", "data": data, "has_more": False, "first_id": None, "last_id": None},
        )

    def _tell_of_ollama(self, handler: BaseHTTPRequestHandler) -> None:
        models = [{"name": name, "model": name, "size": 1_000_000} for name in self.has]
        loaded = [{"name": name, "model": name, "context_length": size} for name, size in self.loaded.items()]
        told = {
            "/api/version": {"version": "0.99.0"},
            "/api/tags": {"models": models},
            "/api/ps": {"models": loaded},
        }
        found = told.get(handler.path)
        _send_json(handler, 200 if found else 404, found or {"error": "no such page"})

    def _ollama_post(self, handler: BaseHTTPRequestHandler, model: str) -> None:
        if handler.path == "/api/show":
            if model not in self.has:
                _send_json(handler, 404, {"error": f"model '{model}' not found"})
                return
            info = {"general.architecture": "llama", "llama.context_length": self.has[model]}
            _send_json(handler, 200, {"capabilities": ["completion", "tools"], "model_info": info})
            return
        steps: list[dict[str, Any]] = [{"status": "pulling manifest"}]
        if model == "missing":
            steps.append({"error": "pull model manifest: file does not exist"})
        else:
            steps += [{"status": "pulling 6a", "total": 100, "completed": done} for done in (50, 100)]
            steps += [] if model == "broken" else [{"status": "success"}]
            self.has.setdefault(model, 32_768)
        raw = "".join(json.dumps(step) + "\n" for step in steps).encode()
        handler.send_response(200)
        handler.send_header("Content-Type", "application/x-ndjson")
        handler.send_header("Content-Length", str(len(raw)))
        handler.end_headers()
        handler.wfile.write(raw)

    def _post(self, handler: BaseHTTPRequestHandler) -> None:
        raw = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        asked = Asked(handler.path, dict(handler.headers), json.loads(raw))
        if handler.path.startswith("/api/"):
            self._ollama_post(handler, asked.body["model"])
            return
        if handler.path.endswith(":countTokens"):
            self.counted += 1
            _send_json(handler, 200, {"totalTokens": 10})
            return
        if handler.path.endswith(("count_tokens", "input_tokens")):
            self.counted += 1
            _send_json(handler, 200, {"input_tokens": 10, "object": "response.input_tokens"})
            return
        with self._lock:
            self.asked.append(asked)
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        try:
            with suppress(BrokenPipeError, ConnectionResetError):
                self._reply(handler, asked, self.answer(asked))
        finally:
            with self._lock:
                self.running -= 1

    def _reply(self, handler: BaseHTTPRequestHandler, asked: Asked, reply: Reply) -> None:
        time.sleep(reply.delay)
        if reply.status != 200:
            said = _google_error(reply) if "/v1beta/" in asked.path else _error(reply)
            _send_json(handler, reply.status, said, reply.headers)
            return
        if reply.content_type:
            handler.send_response(200)
            handler.send_header("Content-Type", reply.content_type)
            handler.send_header("Content-Length", "21")
            handler.end_headers()
            handler.wfile.write(b"<html>a proxy</html>\n")
            return
        events = {"messages": _messages, "responses": _responses}.get(asked.path.rsplit("/", 1)[-1], _chat)
        if "streamGenerateContent" in asked.path:
            events = _generate_content
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Connection", "close")
        handler.end_headers()
        pieces = list(events(asked.body, reply))
        for number, piece in enumerate(pieces):
            late = number >= max(3, len(pieces) // 2)
            if late and reply.fault == "reset":
                linger = struct.pack("ii", 1, 0)
                handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                handler.connection.close()
                return
            if late and reply.fault == "short":
                break
            if late and reply.fault == "odd":
                handler.wfile.write(b"data: [1, 2]\n\n")
                break
            if late and reply.fault == "half":
                handler.wfile.write(b'data: {"id": "x", "choi\n\n')
                break
            handler.wfile.write(piece.encode())
            handler.wfile.flush()
            time.sleep(reply.pause)
        handler.close_connection = True


@contextmanager
def provider(answer: Callable[[Asked], Reply]) -> Iterator[FakeProvider]:
    """A running provider, closed at the end."""
    made = FakeProvider(answer)
    try:
        yield made
    finally:
        made.close()


def script(*replies: Reply) -> Callable[[Asked], Reply]:
    """Answers with each reply in turn; the last one again and again."""
    left = list(replies)

    def answer(_: Asked) -> Reply:
        return left.pop(0) if len(left) > 1 else left[0]

    return answer


def _send_json(
    handler: BaseHTTPRequestHandler, status: int, body: object, headers: Mapping[str, str] | None = None
) -> None:
    raw = json.dumps(body).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(raw)))
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(raw)


def _error(reply: Reply) -> dict[str, Any]:
    kind = {
        401: "authentication_error",
        404: "not_found_error",
        429: "rate_limit_error",
        529: "overloaded_error",
    }
    said = {"type": kind.get(reply.status, "api_error"), "message": reply.error, "code": None, "param": None}
    return {"type": "error", "error": said}


def _google_error(reply: Reply) -> dict[str, Any]:
    kind = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
            429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}  # fmt: skip
    said = {"code": reply.status, "message": reply.error, "status": kind.get(reply.status, "INTERNAL")}
    return {"error": said}


def _pieces(text: str) -> list[str]:
    size = max(1, len(text) // 8)
    return [text[start : start + size] for start in range(0, len(text), size)] or [""]


def _chat(body: Mapping[str, Any], reply: Reply) -> Iterator[str]:
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}

    def chunk(delta: dict[str, Any], finish: str | None = None) -> str:
        return _data({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    yield chunk({"role": "assistant", "content": ""})
    if reply.tool:
        call = {"index": 0, "id": f"t{time.monotonic_ns()}", "type": "function",
                "function": {"name": reply.tool[0], "arguments": json.dumps(reply.tool[1])}}  # fmt: skip
        yield chunk({"tool_calls": [call]})
        yield chunk({}, "tool_calls")
    else:
        for piece in _pieces(reply.text):
            yield chunk({"content": piece})
        yield chunk({}, reply.finish)
    usage = {
        "prompt_tokens": reply.usage[0],
        "completion_tokens": reply.usage[1],
        "total_tokens": sum(reply.usage),
    }
    if any(reply.usage):
        yield _data({**head, "choices": [], "usage": usage})
    yield "data: [DONE]\n\n"


def _generate_content(body: Mapping[str, Any], reply: Reply) -> Iterator[str]:
    """See https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent."""
    usage = {
        "promptTokenCount": reply.usage[0],
        "candidatesTokenCount": reply.usage[1],
        "totalTokenCount": sum(reply.usage),
    }
    head = {
        "modelVersion": "model",
        "responseId": "g1",
        **({"usageMetadata": usage} if any(reply.usage) else {}),
    }

    def chunk(parts: list[dict[str, Any]], finish: str | None = None) -> str:
        candidate: dict[str, Any] = {"index": 0, "content": {"role": "model", "parts": parts}}
        if finish:
            candidate["finishReason"] = finish
        return _data({**head, "candidates": [candidate]}).replace("\n\n", "\r\n\r\n")

    stop = {"stop": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}[reply.finish]
    if reply.tool:
        yield chunk([{"functionCall": {"name": reply.tool[0], "args": dict(reply.tool[1])}}], stop)
        return
    for piece in _pieces(reply.text):
        yield chunk([{"text": piece}])
    yield chunk([{"text": ""}], stop)


def _messages(body: Mapping[str, Any], reply: Reply) -> Iterator[str]:
    usage = {"input_tokens": reply.usage[0], "output_tokens": 1}
    message = {"id": "m1", "type": "message", "role": "assistant", "model": body["model"], "content": [],
               "stop_reason": None, "stop_sequence": None, "usage": usage}  # fmt: skip
    yield _event("message_start", {"message": message})
    yield _event("content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}})
    for piece in _pieces(reply.text):
        yield _event("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": piece}})
    yield _event("content_block_stop", {"index": 0})
    stop = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal"}[reply.finish]
    end = {"delta": {"stop_reason": stop, "stop_sequence": None}, "usage": {"output_tokens": reply.usage[1]}}
    yield _event("message_delta", end)
    yield _event("message_stop", {})


def _responses(body: Mapping[str, Any], reply: Reply) -> Iterator[str]:
    part = {"type": "output_text", "text": reply.text, "annotations": []}
    item = {"id": "i1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    whole = {"id": "r1", "object": "response", "created_at": 1, "model": body["model"], "output": [item],
             "status": "completed" if reply.finish == "stop" else "incomplete", "parallel_tool_calls": True,
             "incomplete_details": None if reply.finish == "stop" else {"reason": "max_output_tokens"},
             "tool_choice": "auto", "tools": [], "error": None, "instructions": None, "metadata": {},
             "temperature": 1.0, "top_p": 1.0,
             "usage": {"input_tokens": reply.usage[0], "output_tokens": reply.usage[1],
                       "total_tokens": sum(reply.usage), "input_tokens_details": {"cached_tokens": 0},
                       "output_tokens_details": {"reasoning_tokens": 0}}}  # fmt: skip
    number = iter(range(1000))

    def event(kind: str, **fields: Any) -> str:
        return _event(kind, {"sequence_number": next(number), **fields})

    yield event("response.created", response={**whole, "output": [], "status": "in_progress", "usage": None})
    empty = {**item, "content": [], "status": "in_progress"}
    yield event("response.output_item.added", output_index=0, item=empty)
    place = {"item_id": "i1", "output_index": 0, "content_index": 0}
    yield event("response.content_part.added", part={**part, "text": ""}, **place)
    for piece in _pieces(reply.text):
        yield event("response.output_text.delta", delta=piece, logprobs=[], **place)
    yield event("response.output_text.done", text=reply.text, logprobs=[], **place)
    yield event("response.content_part.done", part=part, **place)
    yield event("response.output_item.done", output_index=0, item=item)
    yield event("response.completed" if reply.finish == "stop" else "response.incomplete", response=whole)


def _data(value: object) -> str:
    return f"data: {json.dumps(value)}\n\n"


def _event(kind: str, value: Mapping[str, Any]) -> str:
    return f"event: {kind}\n{_data({'type': kind, **value})}"
