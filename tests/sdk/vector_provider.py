"""A provider of vectors, rankings and verdicts on loopback; the model's name tells in which form."""

import base64
import http.server
import json
import struct
import threading


def vector(text):
    """Floats of 32 bits that are no short decimals, another vector for each text."""
    raw = [len(text) + 0.1, sum(text.encode()) / 7, -1e-7, 3.0]
    return list(struct.unpack("<4f", struct.pack("<4f", *raw)))


class VectorProvider(http.server.ThreadingHTTPServer):
    """Listens on a port of the kernel's choice; `requests` holds the bodies it was sent."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(request)
        endpoint = self.path.rsplit("/", 1)[-1]
        self.answer(getattr(self, endpoint)(request))

    def embeddings(self, request):
        inputs = request["input"] if isinstance(request["input"], list) else [request["input"]]
        assert len(inputs) <= 32, "more than this server takes"
        vectors = [vector(text) for text in inputs]
        if request["model"] == "short":
            vectors = [values[:2] for values in vectors]
        if request["model"] == "base64":
            vectors = [base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode() for values in vectors]
        data = [{"object": "embedding", "index": index, "embedding": values} for index, values in enumerate(vectors)]
        usage = {"prompt_tokens": len(inputs), "total_tokens": len(inputs)}
        return {"object": "list", "data": data, "model": "upstream-model", "usage": usage}

    def rerank(self, request):
        count = len(request["documents"])
        results = [{"index": index, "relevance_score": (index + 1) / 10} for index in range(count)]
        return {"id": "rr-1", "results": results[-request.get("top_n", count) :]}

    def moderations(self, request):
        return {
            "id": "modr-1",
            "model": "upstream-model",
            "results": [{"categories": {"violence": True}, "category_scores": {"violence": 0.9}}],
        }

    def answer(self, body):
        body = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
