"""What users of Claude Code get from the gateway, without a network. Run by run.sh, among the long tests, with the binary and
the folder of the package."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

import native  # noqa: E402
from gateway import KEY, Gateway  # noqa: E402
from provider import chunk, completion  # noqa: E402

CONFIG = """\
listen: 127.0.0.1:0
api_key: {key}
default_step_cooldown: 0s
providers:
  - {{name: chat, base_url: "{url}"}}
  - {{name: messages, kind: anthropic, base_url: "{url}"}}
routes:
  - {{name: bash, steps: [{{provider: chat, model: bash}}]}}
  - {{name: native-bash, steps: [{{provider: messages, model: bash}}]}}
  - {{name: twice, steps: [{{provider: chat, model: twice}}]}}
  - {{name: picture, steps: [{{provider: chat, model: picture}}]}}
  - {{name: explore, steps: [{{provider: chat, model: explore}}]}}
  - {{name: broken, steps: [{{provider: chat, model: broken}}]}}
  - {{name: helpers, aliases: ["claude-*"], steps: [{{provider: chat, model: helper}}]}}
"""

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc0000003010100c9fe92ef"
    "0000000049454e44ae426082")


class Provider(native.Provider):
    """Answers by the model's name: with a call for each result that is still to come, then with a text."""

    def __init__(self, folder):
        super().__init__()
        self.RequestHandlerClass = Handler
        shell = ("Bash", {"command": "echo from-the-shell", "description": "say it"})
        explore = {"description": "look", "prompt": "look around", "subagent_type": "Explore"}
        self.plans = {
            "bash": [shell], "twice": [shell, shell], "picture": [("Read", {"file_path": f"{folder}/dot.png"})],
            "explore": [("Agent", explore)], "helper": [], "broken": [],
        }


class Handler(native.Handler):
    def do_POST(self):
        if self.path.endswith("/count_tokens"):
            return super().do_POST()
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(request)
        plan = self.server.plans[request["model"]]
        results = self.results(request["messages"])
        if len(results) < len(plan) and request.get("tools"):
            name, arguments = plan[len(results)]
            self.say(request, call=(name, json.dumps(arguments)))
        else:
            self.say(request, text="All done: " + " ".join(results))

    def results(self, messages):
        if self.path == native.CHAT:
            return [message["content"] for message in messages if message["role"] == "tool"]
        blocks = [block for message in messages if isinstance(message["content"], list) for block in message["content"]]
        return [str(block["content"]) for block in blocks if block["type"] == "tool_result"]

    def say(self, request, text="", call=None):
        if self.path != native.CHAT:
            return self.say_natively(request, text, call)
        delta = {"content": text}
        if call:
            # The same id each time, as Gemini and llama.cpp have it.
            function = {"name": call[0], "arguments": call[1]}
            delta = {"content": None, "tool_calls": [{"index": 0, "id": "call_0", "type": "function", "function": function}]}
        reason = "tool_calls" if call else "stop"
        if not request.get("stream"):
            return self.answer(200, completion(delta, reason))
        events = [chunk({"role": "assistant", "content": ""}), chunk(delta), chunk({}, reason), native.COUNTS]
        if request["model"] == "broken":
            self.stream([*events[:2], {"error": {"message": "overheated", "type": "server_error"}}])
            self.close_connection = True
            return
        self.stream(events)
        self.finish_stream()

    def say_natively(self, request, text, call):
        block, deltas = {"type": "text", "text": ""}, [{"type": "text_delta", "text": text}]
        if call:
            block = {"type": "tool_use", "id": f"toolu_{len(self.server.requests)}", "name": call[0], "input": {}}
            deltas = [{"type": "input_json_delta", "partial_json": call[1]}]
        self.stream([*native.blocks((block, deltas)), *native.ended("tool_use" if call else "end_turn")])
        self.wfile.write(b"0\r\n\r\n")


class ClaudeCode(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        (pathlib.Path(cls.folder.name) / "dot.png").write_bytes(PNG)
        cls.provider = Provider(cls.folder.name)
        cls.gateway = Gateway(sys.argv[1], cls.provider.url, CONFIG)

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.provider.shutdown()
        cls.provider.server_close()
        cls.folder.cleanup()

    def setUp(self):
        self.provider.requests.clear()

    def claude(self, model, prompt="do it"):
        with tempfile.TemporaryDirectory() as home:
            environment = {
                "PATH": os.environ["PATH"], "HOME": home, "ANTHROPIC_BASE_URL": self.gateway.url.removesuffix("/v1"),
                "ANTHROPIC_AUTH_TOKEN": KEY, "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            }
            program = f"{sys.argv[2]}/node_modules/.bin/claude"
            command = [program, "-p", prompt, "--model", model, "--allowedTools", "Bash Read Agent"]
            ended = subprocess.run(command, env=environment, cwd=self.folder.name, stdin=subprocess.DEVNULL, text=True,
                                   capture_output=True, timeout=120, check=False)
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)
        return ended.stdout

    def of_model(self, model):
        return [request for request in self.provider.requests if request["model"] == model]

    def test_a_command_and_its_result(self):
        for route in ["bash", "native-bash"]:
            self.assertIn("All done: ", said := self.claude(route))
            self.assertIn("from-the-shell", said)

    def test_ids_that_repeat(self):
        """A repeated id made it drop the call, and ask again without an end."""
        self.assertEqual(self.claude("twice").count("from-the-shell"), 2)
        self.assertEqual(len(self.of_model("twice")), 3)

    def test_a_picture(self):
        self.assertIn("All done", self.claude("picture"))
        parts = self.of_model("picture")[-1]["messages"][-1]["content"]
        images = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
        self.assertEqual(len(images), 1, parts)
        self.assertTrue(images[0].startswith("data:image/png;base64,"), images)

    def test_a_helper_of_another_model(self):
        self.assertIn("All done", self.claude("explore"))
        helpers = self.of_model("helper")
        self.assertTrue(any("look around" in json.dumps(request["messages"]) for request in helpers), helpers)

    def test_the_meter(self):
        self.assertRegex(self.claude("bash", "/context"), r"\d")

    def test_a_stream_that_breaks_is_asked_for_again(self):
        self.assertIn("All done", self.claude("broken"))
        self.assertFalse(self.of_model("broken")[-1].get("stream"))


if __name__ == "__main__":
    result = unittest.main(argv=["claude code"], exit=False).result
    failed = len(result.failures) + len(result.errors)
    print(f"claude code: {result.testsRun - failed} passed, {failed} failed")
    sys.exit(failed > 0)
