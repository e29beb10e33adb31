"""Open WebUI's own connections to Ollama and to OpenAI-compatible servers (0.12.4): its routers, and what turns its chats
into requests and answers back. Run by run.sh with the path of the binary and of the folder with its modules.
"""

import asyncio
import importlib
import json
import logging
import sys
import unittest

import fastapi

from gateway import KEY, OLLAMA, Gateway
from ollama_provider import Provider
from open_webui_stand_ins import USER, Config, Request, install
from results import main

install(sys.argv[2])
logging.disable(logging.CRITICAL)
ollama = importlib.import_module("open_webui.routers.ollama")
openai = importlib.import_module("open_webui.routers.openai")
payloads = importlib.import_module("open_webui.utils.payload")
responses = importlib.import_module("open_webui.utils.response")
pool = importlib.import_module("open_webui.utils.session_pool")

HI = [{"role": "user", "content": "hi"}]
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
WEATHER = {"type": "function", "function": {"name": "weather", "description": "d", "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}}}}}


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
        self.request = Request()
        self.connect(KEY)

    def connect(self, key, **config):
        Config.values = {
            "ollama.enable": True, "ollama.base_urls": [self.host], "ollama.api_configs": {"0": {"key": key, **config}},
            "openai.enable": True, "openai.api_base_urls": [self.gateway.url], "openai.api_keys": [key or ""],
            "openai.api_configs": {"0": config},
        }

    def run_all(self, work):
        """Runs what uses connections, and closes them."""
        async def running():
            for router in [ollama, openai]:
                await router.get_all_models.cache.clear()
            try:
                return await work()
            finally:
                await pool.close_session()

        return asyncio.run(running())

    def sent(self):
        return self.provider.requests[-1]


class Ollama(Case):
    def chat(self, model, messages, **more):
        """A chat as its page has it, over /api/chat, and the answer as its page gets it."""
        async def asking():
            body = payloads.convert_payload_openai_to_ollama({"model": model, "messages": messages, **more})
            answer = await ollama.generate_chat_completion(self.request, body, user=USER)
            if not more.get("stream"):
                return responses.convert_response_ollama_to_openai(answer)
            stream = responses.convert_streaming_response_ollama_to_openai(answer)
            return [event async for event in stream]

        return self.run_all(asking)

    def test_the_connection(self):
        for key in [KEY, None]:
            self.connect(key)
            form = ollama.ConnectionVerificationForm(url=self.host, key=key)
            version = self.run_all(lambda form=form: ollama.verify_connection(self.request, form, user=USER))
            self.assertEqual(version, {"version": "0.12.11"})
            versions = self.run_all(lambda: ollama.get_ollama_versions(self.request, user=USER))
            self.assertEqual(versions, version)

    def test_a_wrong_key(self):
        form = ollama.ConnectionVerificationForm(url=self.host, key="wrong")
        with self.assertRaises(fastapi.HTTPException) as caught:
            self.run_all(lambda: ollama.verify_connection(self.request, form, user=USER))
        self.assertIn("unauthorized", caught.exception.detail)

    def test_lists(self):
        listed = self.run_all(lambda: ollama.get_ollama_tags(self.request, user=USER))["models"]
        names = [model["model"] for model in listed]
        self.assertTrue({"home:latest", "dynamic/n8n:latest"} <= set(names), names)
        self.assertTrue(all(model["name"] == model["model"] and model["digest"] for model in listed))
        # It annotates them with what /api/ps says.
        self.assertGreater(listed[0]["expires_at"], 0)
        form = ollama.ModelNameForm(name="home:latest")
        shown = self.run_all(lambda: ollama.show_model_info(self.request, form, user=USER))
        self.assertIn("tools", shown["capabilities"])

    def test_a_chat(self):
        for model in ["home:latest", "dynamic/n8n:latest", "fallback:latest"]:
            answer = self.chat(model, HI, stream=False)
            self.assertEqual(answer["choices"][0]["message"]["content"], "Hello")
            self.assertEqual(answer["usage"]["completion_tokens"], 5)
            events = self.chat(model, HI, stream=True, max_tokens=99)
            self.assertEqual(events[-1], "data: [DONE]\n\n")
            chunks = [json.loads(event.removeprefix("data: ")) for event in events[:-1]]
            words = [chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk.get("choices")]
            self.assertEqual("".join(words), "Hello")
            self.assertEqual(self.sent()["max_tokens"], 99)

    def test_a_chat_with_a_tool_and_its_result(self):
        answer = self.chat("home:latest", HI, stream=False, tools=[WEATHER])
        calls = answer["choices"][0]["message"]["tool_calls"]
        self.assertEqual(json.loads(calls[0]["function"]["arguments"]), {"city": "Oslo"})
        turn = [*HI, {"role": "assistant", "content": "", "tool_calls": calls},
                {"role": "tool", "tool_call_id": calls[0]["id"], "content": "rain"}]
        events = self.chat("home:latest", turn, stream=True, tools=[WEATHER])
        self.assertIn("lo", "".join(events))
        sent = self.sent()["messages"]
        self.assertEqual([message["role"] for message in sent], ["user", "assistant", "tool"])
        self.assertEqual(sent[1]["tool_calls"][0]["id"], sent[2]["tool_call_id"])

    def test_an_image(self):
        content = [{"type": "text", "text": "what?"}, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}]
        self.chat("home:latest", [{"role": "user", "content": content}], stream=False)
        parts = self.sent()["messages"][0]["content"]
        self.assertEqual(parts[1]["image_url"]["url"], f"data:image/png;base64,{PNG}")

    def test_thinking(self):
        answer = self.chat("thinking:latest", HI, stream=False)
        self.assertEqual(answer["choices"][0]["message"]["reasoning_content"], "hm")

    def test_completions_and_vectors(self):
        async def all_of_them():
            await ollama.get_all_models(self.request, user=USER)
            form = ollama.GenerateCompletionForm(model="home:latest", prompt="hi")
            answer = await ollama.generate_completion(self.request, form, user=USER)
            pieces = b"".join([piece async for piece in answer.body_iterator])
            form = ollama.GenerateEmbedForm(model="home:latest", input=["a", "b"])
            several = await ollama.embed(self.request, form, user=USER)
            form = ollama.GenerateEmbeddingsForm(model="home:latest", prompt="a")
            return pieces, several, await ollama.embeddings(self.request, form, user=USER)

        pieces, several, one = self.run_all(all_of_them)
        lines = [json.loads(line) for line in pieces.splitlines()]
        self.assertEqual("".join(line["response"] for line in lines), "Hello")
        self.assertEqual(several["embeddings"], [[0.0, 0.5], [1.0, 0.5]])
        self.assertEqual(one["embedding"], [0.0, 0.5])

    def test_failures(self):
        with self.assertRaises(fastapi.HTTPException) as caught:
            self.chat("limited:latest", HI, stream=False)
        self.assertEqual(caught.exception.status_code, 429)
        self.assertIn("rate-limited", caught.exception.detail)
        self.assertTrue(caught.exception.headers)


class OpenAI(Case):
    def chat(self, model, **more):
        async def asking():
            body = {"model": model, "messages": [{"role": "system", "content": "s"}, *HI], **more}
            answer = await openai.generate_chat_completion(self.request, body, user=USER)
            if not more.get("stream"):
                return answer
            return b"".join([piece async for piece in answer.body_iterator]).decode()

        return self.run_all(asking)

    def test_the_connection(self):
        form = openai.ConnectionVerificationForm(url=self.gateway.url, key=KEY)
        models = self.run_all(lambda: openai.verify_connection(self.request, form, user=USER))
        self.assertIn("home", [model["id"] for model in models["data"]])

    def test_chats(self):
        for config in [{}, {"api_type": "responses"}]:
            self.connect(KEY, **config)
            answer = self.chat("fallback", stream=False)
            self.assertEqual(answer["choices"][0]["message"]["content"], "Hello")
            streamed = self.chat("fallback", stream=True)
            events = [json.loads(line[6:]) for line in streamed.splitlines() if line.startswith("data: {")]
            if config:
                self.assertEqual(events[-1]["type"], "response.completed")
                self.assertEqual(events[-1]["response"]["output"][0]["content"][0]["text"], "Hello")
            else:
                words = [choice["delta"].get("content") or "" for event in events for choice in event["choices"]]
                self.assertEqual("".join(words), "Hello")
            self.assertEqual([message["role"] for message in self.sent()["messages"]], ["system", "user"])

    def test_failures(self):
        answer = self.chat("limited", stream=False)
        self.assertEqual(answer.status_code, 429)
        self.assertTrue(answer.headers["retry-after"])


del Case

if __name__ == "__main__":
    main("fastapi")
