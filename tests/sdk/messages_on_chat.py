"""What users of the anthropic package, of LangChain, n8n and Cline get where a step speaks chat. Run with messages.py."""

import json
import sys
import unittest
import urllib.request

import anthropic
from langchain_anthropic import ChatAnthropic

import native
from gateway import KEY, NATIVE, Gateway

HELLO = [{"role": "user", "content": "Hello?"}]
TOOLS = [{"name": "weather", "input_schema": {"type": "object", "properties": {}}}]
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}


class OnChat(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.provider = native.Provider()
        cls.gateway = Gateway(sys.argv[1], cls.provider.url, NATIVE)
        cls.root = cls.gateway.url.removesuffix("/v1")

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.provider.shutdown()
        cls.provider.server_close()

    def setUp(self):
        self.client = anthropic.Anthropic(base_url=self.root, api_key=KEY, max_retries=0, timeout=10)
        self.addCleanup(self.client.close)
        self.provider.requests.clear()

    def create(self, model="chat", messages=HELLO, **more):
        return self.client.messages.create(model=model, max_tokens=1024, messages=messages, **more)

    def streamed(self, model="chat", messages=HELLO, **more):
        with self.client.messages.stream(model=model, max_tokens=1024, messages=messages, **more) as stream:
            return stream.get_final_message()

    def test_a_text(self):
        for answer in [self.create(), self.streamed()]:
            self.assertEqual((answer.content[0].text, answer.model, answer.stop_reason), ("Hello", "chat", "end_turn"))
            self.assertEqual((answer.usage.input_tokens, answer.usage.output_tokens), (3, 5))
        self.assertEqual(self.provider.requests[-1]["stream_options"], {"include_usage": True})

    def test_a_tool_and_an_image_in_its_result(self):
        for answer in [self.create(tools=TOOLS), self.streamed(tools=TOOLS)]:
            self.assertEqual((answer.stop_reason, answer.content[0].input), ("tool_use", {"city": "Oslo"}))
        result = {"type": "tool_result", "tool_use_id": answer.content[0].id, "content": [IMAGE]}
        history = [*HELLO, {"role": "assistant", "content": answer.content}, {"role": "user", "content": [result]}]
        self.assertEqual(self.create(messages=history).content[0].text, "Hello")
        _, call, tool, user = self.provider.requests[-1]["messages"]
        self.assertEqual(call["tool_calls"][0]["id"], tool["tool_call_id"])
        self.assertEqual(user["content"][1]["image_url"]["url"], "data:image/png;base64,iVBORw0KGgo=")

    def test_thinking_is_shown_and_replayed(self):
        thinking = {"type": "enabled", "budget_tokens": 1024}
        for answer in [self.create("chat-reasoner", thinking=thinking), self.streamed("chat-reasoner", thinking=thinking)]:
            self.assertEqual((answer.content[0].thinking, answer.content[1].text), ("hm", "Hello"))
        self.create("chat-reasoner", [*HELLO, {"role": "assistant", "content": answer.content}, *HELLO])
        self.assertEqual(self.provider.requests[-1]["messages"][1]["reasoning_content"], "hm")
        self.assertEqual(self.create("chat-reasoner").content[0].text, "Hello")
        # A native step does not get what it has not signed.
        self.create("claude", [*HELLO, {"role": "assistant", "content": answer.content}, *HELLO])
        self.assertEqual(self.provider.requests[-1]["messages"][1]["content"], [{"type": "text", "text": "Hello"}])

    def test_a_cut_stream_raises(self):
        with self.assertRaises(anthropic.APIStatusError) as raised:
            self.streamed("chat-breaking")
        self.assertIn("the stream broke", str(raised.exception))

    def test_typed_errors(self):
        with self.assertRaises(anthropic.RateLimitError):
            self.create("chat-limited")
        with self.assertRaises(anthropic.BadRequestError) as raised:
            self.create("chat-lengthy")
        self.assertTrue(raised.exception.body["error"]["message"].startswith("prompt is too long: "))

    def test_tokens_and_models(self):
        self.assertEqual(self.client.messages.count_tokens(model="chat", messages=HELLO).input_tokens, 10)
        self.assertIn("chat", [model.id for model in self.client.models.list(limit=1000)])

    def test_cline(self):
        """Usage is counted once, and a text is one block."""
        system = [{"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}}]
        betas = {"anthropic-beta": "context-1m-2025-08-07"}
        events = list(self.client.messages.create(
            model="claude-sonnet-5", max_tokens=8192, system=system, messages=HELLO, stream=True, extra_headers=betas,
            extra_body={"temperature": 0}))
        starts = [event for event in events if event.type == "content_block_start"]
        self.assertEqual(len(starts), 1)
        self.assertEqual([event.usage.output_tokens for event in events if event.type == "message_delta"], [5])
        self.assertEqual(events[0].message.usage.output_tokens, 0)
        body = self.provider.requests[-1]
        self.assertEqual((body["messages"][0], body["temperature"]), ({"role": "system", "content": "be brief"}, 0))
        self.create("claude-sonnet-5", tools=TOOLS, tool_choice={"type": "any"})
        self.assertEqual(self.provider.requests[-1]["tool_choice"], "required")

    def ask(self, method, path, body=None):
        headers = {"x-api-key": KEY, "anthropic-version": "2023-06-01", "Content-Type": "application/json"}
        request = urllib.request.Request(self.root + path, body and json.dumps(body).encode(), headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def test_n8n(self):
        """The test of a credential, the list of models, and a document."""
        probe = {"model": "claude-haiku-4-5-20251001", "max_tokens": 1, "messages": [{"role": "user", "content": "Hey"}]}
        self.assertEqual(self.ask("POST", "/v1/messages", probe)["type"], "message")
        self.assertEqual(self.ask("GET", "/v1/models")["data"][0]["type"], "model")
        document = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}}
        content = [document, {"type": "text", "text": "what is it?"}]
        self.ask("POST", "/v1/messages", {**probe, "max_tokens": 99, "messages": [{"role": "user", "content": content}]})
        sent = self.provider.requests[-1]["messages"][0]["content"][0]
        self.assertEqual((sent["type"], sent["file"]["file_data"]), ("file", "data:application/pdf;base64,JVBERi0="))

    def test_langchain(self):
        for model in ["chat", "claude"]:
            chat = ChatAnthropic(model=model, base_url=self.root, api_key=KEY, max_retries=0, timeout=10)
            self.assertEqual(chat.invoke("Hello?").text, "Hello")
            self.assertEqual("".join(chunk.text for chunk in chat.stream("Hello?")), "Hello")
            tools = [{"name": "weather", "description": "d", "input_schema": TOOLS[0]["input_schema"]}]
            calls = chat.bind_tools(tools).invoke("Hello?").tool_calls
            self.assertEqual((calls[0]["name"], calls[0]["args"]), ("weather", {"city": "Oslo"}))
