"""What users of the openai package get on a route whose only step speaks Messages. Run by run.sh with the path of the binary."""

import sys
import unittest

import openai

import native
from gateway import KEY, NATIVE, Gateway
from results import main

HELLO = [{"role": "user", "content": "Hello?"}]
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}]
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}


class OnMessages(unittest.TestCase):
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
        self.client = openai.OpenAI(base_url=self.gateway.url, api_key=KEY, max_retries=0, timeout=10)
        self.addCleanup(self.client.close)
        self.provider.requests.clear()

    def create(self, messages=HELLO, **more):
        return self.client.chat.completions.create(model="claude", messages=messages, **more)

    def test_a_text_and_its_usage(self):
        answer = self.create([{"role": "system", "content": "be brief"}, *HELLO])
        self.assertEqual((answer.choices[0].message.content, answer.choices[0].finish_reason), ("Hello", "stop"))
        self.assertEqual((answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.model), (3, 5, "claude"))
        self.assertEqual(self.provider.requests[-1]["system"], [{"type": "text", "text": "be brief"}])

    def test_a_stream(self):
        chunks = list(self.create(stream=True, stream_options={"include_usage": True}))
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        self.assertEqual((text, chunks[-1].usage.completion_tokens), ("Hello", 5))
        self.assertEqual([chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1], "stop")

    def test_tools(self):
        answer = self.create(tools=TOOLS, tool_choice="required")
        call = answer.choices[0].message.tool_calls[0]
        self.assertEqual((call.function.name, call.function.arguments.replace(" ", "")), ("weather", '{"city":"Oslo"}'))
        self.assertEqual(answer.choices[0].finish_reason, "tool_calls")
        self.assertEqual(self.provider.requests[-1]["tool_choice"], {"type": "any"})
        pieces = [chunk.choices[0].delta.tool_calls for chunk in self.create(tools=TOOLS, stream=True) if chunk.choices]
        arguments = "".join(piece[0].function.arguments or "" for piece in pieces if piece)
        self.assertEqual(arguments, '{"city":"Oslo"}')
        result = {"role": "tool", "tool_call_id": call.id, "content": "rain"}
        history = [*HELLO, {"role": "assistant", "content": None, "tool_calls": [call.model_dump()]}, result]
        self.assertEqual(self.create(history).choices[0].message.content, "Hello")
        sent = self.provider.requests[-1]["messages"]
        self.assertEqual(sent[2]["content"], [{"type": "tool_result", "tool_use_id": call.id, "content": "rain"}])

    def test_a_json_schema(self):
        schema = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}}
        self.create(response_format=schema)
        format_sent = self.provider.requests[-1]["output_config"]["format"]
        self.assertEqual((format_sent["type"], format_sent["schema"]["required"]), ("json_schema", ["a"]))

    def test_a_cut_stream_raises(self):
        with self.assertRaises(openai.APIError):
            list(self.client.chat.completions.create(model="claude-breaking", messages=HELLO, stream=True))


if __name__ == "__main__":
    main("openai")
