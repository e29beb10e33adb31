"""A provider on loopback that speaks chat and embeddings, for what clients of Ollama ask."""

import json
import threading

from provider import CALL, WORDS, Handler as ChatHandler, Provider as ChatProvider, call, chunk


class Provider(ChatProvider):
    def __init__(self):
        super().__init__()
        self.RequestHandlerClass = Handler
        self.abandoned = threading.Event()


class Handler(ChatHandler):
    def do_POST(self):
        if self.path != "/v1/embeddings":
            return super().do_POST()
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(request)
        data = [{"object": "embedding", "index": index, "embedding": [float(index), 0.5]}
                for index, _ in enumerate(request["input"])]
        self.answer(200, {"object": "list", "data": data[::-1], "model": "upstream-model",
                          "usage": {"prompt_tokens": 4, "total_tokens": 4}})

    def two_calls(self, request):
        """Calls two tools, until it has their results."""
        if request["messages"][-1]["role"] == "tool":
            return self.good({**request, "tools": []})
        second = {**call('{"city":"Rome"}'), "index": 1, "id": "call_2"}
        self.stream([*CALL[:-1], chunk({"tool_calls": [second]}), CALL[-1]])
        self.finish_stream()

    def thinking(self, request):
        self.stream([chunk({"role": "assistant", "reasoning_content": "hm"}), *WORDS[1:]])
        self.finish_stream()

    def endless(self, _):
        """Says a word, and waits until the gateway has gone."""
        self.stream(WORDS[:2])
        self.close_connection = True
        self.connection.settimeout(10)
        if not self.rfile.read(1):
            self.server.abandoned.set()
