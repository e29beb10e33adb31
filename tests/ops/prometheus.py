"""A Prometheus that scrapes the demo: prometheus.py PROMETHEUS GATEWAY. Asks it all that the dashboard asks."""

import json
import re
import sys
import time
import urllib.parse
import urllib.request

prometheus, gateway = sys.argv[1:]
KEY = "demo-gateway-key"
# What the demo has none of: nothing is heard, healed, repaired, lost or exported there, no name is looked up, no quota told.
MAY_BE_EMPTY = {"Audio heard", "Quota left", "Healed requests and repaired answers", "Lost log lines and telemetry"}


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def api(path, **query):
    answer = get(f"{prometheus}/api/v1/{path}?{urllib.parse.urlencode(query)}")
    assert answer["status"] == "success", answer
    return answer["data"]


def until(what, holds):
    deadline = time.monotonic() + 60
    while True:
        try:
            found = holds()
        except OSError:
            found = None
        if found:
            return found
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.2)


def ask(stream):
    body = {"model": "demo", "stream": stream, "messages": [{"role": "user", "content": "hi"}]}
    request = urllib.request.Request(
        f"{gateway}/v1/chat/completions", json.dumps(body).encode(), {"Authorization": f"Bearer {KEY}"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        answer.read()


def first(expression):
    result = api("query", query=expression)["result"]
    return float(result[0]["value"][1]) if result else None


def is_up():
    ask(False), ask(True)
    targets = api("targets")["activeTargets"]
    broken = [target["lastError"] for target in targets if target["lastError"]]
    # A rate needs two looks at a counter.
    return not broken and (first("sum(rate(ai_gateway_requests_total[1m]))") or 0) > 0


until("the scrape", is_up)
groups = until("the rules", lambda: (found := api("rules")["groups"]) and all(
    rule["health"] == "ok" for group in found for rule in group["rules"]) and found)
rules = [rule for group in groups for rule in group["rules"]]
assert len(rules) >= 10, rules
firing = [rule["name"] for rule in rules if rule["state"] == "firing"]
assert not firing, firing

with open("ops/grafana/ai-gateway.json", encoding="utf-8") as file:
    dashboard = json.load(file)
asked = 0
for panel in dashboard["panels"]:
    answers = 0
    for target in panel.get("targets", []):
        expression = target["expr"].replace("$__rate_interval", "1m").replace("$__range", "5m")
        expression = expression.replace("$job", ".*").replace("$instance", ".*").replace("$route", ".+")
        assert not re.search(r"\$\w", expression), expression
        answers += len(api("query", query=expression)["result"])
        asked += 1
    empty = panel["type"] != "row" and answers == 0 and panel["title"] not in MAY_BE_EMPTY
    assert not empty, f"nothing in {panel['title']}"
print(f"{len(rules)} rules, {asked} questions")
