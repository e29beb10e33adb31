"""Three gateways, one limit: see replicas.sh. Each request has to be answered, in time, and no window holds more calls than
the limit, whatever happens to the server in between."""

import collections
import http.client
import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

BINARY = sys.argv[1]
LIMIT, WINDOW, WINDOWS = 24, 2.0, 20
RATE = 30  # requests a second, more than the limit allows
KEY = "replicas-gateway-key-1"
LATE = 0.05  # a call may arrive so much after it was sent (seconds)
SLOWEST = 0.5  # no wait is longer than 60 ms; this is for a busy machine

work = tempfile.mkdtemp()
running, failures, passed = [], [], []


def check(holds, what):
    (passed if holds else failures).append(what)
    print(f"{'ok     ' if holds else 'FAILED '} {what}", flush=True)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start(*command, **more):
    process = subprocess.Popen(command, **more)
    running.append(process)
    return process


def end(process):
    if process.poll() is None:
        process.kill()
        process.wait()


class Provider(http.server.BaseHTTPRequestHandler):
    """Answers everything, and notes when it was asked."""
    protocol_version = "HTTP/1.1"
    calls = collections.defaultdict(list)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        Provider.calls[self.path.split("/")[1]].append(time.time())
        message = {"role": "assistant", "content": "hello"}
        body = json.dumps({"id": "a", "object": "chat.completion", "created": 1, "model": "m",
                           "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Proxy:
    """A way to the server that can be bad: `delay` seconds for each piece, or a cut in the midst of a reply."""

    def __init__(self, target):
        self.delay, self.cut, self.target = 0.0, False, target
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            near, _ = self.listener.accept()
            try:
                far = socket.create_connection(("127.0.0.1", self.target), 1)
            except OSError:
                near.close()
                continue
            for one, other, is_reply in ((near, far, False), (far, near, True)):
                threading.Thread(target=self.pipe, args=(one, other, is_reply), daemon=True).start()

    def pipe(self, one, other, is_reply):
        try:
            while piece := one.recv(4096):
                if self.delay:
                    time.sleep(self.delay)
                if self.cut and is_reply:
                    other.sendall(piece[:max(1, len(piece) // 2)])
                    break
                other.sendall(piece)
        except OSError:
            pass
        for side in (one, other):
            try:
                side.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def server(port):
    program = shutil.which("valkey-server") or shutil.which("redis-server")
    process = start(program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                    "--dir", work, stdout=subprocess.DEVNULL)
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 0.5).close()
            return process
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the server does not start")


def ask_server(port, *words):
    with socket.create_connection(("127.0.0.1", port), 5) as s:
        s.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in (w.encode() for w in words)))
        time.sleep(0.1)
        return s.recv(65536).decode()


class Gateway:
    def __init__(self, name, providers, url):
        self.port, self.name = free_port(), name
        self.file = os.path.join(work, f"{name}.yaml")
        steps = [{"provider": "limited", "model": "m"}, {"provider": "spare", "model": "m"}]
        config = {
            "listen": f"127.0.0.1:{self.port}", "api_key": KEY,
            "providers": [
                {"name": "limited", "base_url": f"http://127.0.0.1:{providers}/limited",
                 "limits": {"requests": f"{LIMIT}/{WINDOW:g}s"}},
                {"name": "spare", "base_url": f"http://127.0.0.1:{providers}/spare"},
            ],
            "routes": [{"name": "r", "steps": steps}],
            "shared": {"url": url, "prefix": "test", "sync": "100ms", "replicas": 3},
        }
        with open(self.file, "w") as f:
            json.dump(config, f)
        self.start()

    def start(self):
        self.log = open(os.path.join(work, f"{self.name}.log"), "a")
        self.process = start(BINARY, "--config", self.file, stdout=self.log, stderr=self.log)
        for _ in range(400):
            if self.get("/readyz") == 200:
                return
            time.sleep(0.025)
        raise SystemExit(f"{self.name} does not start")

    def get(self, path):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            connection.request("GET", path, headers={"Authorization": f"Bearer {KEY}"})
            return connection.getresponse().status
        except OSError:
            return 0

    def text(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.request("GET", path, headers={"Authorization": f"Bearer {KEY}"})
        return connection.getresponse().read().decode()

    def ask(self):
        began = time.monotonic()
        body = json.dumps({"model": "r", "messages": [{"role": "user", "content": "hi"}]})
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            connection.request("POST", "/v1/chat/completions", body, {"Authorization": f"Bearer {KEY}"})
            answer = connection.getresponse()
            answer.read()
            return answer.status, time.monotonic() - began
        except OSError as error:
            return str(error), time.monotonic() - began


def main():
    provider = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=provider.serve_forever, daemon=True).start()
    port = free_port()
    redis = server(port)
    proxy = Proxy(port)
    direct, through = f"redis://127.0.0.1:{port}", f"redis://127.0.0.1:{proxy.port}"
    gateways = [Gateway(name, provider.server_address[1], url)
                for name, url in (("a", direct), ("b", direct), ("c", through))]
    down = set()
    results, lock, ready = [], threading.Lock(), []
    stop = time.monotonic() + WINDOW * WINDOWS

    def one(gateway):
        answer = gateway.ask()
        with lock:
            if gateway.name not in down:
                results.append(answer)

    def offer():
        number = 0
        while time.monotonic() < stop:
            gateway = gateways[number % 3]
            if gateway.name not in down:
                threading.Thread(target=one, args=(gateway,)).start()
            number += 1
            time.sleep(1 / RATE)

    client = threading.Thread(target=offer)
    client.start()

    def look():
        ready.extend(gateway.get("/readyz") for gateway in gateways if gateway.name not in down)

    try:
        time.sleep(4)
        members = json.loads(gateways[0].text("/v1/diagnostics/routes"))["shared"]
        check(members["state"] == "shared" and members["members"] == 3, f"three gateways share: {members}")
        bad = []

        def trouble(seconds):
            """The server is out of reach for so long, and for a while all are waited for."""
            bad.append((time.time(), time.time() + seconds + 3 + WINDOW))
            time.sleep(seconds)

        redis.send_signal(signal.SIGSTOP)
        trouble(2)
        look()
        redis.send_signal(signal.SIGCONT)
        time.sleep(4)
        ask_server(port, "FLUSHALL")
        trouble(0)
        time.sleep(4)
        proxy.delay = 0.4
        trouble(2)
        look()
        proxy.delay = 0.0
        time.sleep(2)
        proxy.cut = True
        trouble(2)
        proxy.cut = False
        time.sleep(3)
        end(redis)
        trouble(2)
        look()
        redis = server(port)
        time.sleep(5)
        down.add("b")
        time.sleep(0.3)
        end(gateways[1].process)
        time.sleep(1)
        gateways[1].start()
        down.discard("b")
        client.join()
        time.sleep(1)
        for gateway in gateways:
            shared = json.loads(gateway.text("/v1/diagnostics/routes"))["shared"]
            check(shared["state"] == "shared", f"{gateway.name} shares again at the end: {shared}")
        check("ai_gateway_shared_up 1" in gateways[0].text("/metrics"), "metrics tell that the server is up")
        kept = ask_server(port, "HGET", "test:n", [line for line in ask_server(port, "HKEYS", "test:n").split("\r\n")
                                                     if line.startswith("limited|")][0])
        phase = int(kept.split("\r\n")[1].split()[3]) - 1
        statuses = collections.Counter(status for status, _ in results)
        check(set(statuses) == {200}, f"all are answered: {dict(statuses)}")
        slowest = max(took for _, took in results)
        check(slowest < SLOWEST, f"none waits: the slowest took {slowest * 1000:.0f} ms")
        check(set(ready) == {200}, f"/readyz says yes throughout: {ready}")
        counts = collections.Counter()
        for at in Provider.calls["limited"]:
            # A call that arrived just after a turn was sent, and counted, before it.
            counts[int(((at - LATE) * 1000 - phase) // (WINDOW * 1000))] += 1
        # Until the three have agreed on the windows, in the first two, each had some of its own.
        used = [counts[window] for window in sorted(counts)][2:]

        def most(window):
            """Who cannot reach the server has its share, while those who can may have drawn all."""
            start = (window * WINDOW * 1000 + phase) / 1000
            is_bad = any(start < until and start + WINDOW > since for since, until in bad)
            return LIMIT + (LIMIT // 3 if is_bad else 1)

        over = {window: counts[window] for window in sorted(counts)[2:] if counts[window] > most(window)}
        check(not over, f"calls by window, of {LIMIT}: {used}; too many: {over}")
        full = sum(1 for count in used if count >= LIMIT - 4)
        check(full >= len(used) // 2, f"the limit is used: {full} of {len(used)} windows are full")
        # The server hangs while a gateway ends.
        redis.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        gateways[0].process.send_signal(signal.SIGTERM)
        gateways[0].process.wait(30)
        check(time.monotonic() - began < 5, f"a hung server does not hold the end: {time.monotonic() - began:.1f} s")
        redis.send_signal(signal.SIGCONT)
        log = open(os.path.join(work, "a.log")).read()
        check("the shared server is away" in log and "the shared server answers" in log, "the log tells of each change")
    finally:
        for process in running:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
            end(process)
        shutil.rmtree(work, ignore_errors=True)
    print(f"{len(passed)} passed, {len(failures)} failed")
    sys.exit(1 if failures else 0)


main()
