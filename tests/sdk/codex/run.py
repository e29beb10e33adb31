"""What Codex CLI gets from a provider that speaks chat alone. Run by run.sh with the binary and the packages; nothing leaves the
machine."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here.parent))

from gateway import KEY, Gateway  # noqa: E402
from strict_chat import Handler, Provider, call  # noqa: E402

binary, packages = sys.argv[1:]
ROUTES = ["text", "runs", "looks-up", "breaking"]
CONFIG = """\
listen: 127.0.0.1:0
api_key: {key}
default_step_cooldown: 0s
providers:
  - {{name: dead, base_url: "http://127.0.0.1:9/v1", responses: true}}
  - {{name: strict, base_url: "{url}"}}
routes:
""" + "".join(
    f"  - {{{{name: {route}, steps: [{{{{provider: dead, model: m}}}}, {{{{provider: strict, model: {route}}}}}]}}}}\n"
    for route in ROUTES
)
# As docs/clients.md has it, and a server of tools.
CODEX = """\
model = "{route}"
model_provider = "gw"

[model_providers.gw]
name = "ai-gateway"
base_url = "{url}"
env_key = "GW_KEY"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0

[mcp_servers.docs]
command = "{python}"
args = ["{server}"]
"""


def agent(self, request, name, arguments):
    """Calls one of the tools that are there, and says what it told."""
    told = [message["content"] for message in request["messages"] if message["role"] == "tool"]
    if told:
        return self.say(request, content=f"The tool said: {told[-1]}")
    names = [tool["function"]["name"] for tool in request["tools"]]
    self.server.names = names
    made = {**call(1, name, arguments)}
    self.say(request, "tool_calls", reasoning_content="Which tool?", tool_calls=[made])


Handler.runs = lambda self, request: agent(self, request, "exec_command", {"cmd": "echo from-the-$((20+22))-shell"})
Handler.looks_up = lambda self, request: agent(self, request, "mcp__docs__lookup", {"word": "gateway"})


class Codex(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.provider = Provider()
        cls.gateway = Gateway(binary, cls.provider.url, CONFIG)

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.provider.shutdown()
        cls.provider.server_close()

    def codex(self, route):
        self.provider.requests.clear()
        self.provider.faults.clear()
        with tempfile.TemporaryDirectory() as home, tempfile.TemporaryDirectory() as folder:
            settings = CODEX.format(route=route, url=self.gateway.url, python=sys.executable, server=here / "docs_server.py")
            pathlib.Path(home, "config.toml").write_text(settings, encoding="utf-8")
            ended = subprocess.run(
                [f"{packages}/node_modules/.bin/codex", "exec", "--skip-git-repo-check",
                 "--dangerously-bypass-approvals-and-sandbox", "-C", folder, "Do it."],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
                env={"PATH": "/usr/bin:/bin", "HOME": home, "CODEX_HOME": home, "GW_KEY": KEY},
            )
        self.assertEqual(self.provider.faults, [])
        return ended

    def test_a_text(self):
        ended = self.codex("text")
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertIn("Hello there", ended.stdout)
        system, user, *_ = self.provider.requests[0]["messages"]
        self.assertEqual((system["role"], user["role"]), ("system", "user"))

    def test_a_command_is_run(self):
        ended = self.codex("runs")
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertIn("from-the-42-shell", ended.stdout)
        *_, asked, told = self.provider.requests[1]["messages"]
        self.assertEqual((asked["reasoning_content"], told["role"]), ("Which tool?", "tool"))

    def test_a_tool_of_a_server_is_reached(self):
        ended = self.codex("looks-up")
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertIn("mcp__docs__lookup", self.provider.names)
        self.assertIn("looked up gateway", ended.stdout)

    def test_a_cut_is_shown(self):
        ended = self.codex("breaking")
        self.assertNotEqual(ended.returncode, 0)
        self.assertIn("the stream broke", ended.stdout + ended.stderr)


result = unittest.TextTestRunner(verbosity=0).run(unittest.defaultTestLoader.loadTestsFromTestCase(Codex))
failed = len(result.failures) + len(result.errors)
print(f"Codex: {result.testsRun - failed} passed, {failed} failed")
sys.exit(bool(failed) or not result.testsRun)
