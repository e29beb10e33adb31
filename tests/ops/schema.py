"""The schema of the configuration (`ai-gateway schema`) against the gateway itself: schema.py BINARY

What the gateway takes, the schema has to call valid: every example, and what `init` writes. What the schema calls wrong is
what people see underlined; each of the faults below is one that the gateway refuses, too.
"""
import copy
import json
import os
import re
import subprocess
import sys
import tempfile

import jsonschema
import yaml

BINARY = os.path.realpath(sys.argv[1])
REFERENCE = re.compile(r"\$\{[^}\n]*\}")
passed = failed = 0


def check(name, problem):
    global passed, failed
    if problem:
        failed += 1
        print(f"FAILED  {name}: {problem}")
    else:
        passed += 1


def read(text):
    """YAML as the gateway reads it: references may stand where their braces would be YAML's."""
    held = []

    def hold(match):
        held.append(match.group())
        return f"HELD{len(held) - 1}DLEH"

    def put_back(value):
        if isinstance(value, dict):
            return {put_back(key): put_back(item) for key, item in value.items()}
        if isinstance(value, list):
            return [put_back(item) for item in value]
        if isinstance(value, str):
            return re.sub(r"HELD(\d+)DLEH", lambda match: held[int(match.group(1))], value)
        return value

    return put_back(yaml.safe_load(REFERENCE.sub(hold, text)))


def gateway_refuses(document):
    """The gateway's own word, None if it takes the document."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "config.yaml")
        with open(path, "w") as file:
            json.dump(document, file)
        ran = subprocess.run([BINARY, "check", "--config", path], capture_output=True, text=True, env={}, timeout=20)
        return None if ran.returncode == 0 else ran.stderr


def switched_on(example):
    """The example with all its settings switched on, as pieces that are valid by themselves."""
    settings = example.split("# ---- The gateway -", 1)[1].split("# Each setting below", 1)
    bare = ["\n".join(re.sub("^# (?!----)", "", line) for line in part.splitlines()[1:]) for part in settings]
    return {**read(bare[0]), **read(bare[1])}


schema = json.loads(subprocess.check_output([BINARY, "schema"]))
jsonschema.Draft7Validator.check_schema(schema)
validator = jsonschema.Draft7Validator(schema)


def schema_refuses(document):
    return "; ".join(f"{'.'.join(map(str, e.path))}: {e.message[:200]}" for e in validator.iter_errors(document))


with open("config.schema.json") as file:
    check("config.schema.json is up to date", "" if json.load(file) == schema else "ai-gateway schema >config.schema.json")

with open("config.yaml.example") as file:
    example = file.read()
documents = {"config.yaml.example": read(example)}
on = switched_on(example)
on.setdefault("api_key", "k")
documents["config.yaml.example, all switched on"] = on
for name in sorted(os.listdir("tests/fixtures/config")):
    with open(os.path.join("tests/fixtures/config", name)) as file:
        documents[name] = read(file.read())
with tempfile.TemporaryDirectory() as folder:
    providers = "groq,cerebras,openrouter,google,mistral,nvidia,cloudflare,ollama,llamacpp,http://10.0.0.9/v1=m"
    subprocess.check_output([BINARY, "init", "--keys-later", "--provider", providers, "--directory", folder], env={})
    with open(os.path.join(folder, "config.yaml")) as file:
        documents["what init writes"] = read(file.read())
for name, document in documents.items():
    check(name, schema_refuses(document))

# Both agree on each of these, changed at one place of a configuration that both take.
GOOD = {
    "api_key": "sk-client-key-0123456789",
    "providers": [{"name": "p", "base_url": "https://p.example/v1", "api_key": "sk-provider-0123456789"}],
    "routes": [{"name": "r", "steps": [{"provider": "p", "model": "m"}]}],
}
STEP, ROUTE, PROVIDER = ("routes", 0, "steps", 0), ("routes", 0), ("providers", 0)
REMOVED = object()
CASES = [
    # place, value, whether it is right
    (("port",), 9000, True),
    (("listen",), ["127.0.0.1:9000", "[::1]:9000"], True),
    (("x-anchors",), {"a": 1}, True),
    ((".anchors",), [], True),
    (("default_timeout",), "1m30s", True),
    (("default_timeout",), ".5h", True),
    (("default_step_cooldown",), 0, True),
    (("response_model",), "upstream", True),
    (("server",), {"max_body": "32 MiB", "max_connections": 100, "trusted_proxies": "127.0.0.1"}, True),
    (("server",), {"max_body": 1048576, "trusted_proxies": ["10.0.0.0/8"]}, True),
    (("metrics",), {"require_key": "yes"}, True),
    (("routing_summary",), None, True),
    ((*STEP, "model"), 1.0, True),
    ((*STEP, "retries"), "3", True),
    ((*STEP, "timeout"), "${NOT_SET:-20s}", True),
    ((*STEP, "thinking"), "${NOT_SET:-}", True),
    ((*STEP, "modalities"), ["text", "image"], True),
    ((*STEP, "edits"), {"override": {"a": [1, {"b": None}]}, "headers": {"X-Old": None}}, True),
    ((*PROVIDER, "headers"), {"X-Title": "home"}, True),
    ((*PROVIDER, "profile"), "none", True),
    (("defualt_timeout",), "30s", False),
    (("api_key",), REMOVED, False),
    (("api_key",), ["k"], False),
    (("providers",), REMOVED, False),
    (("providers",), {"name": "p"}, False),
    (("default_timeout",), 30, False),
    (("default_timeout",), "30 s", False),
    (("default_timeout",), "soon", False),
    (("response_model",), "provider", False),
    (("server",), {"max_body": "1M"}, False),
    (("server",), {"max_fields": 0}, False),
    (("server",), {"max_fields": 10001}, False),
    (("server",), {"max_boddy": "1MiB"}, False),
    (("server",), [], False),
    (("metrics",), True, False),
    (("routing_summary",), "perhaps", False),
    ((*PROVIDER, "base_url"), REMOVED, False),
    ((*PROVIDER, "profile"), "grok", False),
    ((*PROVIDER, "timeout"), "20s", False),
    ((*ROUTE, "steps"), "p", False),
    ((*ROUTE, "upstream_stream"), "sometimes", False),
    ((*STEP, "provider"), REMOVED, False),
    ((*STEP, "retries"), 11, False),
    ((*STEP, "retries"), "many", False),
    ((*STEP, "tools"), [False], False),
    ((*STEP, "modalities"), ["video"], False),
    ((*STEP, "edits"), {"remove": []}, False),
]
for path, value, is_right in CASES:
    document = copy.deepcopy(GOOD)
    place = document
    for part in path[:-1]:
        place = place[part]
    if value is REMOVED:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    shown = "missing" if value is REMOVED else json.dumps(value)
    name = f"{'.'.join(map(str, path))}: {shown}"
    for who, word in [("the schema", schema_refuses(document)), ("the gateway", gateway_refuses(document))]:
        if is_right:
            check(f"{name}, by {who}", word)
        else:
            check(f"{name}, by {who}", "" if word else "is taken")

print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
