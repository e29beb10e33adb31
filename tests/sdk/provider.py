"""A provider on loopback whose answer is chosen by the model's name."""

import http.server
import json
import sys
import threading

from media_provider import Media


def completion(message, finish_reason="stop"):
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "upstream-model",
        "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish_reason}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8},
    }


def chunk(delta, finish_reason=None):
    choices = [{"index": 0, "delta": delta, "finish_reason": finish_reason}]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "upstream-model",
        "choices": choices,
    }


def call(arguments):
    return {"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": arguments}}


WORDS = [chunk({"role": "assistant", "content": ""}), chunk({"content": "Hel"}), chunk({"content": "lo"}), chunk({}, "stop")]
CALL = [
    chunk({"role": "assistant", "content": None, "tool_calls": [call("")]}),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"city":'}}]}),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": '"Oslo"}'}}]}),
    chunk({}, "tool_calls"),
]


# Where the answer is chosen by the model's name.
CONVERSATIONS = ("/v1/chat/completions", "/v1/responses", "/v1/messages")


class Provider(http.server.ThreadingHTTPServer):
    """Listens on a port of the kernel's choice; `requests` holds the bodies it was sent."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        # The gateway hangs up on an answer that it cannot use.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(Media, http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.split("?")[0] not in CONVERSATIONS:
            return self.media(self.path, body)
        request = json.loads(body)
        self.server.requests.append(request)
        getattr(self, request["model"].replace("-", "_"))(request)

    def good(self, request):
        if request.get("tools") and request["messages"][-1]["role"] != "tool":
            message, events, reason = {"content": None, "tool_calls": [call('{"city":"Oslo"}')]}, CALL, "tool_calls"
        else:
            message, events, reason = {"content": "Hello"}, WORDS, "stop"
        if request.get("stream"):
            self.stream(events)
            self.finish_stream()
        else:
            self.answer(200, completion(message, reason))

    def sloppy(self, request):
        """Says what no client can use: no role, no index, arguments that are no text, JSON in a fence."""
        calls = [
            {"id": "call_a", "type": "function", "function": {"name": "weather", "arguments": {"city": "Oslo"}}},
            {"id": "call_b", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Bern"}'}},
        ]
        if request.get("tools") and request["messages"][-1]["role"] != "tool":
            message, reason = {"content": None, "tool_calls": calls}, "tool_calls"
            events = [*(chunk({"tool_calls": [call]}) for call in calls), chunk({}, reason)]
        else:
            message, reason = {"content": '```json\n{"city":"Oslo"}\n```'}, "stop"
            pieces = ["``", '`json\n{"city"', ':"Oslo"}', "\n```"]
            events = [*(chunk({"content": piece}) for piece in pieces), chunk({}, reason)]
        if request.get("stream"):
            self.stream(events)
            self.finish_stream()
        else:
            answer = completion(message, reason)
            del answer["choices"][0]["message"]["role"]
            self.answer(200, answer)

    def brief(self, request):
        """Runs out before its first word, as a model that reasons does with three tokens."""
        if request.get("stream"):
            self.stream([chunk({"role": "assistant", "content": ""}), chunk({}, "length")])
            self.finish_stream()
        else:
            self.answer(200, completion({"content": ""}, "length"))

    def limited(self, _):
        self.answer(429, {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, {"Retry-After": "17"})

    def missing(self, _):
        self.answer(404, {"error": {"message": "no such model", "code": "model_not_found"}})

    def lengthy(self, _):
        self.answer(400, {"error": {"message": "too many tokens", "code": "context_length_exceeded"}})

    def rejecting(self, _):
        self.answer(400, {"error": {"message": "temperature is too high", "code": "bad"}})

    def down(self, _):
        self.answer(503, {"error": {"message": "overheated"}})

    def silent(self, _):
        """Keeps quiet until the gateway closes."""
        self.close_connection = True
        self.rfile.read(1)

    def breaking(self, _):
        """Begins a stream and drops the connection."""
        self.stream(WORDS[:2])
        self.close_connection = True

    def answer(self, status, body, headers=None):
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def stream(self, events):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in events:
            self.event(json.dumps(event))

    def event(self, data):
        data = f"data: {data}\n\n".encode()
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def finish_stream(self):
        self.event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")
