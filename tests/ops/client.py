"""A client for rehearsals; the key is in GATEWAY_API_KEY.

    client.py load URL PER_SECOND          asks until SIGTERM, each time on a new connection; prints what came of it
    client.py many URL COUNT               so many requests, four at a time
    client.py status URL ROUTE             status and Retry-After of one request
    client.py stream URL ROUTE             prints the number of events and how late the first and the latest were, in ms

Exits 1 when anything but an answer came.
"""
import collections
import concurrent.futures
import http.client
import json
import os
import signal
import sys
import threading
import time
from urllib.parse import urlsplit


def ask(url, route="plain", stream=False, timeout=60):
    to = urlsplit(url)
    connection = http.client.HTTPConnection(to.hostname, to.port, timeout=timeout)
    body = {"model": route, "stream": stream, "messages": [{"role": "user", "content": "Hello"}]}
    headers = {"Authorization": "Bearer " + os.environ["GATEWAY_API_KEY"], "Content-Type": "application/json"}
    connection.request("POST", to.path + "/v1/chat/completions", json.dumps(body), headers)
    return connection.getresponse()


class Tally:
    def __init__(self):
        self.lock, self.outcomes, self.slowest = threading.Lock(), collections.Counter(), 0.0

    def one(self, url):
        began = time.monotonic()
        try:
            response = ask(url)
            body = response.read()
            outcome = response.status if b"fine" in body else f"{response.status} without content"
        except Exception as error:  # noqa: BLE001  Whatever it is, it is counted.
            outcome = type(error).__name__
        with self.lock:
            self.outcomes[outcome] += 1
            self.slowest = max(self.slowest, time.monotonic() - began)

    def end(self):
        outcomes = ", ".join(f"{count} x {outcome}" for outcome, count in self.outcomes.items())
        print(f"{outcomes}; slowest {self.slowest * 1000:.0f} ms")
        sys.exit(0 if set(self.outcomes) == {200} else 1)


def load(url, per_second):
    tally, ended, threads = Tally(), threading.Event(), []
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    while not ended.wait(1 / float(per_second)):
        threads.append(threading.Thread(target=tally.one, args=(url,)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    tally.end()


def many(url, count):
    tally = Tally()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: tally.one(url), range(int(count))))
    tally.end()


def status(url, route):
    response = ask(url, route)
    print(response.status, response.headers["Retry-After"])


def stream(url, route):
    response = ask(url, route, stream=True)
    if response.status != 200:
        sys.exit(f"status {response.status}: {response.read(500)}")
    late, whole = [], False
    for line in response:
        if line.startswith(b"data: [DONE]"):
            whole = True
        elif line.startswith(b"data: "):
            content = json.loads(line[6:])["choices"][0]["delta"].get("content")
            if content:
                late.append((time.time() - float(content)) * 1000)
    if not late or not whole:
        sys.exit(f"{len(late)} events, no end")
    print(f"{len(late)} {late[0]:.1f} {max(late):.1f}")


if __name__ == "__main__":
    {"load": load, "many": many, "status": status, "stream": stream}[sys.argv[1]](*sys.argv[2:])
