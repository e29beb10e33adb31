"""The binary under test as a child process."""

import json
import subprocess
import tempfile

KEY = "sdk-client-key-1234"

CONFIG = """\
listen: 127.0.0.1:0
api_key: {key}
default_step_cooldown: 0s
providers:
  - {{name: local, base_url: "{url}", api_key: sdk-provider-key-1234}}
routes:
  - {{name: dynamic/n8n, steps: [{{provider: local, model: good}}]}}
  - {{name: brief, steps: [{{provider: local, model: brief}}]}}
  - {{name: limited, steps: [{{provider: local, model: limited}}]}}
  - {{name: missing, steps: [{{provider: local, model: missing}}]}}
  - {{name: lengthy, steps: [{{provider: local, model: lengthy}}]}}
  - {{name: rejecting, steps: [{{provider: local, model: rejecting}}]}}
  - {{name: sloppy, steps: [{{provider: local, model: sloppy}}]}}
  - {{name: down, steps: [{{provider: local, model: down}}]}}
  - {{name: silent, steps: [{{provider: local, model: silent, timeout: 300ms}}]}}
  - {{name: breaking, steps: [{{provider: local, model: breaking}}]}}
  - {{name: fallback, steps: [{{provider: local, model: down}}, {{provider: local, model: good}}]}}
"""

# For clients that leave the model out.
WITH_DEFAULTS = CONFIG + "default_routes: {{images: fallback, moderations: fallback}}\n"

NATIVE = """\
listen: 127.0.0.1:0
api_key: {key}
default_step_cooldown: 0s
providers:
  - {{name: responses, base_url: "{url}", responses: true}}
  - {{name: messages, kind: anthropic, base_url: "{url}"}}
  - {{name: chat, base_url: "{url}"}}
routes:
  - {{name: native, steps: [{{provider: responses, model: good}}]}}
  - {{name: claude, steps: [{{provider: messages, model: good}}]}}
  - {{name: chat, aliases: ["claude-*"], steps: [{{provider: chat, model: good}}]}}
  - {{name: chat-reasoner, steps: [{{provider: chat, model: reasoner, reasoning_replay: true}}]}}
  - {{name: chat-lengthy, steps: [{{provider: chat, model: lengthy}}]}}
  - {{name: chat-limited, steps: [{{provider: chat, model: limited}}]}}
  - {{name: chat-breaking, steps: [{{provider: chat, model: breaking}}]}}
  - {{name: chat-down-claude, steps: [{{provider: chat, model: down}}, {{provider: messages, model: good}}]}}
  - {{name: down-claude-chat, steps: [{{provider: messages, model: down}}, {{provider: chat, model: good}}]}}
  - {{name: limited, steps: [{{provider: responses, model: limited}}]}}
  - {{name: claude-limited, steps: [{{provider: messages, model: limited}}]}}
  - {{name: breaking, steps: [{{provider: responses, model: breaking}}]}}
  - {{name: claude-breaking, steps: [{{provider: messages, model: breaking}}]}}
  - {{name: fallback, steps: [{{provider: responses, model: down}}, {{provider: responses, model: good}}]}}
  - {{name: claude-fallback, steps: [{{provider: messages, model: down}}, {{provider: messages, model: good}}]}}
  - {{name: chat-first, steps: [{{provider: chat, model: good}}, {{provider: responses, model: good}}]}}
  - {{name: chat-first-claude, steps: [{{provider: chat, model: good}}, {{provider: messages, model: good}}]}}
"""

OLLAMA = """\
listen: 127.0.0.1:0
api_key: {key}
default_step_cooldown: 0s
ollama: {{enabled: true, require_key: false}}
providers:
  - {{name: local, base_url: "{url}", api_key: sdk-provider-key-1234}}
routes:
  - {{name: home, steps: [{{provider: local, model: good}}]}}
  - {{name: dynamic/n8n, steps: [{{provider: local, model: good}}]}}
  - {{name: calls, steps: [{{provider: local, model: two-calls}}]}}
  - {{name: thinking, steps: [{{provider: local, model: thinking, upstream_stream: always}}]}}
  - {{name: limited, steps: [{{provider: local, model: limited}}]}}
  - {{name: breaking, steps: [{{provider: local, model: breaking}}]}}
  - {{name: endless, steps: [{{provider: local, model: endless}}]}}
  - {{name: fallback, steps: [{{provider: local, model: down}}, {{provider: local, model: good}}]}}
"""

SPEECH = """\
listen: 127.0.0.1:0
api_key: {key}
default_step_cooldown: 0s
wyoming: {{listen: "127.0.0.1:0", stt: LISTEN, tts: SPEAK, languages: [de, en], voices: [alloy, nova]}}
providers:
  - {{name: local, base_url: "{url}", api_key: sdk-provider-key-1234}}
routes:
  - {{name: listen, steps: [{{provider: local, model: down}}, {{provider: local, model: good}}]}}
  - name: speak
    steps: [{{provider: local, model: down}}, {{provider: local, model: compressing}}, {{provider: local, model: good}}]
  - {{name: down, steps: [{{provider: local, model: down}}]}}
  - {{name: breaking, steps: [{{provider: local, model: breaking}}]}}
"""

# Routes of the names of models, each behind a provider that is dead.
TRANSLATED = """\
listen: 127.0.0.1:0
api_key: {key}
default_step_cooldown: 0s
providers:
  - {{name: dead, base_url: "http://127.0.0.1:9/v1", responses: true}}
  - {{name: strict, base_url: "{url}"}}
routes:
  - {{name: alone, steps: [{{provider: strict, model: text}}]}}
""" + "".join(
    f"  - {{{{name: {model}, steps: [{{{{provider: dead, model: m}}}}, {{{{provider: strict, model: {model}}}}}]}}}}\n"
    for model in [
        "text", "reasoning", "refusal", "length", "filtered", "empty-arguments", "agent", "two-calls", "beside", "thoughtful",
        "custom", "endless", "breaking", "limited",
    ]
)


class Gateway:
    def __init__(self, binary, provider_url, config=CONFIG):
        self.folder = tempfile.TemporaryDirectory()
        path = f"{self.folder.name}/config.yaml"
        with open(path, "w", encoding="utf-8") as file:
            file.write(config.format(key=KEY, url=provider_url))
        self.log = open(f"{self.folder.name}/log", "w+", encoding="utf-8")
        command = [binary, "--config", path]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, env={}, text=True)
        self.url = f"http://{self._address()}/v1"

    def _address(self):
        for line in self.process.stdout:
            entry = json.loads(line)
            if entry.get("msg") == "listening for speech":
                self.speech = entry["address"]
            if entry.get("msg") == "listening":
                return entry["address"]
        self.log.seek(0)
        raise SystemExit(f"the gateway did not start: {self.log.read()}")

    def stop(self):
        self.process.terminate()
        self.process.stdout.close()
        self.process.wait()
        self.log.close()
        self.folder.cleanup()
