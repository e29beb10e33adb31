"""Clients of Ollama: its own package, LangChain, and what Home Assistant, Open WebUI, n8n, VS Code and curl send."""

import asyncio
import http.client
import json
import sys
import unittest

import ollama
from langchain_core.tools import tool
from langchain_ollama import ChatOllama, OllamaEmbeddings

from gateway import KEY, OLLAMA, Gateway
from ollama_provider import Provider
from results import main

HEADERS = {"Authorization": f"Bearer {KEY}"}
HI = [{"role": "user", "content": "hi"}]
WEATHER = {"type": "function", "function": {"name": "weather", "description": "d", "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}}}}}
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.provider = Provider()
        cls.gateway = Gateway(sys.argv[1], cls.provider.url, OLLAMA)
        cls.host = cls.gateway.url.removesuffix("/v1")

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.provider.shutdown()
        cls.provider.server_close()

    def setUp(self):
        self.provider.requests.clear()

    def clients(self):
        """With a key, and without one."""
        return [ollama.Client(host=self.host, headers=headers) for headers in (HEADERS, None)]

    def http(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection(self.host.removeprefix("http://"), timeout=10)
        self.addCleanup(connection.close)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


class Package(Case):
    def test_lists(self):
        for client in self.clients():
            names = [model.model for model in client.list().models]
            self.assertIn("home:latest", names)
            self.assertIn("dynamic/n8n:latest", names)
            self.assertIn("tools", client.show("home:latest").capabilities)
            self.assertIn("home:latest", [model.model for model in client.ps().models])

    def test_chat(self):
        for client in self.clients():
            answer = client.chat("home:latest", HI)
            self.assertEqual((answer.message.content, answer.done_reason), ("Hello", "stop"))
            self.assertEqual((answer.prompt_eval_count, answer.eval_count), (3, 5))
            parts = list(client.chat("home", HI, stream=True))
            self.assertEqual("".join(part.message.content for part in parts), "Hello")
            self.assertEqual([part.done for part in parts], [False] * (len(parts) - 1) + [True])
            self.assertGreater(len(parts), 2)

    def test_tools_both_ways(self):
        client = ollama.Client(host=self.host, headers=HEADERS)
        for stream in (False, True):
            answer = client.chat("home", HI, tools=[WEATHER], stream=stream)
            parts = list(answer) if stream else [answer]
            calls = [call for part in parts for call in part.message.tool_calls or []]
            self.assertEqual([(call.function.name, call.function.arguments) for call in calls],
                             [("weather", {"city": "Oslo"})])
        client.chat("home", [*HI, {"role": "assistant", "tool_calls": calls},
                             {"role": "tool", "tool_name": "weather", "content": "rain"}])
        sent = self.provider.requests[-1]["messages"]
        self.assertEqual(sent[2]["tool_call_id"], sent[1]["tool_calls"][0]["id"])
        self.assertEqual(json.loads(sent[1]["tool_calls"][0]["function"]["arguments"]), {"city": "Oslo"})

    def test_format_images_and_thinking(self):
        client = ollama.Client(host=self.host, headers=HEADERS)
        schema = {"type": "object", "properties": {"a": {"type": "string"}}}
        client.chat("home", HI, format=schema)
        self.assertEqual(self.provider.requests[-1]["response_format"]["json_schema"]["schema"], schema)
        client.generate("home", "what?", images=[PNG])
        parts = self.provider.requests[-1]["messages"][0]["content"]
        self.assertTrue(parts[1]["image_url"]["url"].startswith("data:image/png;base64,iVBOR"))
        answer = client.chat("thinking", HI, think=True)
        self.assertEqual((answer.message.thinking, answer.message.content), ("hm", "Hello"))
        hidden = client.chat("thinking", HI, think=False)
        self.assertEqual((hidden.message.thinking, hidden.message.content), (None, "Hello"))
        thoughts = [part.message.thinking for part in client.chat("thinking", HI, stream=True)]
        self.assertEqual(thoughts[0], "hm")

    def test_generate_and_vectors(self):
        for client in self.clients():
            self.assertEqual(client.generate("home", "hi").response, "Hello")
            parts = client.generate("home", "hi", stream=True)
            self.assertEqual("".join(part.response for part in parts), "Hello")
            self.assertEqual(client.embed("home", ["a", "b"]).embeddings, [[0, 0.5], [1, 0.5]])
            self.assertEqual(client.embeddings("home", "a").embedding, [0, 0.5])
            self.assertEqual(client.pull("home").status, "success")
            self.assertEqual([step.status for step in client.pull("home", stream=True)][-1], "success")

    def test_errors(self):
        client = ollama.Client(host=self.host, headers=HEADERS)
        for call in (lambda: client.chat("x", HI), lambda: client.show("x"), lambda: client.embed("x", "a")):
            with self.assertRaises(ollama.ResponseError) as raised:
                call()
            self.assertEqual((raised.exception.status_code, raised.exception.error), (404, "model 'x' not found"))
        with self.assertRaises(ollama.ResponseError) as raised:
            client.chat("limited", HI)
        self.assertEqual(raised.exception.status_code, 429)
        with self.assertRaises(ollama.ResponseError):
            list(client.chat("breaking", HI, stream=True))
        self.assertEqual(client.chat("fallback", HI).message.content, "Hello")
        wrong = ollama.Client(host=self.host, headers={"Authorization": "Bearer wrong"})
        with self.assertRaises(ollama.ResponseError) as raised:
            wrong.list()
        self.assertEqual((raised.exception.status_code, raised.exception.error), (401, "unauthorized"))


class HomeAssistant(Case):
    def test_a_turn_with_two_calls(self):
        async def turns():
            client = ollama.AsyncClient(host=self.host)
            async with asyncio.timeout(5):
                await client.list()
            messages = [ollama.Message(role="system", content="s"), ollama.Message(role="user", content="go")]
            settings = {"stream": True, "keep_alive": -1, "options": {"num_ctx": 8192}, "think": False, "format": None}
            for _ in range(2):
                content, calls = "", []
                async for part in await client.chat("calls:latest", messages, tools=[WEATHER], **settings):
                    content += part.message.content or ""
                    calls += part.message.tool_calls or []
                calls = [ollama.Message.ToolCall(function=call.function) for call in calls]
                messages.append(ollama.Message(role="assistant", content=content, tool_calls=calls or None))
                messages += [ollama.Message(role="tool", content=json.dumps(call.function.arguments)) for call in calls]
            return messages

        messages = asyncio.run(turns())
        self.assertEqual(messages[-1].content, "Hello")
        sent = self.provider.requests[-1]["messages"]
        ids = [call["id"] for call in sent[2]["tool_calls"]]
        self.assertEqual([(message["tool_call_id"], message["content"]) for message in sent[3:]],
                         [(ids[0], '{"city": "Oslo"}'), (ids[1], '{"city": "Rome"}')])


class LangChain(Case):
    def model(self, name, **settings):
        return ChatOllama(model=name, base_url=self.host, validate_model_on_init=True,
                          client_kwargs={"headers": HEADERS}, **settings)

    def test_conversations(self):
        answer = self.model("home").invoke("hi")
        self.assertEqual(answer.content, "Hello")
        usage = answer.usage_metadata
        self.assertEqual(usage["total_tokens"], usage["input_tokens"] + usage["output_tokens"])
        self.assertEqual("".join(part.content for part in self.model("home").stream("hi")), "Hello")

    def test_tools_and_reasoning(self):
        @tool
        def weather(city: str) -> str:
            """The weather of a city."""

        answer = self.model("home").bind_tools([weather]).invoke("hi")
        self.assertEqual([(call["name"], call["args"]) for call in answer.tool_calls], [("weather", {"city": "Oslo"})])
        answer = self.model("thinking", reasoning=True).invoke("hi")
        self.assertEqual(answer.additional_kwargs["reasoning_content"], "hm")

    def test_vectors(self):
        vectors = OllamaEmbeddings(model="home", base_url=self.host, client_kwargs={"headers": HEADERS})
        self.assertEqual(vectors.embed_documents(["a", "b"]), [[0, 0.5], [1, 0.5]])


class Sequences(Case):
    def ok(self, *request):
        status, body = self.http(*request)
        self.assertEqual(status, 200, body)
        return body

    def test_open_webui(self):
        headers = {**HEADERS, "Content-Type": "application/json"}
        for path in ("/api/version", "/api/tags", "/api/ps"):
            self.ok("GET", path, None, headers)
        self.ok("POST", "/api/show", json.dumps({"name": "home:latest"}), headers)
        self.ok("POST", "/api/chat", json.dumps({"model": "home:latest", "messages": HI}), headers)

    def test_n8n(self):
        self.assertEqual(self.ok("GET", "/"), "Ollama is running")
        self.assertIn("home:latest", [model["name"] for model in json.loads(self.ok("GET", "/api/tags"))["models"]])

    def test_vs_code(self):
        version = json.loads(self.ok("GET", "/api/version"))["version"]
        self.assertGreaterEqual([int(number) for number in version.split(".")], [0, 6, 4])
        name = json.loads(self.ok("GET", "/api/tags"))["models"][0]["model"]
        shown = json.loads(self.ok("POST", "/api/show", json.dumps({"model": name})))
        self.assertIn("tools", shown["capabilities"])
        architecture = shown["model_info"]["general.architecture"]
        self.assertEqual(shown["model_info"][f"{architecture}.context_length"], 131072)
        body = json.dumps({"model": name, "messages": HI, "stream": True})
        self.ok("POST", "/v1/chat/completions", body, {**HEADERS, "Content-Type": "application/json"})

    def test_curl(self):
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        lines = self.ok("POST", "/api/generate", '{"model":"home","prompt":"hi"}', form).splitlines()
        self.assertEqual("".join(json.loads(line)["response"] for line in lines), "Hello")

    def test_strangers(self):
        for headers, expected in (
            ({"X-Forwarded-For": "203.0.113.9"}, 403),
            ({"Host": "evil.example"}, 403),
            ({"Origin": "http://evil.example"}, 403),
            ({"Authorization": "Bearer wrong"}, 401),
        ):
            self.assertEqual(self.http("GET", "/api/tags", None, headers)[0], expected, headers)
        self.assertEqual(self.http("GET", "/v1/models")[0], 401)


if __name__ == "__main__":
    main("ollama")
