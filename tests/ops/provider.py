"""A provider for rehearsals: provider.py PORT. The model says what it does:

    plain          a short answer
    limited        429 with Retry-After: 7
    COUNT*SECONDS  a stream of so many events with so much time before each but the first; each tells when it was sent
"""
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Provider(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        model = request["model"]
        if model == "limited":
            error = {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}
            self.whole(429, error, {"Retry-After": "7"})
        elif "*" in model:
            count, seconds = model.split("*")
            self.stream(int(count), float(seconds))
        else:
            message = {"role": "assistant", "content": "fine"}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            self.whole(200, {"id": "1", "object": "chat.completion", "model": model, "choices": [choice]}, {})

    def whole(self, status, body, headers):
        body = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def stream(self, count, seconds):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        for number in range(count):
            if number:
                time.sleep(seconds)
            self.event({"content": f"{time.time():.6f} "}, None)
        self.event({}, "stop")
        self.wfile.write(b"data: [DONE]\n\n")

    def event(self, delta, reason):
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        chunk = {"id": "1", "object": "chat.completion.chunk", "model": "m", "choices": [choice]}
        self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
        self.wfile.flush()

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 512
    daemon_threads = True


if __name__ == "__main__":
    Server(("127.0.0.1", int(sys.argv[1])), Provider).serve_forever()
