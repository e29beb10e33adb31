"""Three gateways, one limit: see replicas.sh. Each request has to be answered, as soon as by a gateway that shares nothing, and
no window holds more calls than the limit, whatever happens to the server in between.

Two bounds are what the rules of portions make of them:

* A call that was sent just before a turn of windows may arrive just after it. It is charged to both windows where it is sent in
  the last 20 ms; the check lets a call that arrives in the first 50 ms of a window count in the one before.
* The server may be out of reach for one gateway alone (the proxy before c). Those that reach it do not know, and draw the
  limit; c has its share. So a window in which c alone is cut off holds up to a third more. Where all lose the server, a window may hold
  a few more: in the first, what was granted between the last looks of two gateways at the counter may be shared out once
  more; in the last, one may draw while another, until its next exchange, still spends its share. To close that gap all would
  have to stop for two exchanges.

On a busy machine nothing arrives when it should. A thread that only sleeps notes the moments in which this machine was late; what
happened within half a second of them is no fault of the gateways. Where there were none, the bounds are those above, for every
single request."""

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
WAIT = 0.06  # no request takes so much longer than one of a gateway that shares nothing (seconds)
AHEAD = 300  # c's clock is so much ahead of the others' (seconds)

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


class Machine(threading.Thread):
    """The lateness of this machine: the moments at which a sleep took 20 ms too long, or more."""

    def __init__(self):
        super().__init__(daemon=True)
        self.late = []  # (when, by how much)

    def run(self):
        while True:
            before = time.time()
            time.sleep(0.01)
            by = time.time() - before - 0.01
            if by > 0.02:
                self.late.append((before, by))

    def was_late(self, began, took):
        return any(began - 0.5 < at < began + took + 0.5 for at, _ in self.late)

    def lateness(self):
        return max((by for _, by in self.late), default=0)


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
    """A way to the server that can be bad: it delays each piece, cuts replies, loses them, or replies in the server's place."""

    def __init__(self, target):
        self.bad, self.target = None, target
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
                bad = self.bad if is_reply else None
                if bad == "drop":
                    continue
                if bad == "delay":
                    time.sleep(0.4)
                elif bad == "cut":
                    other.sendall(piece[:max(1, len(piece) // 2)])
                    break
                elif bad == "garbage":
                    piece = b"\x00\xffHTTP/1.1 200 OK\r\n\r\n" * 4
                elif bad == "huge":
                    other.sendall(b"$1000000000\r\n")
                    for _ in range(4000):
                        other.sendall(bytes(65536))
                elif bad == "slow":
                    for byte in piece:
                        other.sendall(bytes([byte]))
                        time.sleep(0.02)
                    continue
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


def with_other_clock():
    """What starts a program whose monotonic clock is ahead; nothing where this system does not let us. (A wrong wall clock
    cannot be given to a static program; what replicas compare is the server's time alone, told by the monotonic one.)"""
    words = ["unshare", "--time", "--monotonic", str(AHEAD), "--fork", "--kill-child"]
    try:
        works = subprocess.run([*words, "true"], capture_output=True).returncode == 0
    except OSError:
        works = False
    if not works:
        print("skipped: no other clock for c: unshare --time is not allowed here", flush=True)
    return words if works else []


class Gateway:
    def __init__(self, name, providers, url, before=()):
        self.port, self.name, self.before = free_port(), name, before
        self.file = os.path.join(work, f"{name}.yaml")
        steps = [{"provider": "limited", "model": "m"}, {"provider": "spare", "model": "m"}]
        config = {
            "listen": f"127.0.0.1:{self.port}", "api_key": KEY,
            "providers": [
                {"name": "limited", "base_url": f"http://127.0.0.1:{providers}/limited{'' if url else '-alone'}",
                 "limits": {"requests": f"{LIMIT}/{WINDOW:g}s"}},
                {"name": "spare", "base_url": f"http://127.0.0.1:{providers}/spare"},
            ],
            "routes": [{"name": "r", "steps": steps}],
        }
        if url:
            config["shared"] = {"url": url, "prefix": "test", "sync": "100ms", "replicas": 3}
        with open(self.file, "w") as f:
            json.dump(config, f)
        self.start()

    def start(self):
        self.log = open(os.path.join(work, f"{self.name}.log"), "a")
        self.process = start(*self.before, BINARY, "--config", self.file, stdout=self.log, stderr=self.log)
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


def by_window(arrivals, phase, lateness, most):
    """The calls of each window, where each that arrived just after a turn counts in the window before if that has room for it,
    as far as `most` tells. `phase` is a turn less whole windows (seconds)."""
    certain, at_the_turn = collections.Counter(), collections.Counter()
    for at in arrivals:
        window, into = divmod(at - phase, WINDOW)
        (at_the_turn if into < LATE + lateness else certain)[int(window)] += 1
    counts = {}
    windows = range(min(certain), max(certain) + 1)
    late = at_the_turn[windows[0]]
    for window in windows:
        # Of those at the end as many as fit belong here, the others to the next window.
        own, next_late = certain[window] + late, at_the_turn[window + 1]
        here = min(next_late, max(0, most(window) - own))
        counts[window], late = own + here, next_late - here
    return counts


def main():
    provider = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=provider.serve_forever, daemon=True).start()
    port = free_port()
    redis = server(port)
    proxy = Proxy(port)
    direct, through = f"redis://127.0.0.1:{port}", f"redis://127.0.0.1:{proxy.port}"
    place = provider.server_address[1]
    gateways = [Gateway("a", place, direct), Gateway("b", place, direct),
                Gateway("c", place, through, with_other_clock()), Gateway("alone", place, None)]
    alone = gateways[3]
    down, machine = set(), Machine()
    machine.start()
    results, lock, ready = [], threading.Lock(), []
    stop = time.monotonic() + WINDOW * WINDOWS

    def one(gateway):
        began = time.time()
        answer = gateway.ask()
        with lock:
            if gateway.name not in down:
                results.append((gateway.name, began, *answer))

    def offer():
        number, due = 0, time.monotonic()
        while time.monotonic() < stop:
            gateway = gateways[number % 4]
            if gateway.name not in down:
                threading.Thread(target=one, args=(gateway,)).start()
            number += 1
            due += 1 / (RATE * 4 / 3)
            time.sleep(max(0, due - time.monotonic()))

    client = threading.Thread(target=offer)
    client.start()

    def look():
        ready.extend(gateway.get("/readyz") for gateway in gateways if gateway.name not in down)

    try:
        time.sleep(3)
        members = json.loads(gateways[0].text("/v1/diagnostics/routes"))["shared"]
        check(members["state"] == "shared" and members["members"] == 3, f"three gateways share: {members}")
        faults = []  # (what, since, until, whom it hits)

        def trouble(what, seconds, whom, back):
            """A fault for so long, and the time in which all find each other again."""
            since = time.time()
            time.sleep(seconds)
            look()
            faults.append([what, since, time.time() + back, whom])

        redis.send_signal(signal.SIGSTOP)
        trouble("the server hangs", 2.5, "all", 2)
        redis.send_signal(signal.SIGCONT)
        time.sleep(3)
        ask_server(port, "FLUSHALL")
        trouble("the server forgets", 1, "all", 2)
        time.sleep(2)
        for bad in ("drop", "delay", "cut", "garbage", "huge", "slow"):
            proxy.bad = bad
            trouble(f"c's way to the server is bad: {bad}", 1.6, "c", 6 if bad == "slow" else 0.5)
            proxy.bad = None
            time.sleep(0.4)
        time.sleep(4)
        end(redis)
        trouble("the server is down", 2.5, "all", 3)
        redis = server(port)
        time.sleep(4)
        down.add("b")
        time.sleep(0.3)
        end(gateways[1].process)
        time.sleep(0.7)
        gateways[1].start()
        down.discard("b")
        client.join()
        time.sleep(1)
        for gateway in gateways[:3]:
            patience = time.monotonic() + 15
            while True:
                shared = json.loads(gateway.text("/v1/diagnostics/routes"))["shared"]
                if shared["state"] == "shared" or time.monotonic() > patience:
                    break
                time.sleep(0.1)
            check(shared["state"] == "shared", f"{gateway.name} shares again at the end: {shared}")
        check("ai_gateway_shared_up 1" in gateways[0].text("/metrics"), "metrics tell that the server is up")
        kept = ask_server(port, "HGET", "test:n", [line for line in ask_server(port, "HKEYS", "test:n").split("\r\n")
                                                     if line.startswith("limited|")][0])
        phase = (int(kept.split("\r\n")[1].split()[3]) - 1) / 1000
        statuses = collections.Counter(status for _, _, status, _ in results)
        check(set(statuses) == {200}, f"all are answered: {dict(statuses)}")
        check(set(ready) == {200}, f"/readyz says yes throughout: {collections.Counter(ready)}")
        waits_in_vain(results, alone, faults, machine)

        def excuses(window):
            """The faults that reach into a window, and the calls beyond the limit that they may cost."""
            start = window * WINDOW + phase
            hits = [(what, whom) for what, since, until, whom in faults if start < until and start + WINDOW > since]
            calls = LIMIT // 3 if any(whom == "c" for _, whom in hits) else 0
            calls += LIMIT // 8 if any(whom == "all" for _, whom in hits) else 0
            return calls, ", ".join(what for what, _ in hits) or "no fault"

        def most(window):
            return LIMIT + excuses(window)[0]

        counts = by_window(Provider.calls["limited"], phase, min(machine.lateness(), WINDOW / 4), most)
        # Until the three have agreed on the windows, in the first two, each had some of its own.
        first = min(counts) + 2
        used = [counts[window] for window in sorted(counts) if window >= first]
        for window in range(first, max(counts) + 1):
            if counts[window] > LIMIT:
                print(f"       {counts[window]} of {LIMIT} in window {window - first}: {excuses(window)[1]}", flush=True)
        over = {window - first: calls for window, calls in counts.items() if window >= first and calls > most(window)}
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


def waits_in_vain(results, alone, faults, machine):
    """No request takes 60 ms longer than one of the gateway that shares nothing usually takes."""
    own = sorted((took, began) for name, began, _, took in results if name == alone.name)
    usual = own[len(own) // 2][0]
    # What the gateway alone met, too, was the machine.
    busy = [began for took, began in own if took > usual + WAIT / 2]
    print(f"       alone: {usual * 1000:.0f} ms, {own[-1][0] * 1000:.0f} ms at most; this machine was late {len(machine.late)} "
          f"times, by {machine.lateness() * 1000:.0f} ms at most", flush=True)
    spans = [("all the time", 0, float("inf"))] + [(what, since, until) for what, since, until, _ in faults]
    for what, since, until in spans:
        taken = [(began, took) for name, began, _, took in results if name != alone.name and since <= began < until]
        fair = [took - usual for began, took in taken
                if not machine.was_late(began, took) and not any(abs(began - at) < 0.5 for at in busy)]
        slow = sum(1 for took in fair if took > WAIT)
        longest = max(fair, default=0) * 1000
        allowed = len(fair) // 50 if machine.late else 0
        check(slow <= allowed, f"none waits, {what}: {longest:.0f} ms more than alone at most, {slow} of {len(fair)} too long")


main()
