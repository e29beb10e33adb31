"""What users of the anthropic package get from the gateway. Run by run.sh with the path of the binary."""

import sys
import unittest

import anthropic

import messages_on_chat
import native
from gateway import KEY, NATIVE, Gateway
from results import main

HELLO = [{"role": "user", "content": "Hello?"}]
TOOLS = [{"name": "weather", "input_schema": {"type": "object", "properties": {}}}]


class Messages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.provider = native.Provider()
        cls.gateway = Gateway(sys.argv[1], cls.provider.url, NATIVE)

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.provider.shutdown()
        cls.provider.server_close()

    def setUp(self):
        self.client = self.client_with(api_key=KEY)
        self.provider.requests.clear()

    def client_with(self, **key):
        root = self.gateway.url.removesuffix("/v1")
        client = anthropic.Anthropic(base_url=root, max_retries=0, timeout=10, **key)
        self.addCleanup(client.close)
        return client

    def create(self, model="claude", messages=HELLO, **more):
        return self.client.messages.create(model=model, max_tokens=1024, messages=messages, **more)

    def test_plain(self):
        for key in [{"api_key": KEY}, {"auth_token": KEY}]:
            self.client = self.client_with(**key)
            answer = self.create()
            self.assertEqual((answer.content[0].text, answer.model, answer.usage.output_tokens), ("Hello", "claude", 5))
            self.assertTrue(answer._request_id.startswith("req-"))

    def test_streamed(self):
        with self.client.messages.stream(model="claude", max_tokens=1024, messages=HELLO) as stream:
            self.assertEqual("".join(stream.text_stream), "Hello")
            final = stream.get_final_message()
        self.assertEqual((final.stop_reason, final.model), ("end_turn", "claude"))
        self.assertEqual((final.usage.input_tokens, final.usage.output_tokens), (3, 5))
        kinds = [event.type for event in self.create(stream=True)]
        self.assertEqual((kinds[0], kinds[-1]), ("message_start", "message_stop"))

    def test_a_tool_and_its_result(self):
        answer = self.create(tools=TOOLS)
        self.assertEqual(answer.content[0].input, {"city": "Oslo"})
        with self.client.messages.stream(model="claude", max_tokens=1024, messages=HELLO, tools=TOOLS) as stream:
            streamed = stream.get_final_message()
        self.assertEqual(streamed.content[0].input, {"city": "Oslo"})
        image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
        result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [image]}
        history = [*HELLO, {"role": "assistant", "content": streamed.content}, {"role": "user", "content": [result]}]
        self.assertEqual(self.create(messages=history).content[0].text, "Hello")
        self.assertEqual(self.provider.requests[-1]["messages"][2]["content"], [result])

    def test_thinking_is_shown_and_replayed(self):
        thinking = {"type": "enabled", "budget_tokens": 1024}
        with self.client.messages.stream(model="claude", max_tokens=2048, messages=HELLO, thinking=thinking) as stream:
            final = stream.get_final_message()
        self.assertEqual((final.content[0].thinking, final.content[0].signature), ("hm", "c2lnbmVk"))
        self.create(messages=[*HELLO, {"role": "assistant", "content": final.content}, *HELLO])
        replayed = self.provider.requests[-1]["messages"][1]["content"][0]
        self.assertEqual((replayed["type"], replayed["signature"]), ("thinking", "c2lnbmVk"))

    def test_a_fallback(self):
        for model in ["claude-fallback", "chat-first-claude", "chat-down-claude", "down-claude-chat"]:
            self.assertEqual(self.create(model).content[0].text, "Hello")
            with self.client.messages.stream(model=model, max_tokens=1024, messages=HELLO) as stream:
                self.assertEqual(stream.get_final_text(), "Hello")

    def test_tokens_are_counted(self):
        count = self.client.messages.count_tokens
        self.assertEqual(count(model="claude", messages=HELLO).input_tokens, 42)
        self.assertEqual(count(model="chat", messages=HELLO).input_tokens, 10)

    def test_a_cut_stream_raises(self):
        with self.assertRaises(anthropic.APIStatusError) as raised:
            with self.client.messages.stream(model="claude-breaking", max_tokens=1024, messages=HELLO) as stream:
                stream.get_final_message()
        self.assertIn("the stream broke", str(raised.exception))

    def test_typed_errors(self):
        for error, ask in [
            (anthropic.NotFoundError, lambda: self.create("unknown")),
            (anthropic.RateLimitError, lambda: self.create("claude-limited")),
            (anthropic.BadRequestError, lambda: self.create("chat-lengthy")),
            (anthropic.AuthenticationError, lambda: self.client_with(api_key="no").messages.create(
                model="claude", max_tokens=1, messages=HELLO)),
        ]:
            with self.assertRaises(error) as raised:
                ask()
            self.assertEqual(raised.exception.body["type"], "error")
            self.assertEqual(raised.exception.request_id, raised.exception.body["request_id"])


if __name__ == "__main__":
    main("anthropic", messages_on_chat)
