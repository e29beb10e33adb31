"""What users of the openai package get from the gateway. Run by run.sh with the path of the binary."""

import json
import sys
import unittest

import openai
import pydantic

import media_cases
from case import Case
from results import main

HELLO = [{"role": "user", "content": "Hello?"}]
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}]


class ChatCase(Case):
    def ask(self, model="dynamic/n8n", messages=HELLO, **more):
        return self.client.chat.completions.create(model=model, messages=messages, **more)

    def read(self, stream):
        return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


class Answers(ChatCase):
    def test_plain(self):
        answer = self.ask()
        self.assertEqual(answer.choices[0].message.content, "Hello")
        self.assertEqual(answer.model, "dynamic/n8n")
        self.assertEqual(answer.usage.total_tokens, 8)
        self.assertEqual(answer.model_extra["routing_summary"]["route_name"], "dynamic/n8n")

    def test_streamed(self):
        chunks = list(self.ask(stream=True))
        self.assertEqual(self.read(chunks), "Hello")
        self.assertEqual(chunks[-1].choices[0].finish_reason, "stop")
        self.assertTrue(chunks[0].model_extra["routing_summary"]["steps"][0]["success"])

    def test_a_fallback(self):
        answer = self.ask("fallback")
        self.assertEqual(answer.choices[0].message.content, "Hello")
        steps = answer.model_extra["routing_summary"]["steps"]
        self.assertEqual([step["success"] for step in steps], [False, True])

    def test_a_fallback_stream(self):
        self.assertEqual(self.read(self.ask("fallback", stream=True)), "Hello")
        self.assertEqual([request["model"] for request in self.provider.requests], ["down", "good"])

    def test_tool_calls(self):
        answer = self.ask(tools=TOOLS)
        call = answer.choices[0].message.tool_calls[0]
        self.assertEqual((call.function.name, call.function.arguments), ("weather", '{"city":"Oslo"}'))

    def test_tool_calls_streamed(self):
        arguments = ""
        for chunk in self.ask(tools=TOOLS, stream=True):
            for call in chunk.choices[0].delta.tool_calls or []:
                arguments += call.function.arguments or ""
        self.assertEqual(arguments, '{"city":"Oslo"}')

    def test_a_history_whose_assistant_said_nothing_but_a_call(self):
        call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
        result = {"role": "tool", "tool_call_id": "call_1", "content": "rain"}
        for content in [{"content": None}, {"content": ""}, {}]:
            with self.subTest(content=content):
                self.provider.requests.clear()
                assistant = {"role": "assistant", "tool_calls": [call], **content}
                messages = [*HELLO, assistant, result]
                self.assertEqual(self.ask(messages=messages).choices[0].message.content, "Hello")
                self.assertEqual(self.provider.requests[0]["messages"], messages)

    def test_the_request_id(self):
        raw = self.client.chat.completions.with_raw_response.create(
            model="dynamic/n8n", messages=HELLO, extra_headers={"X-Request-Id": "my-own-id"}
        )
        self.assertEqual(raw.headers["x-request-id"], "my-own-id")
        self.assertEqual(raw.headers["x-routed-via"], "local/good")
        self.assertEqual(raw.parse()._request_id, "my-own-id")


class Repairs(ChatCase):
    """What the SDK's own accumulators and parsers make of a sloppy provider."""

    FORMAT = {"type": "json_schema", "json_schema": {"name": "place", "schema": {"type": "object"}}}

    def cities(self, message):
        self.assertEqual(message.role, "assistant")
        self.assertEqual([call.id for call in message.tool_calls], ["call_a", "call_b"])
        return [json.loads(call.function.arguments)["city"] for call in message.tool_calls]

    def final(self, **more):
        completions = self.client.chat.completions
        # Version 1 and early 2 have it below `beta`.
        stream = getattr(completions, "stream", None) or self.client.beta.chat.completions.stream
        with stream(model="sloppy", messages=HELLO, **more) as events:
            for _ in events:
                pass
            return events.get_final_completion().choices[0].message

    def test_tool_calls(self):
        self.assertEqual(self.cities(self.ask("sloppy", tools=TOOLS).choices[0].message), ["Oslo", "Bern"])

    def test_tool_calls_accumulated(self):
        self.assertEqual(self.cities(self.final(tools=TOOLS)), ["Oslo", "Bern"])

    def test_json_in_a_fence(self):
        message = self.ask("sloppy", response_format=self.FORMAT).choices[0].message
        self.assertEqual(json.loads(message.content), {"city": "Oslo"})
        self.assertEqual(message.role, "assistant")

    def test_json_in_a_fence_accumulated(self):
        self.assertEqual(json.loads(self.final(response_format=self.FORMAT).content), {"city": "Oslo"})

    def test_json_parsed(self):
        class Place(pydantic.BaseModel):
            city: str

        completions = self.client.chat.completions
        parse = getattr(completions, "parse", None) or self.client.beta.chat.completions.parse
        answer = parse(model="sloppy", messages=HELLO, response_format=Place)
        self.assertEqual(answer.choices[0].message.parsed, Place(city="Oslo"))


class Models(ChatCase):
    def test_list(self):
        names = [model.id for model in self.client.models.list()]
        self.assertEqual(names[0], "dynamic/n8n")
        self.assertIn("fallback", names)

    def test_retrieve_a_name_with_a_slash(self):
        self.assertEqual(self.client.models.retrieve("dynamic/n8n").id, "dynamic/n8n")

    def test_retrieve_an_unknown_one(self):
        with self.assertRaises(openai.NotFoundError):
            self.client.models.retrieve("nobody")


class Errors(ChatCase):
    def raises(self, kind, status, model, **more):
        for stream in [False, True]:
            with self.subTest(stream=stream):
                with self.assertRaises(kind) as caught:
                    self.ask(model, stream=stream, **more)
                self.assertEqual(caught.exception.status_code, status)
                self.assertTrue(caught.exception.request_id)
        return caught.exception

    def test_a_wrong_key(self):
        self.client = self.client_with("wrong-key-123456")
        error = self.raises(openai.AuthenticationError, 401, "dynamic/n8n")
        self.assertEqual((error.code, error.type), ("UNAUTHORIZED", "authentication_error"))

    def test_a_large_upload_with_a_wrong_key(self):
        self.client = self.client_with("wrong-key-123456")
        messages = [{"role": "user", "content": "x" * 20_000_000}]
        error = self.raises(openai.AuthenticationError, 401, "dynamic/n8n", messages=messages)
        self.assertIn("the key in Authorization is wrong", error.message)

    def test_a_request_larger_than_any_that_is_read(self):
        messages = [{"role": "user", "content": "x" * 40_000_000}]
        error = self.raises(openai.APIStatusError, 413, "dynamic/n8n", messages=messages)
        self.assertEqual(error.code, "BODY_TOO_LARGE")

    def test_an_unknown_model(self):
        self.assertEqual(self.raises(openai.NotFoundError, 404, "nobody").code, "ROUTE_NOT_FOUND")

    def test_no_messages(self):
        error = self.raises(openai.BadRequestError, 400, "dynamic/n8n", messages=[])
        self.assertEqual((error.code, error.param), ("VALIDATION_FAILED", "messages"))

    def test_a_request_that_the_provider_rejects(self):
        error = self.raises(openai.BadRequestError, 400, "rejecting")
        self.assertIn("temperature is too high", str(error))

    def test_a_model_that_the_provider_does_not_have(self):
        error = self.raises(openai.NotFoundError, 404, "missing")
        self.assertIn("no such model", str(error))

    def test_a_request_that_is_too_long(self):
        error = self.raises(openai.APIStatusError, 413, "lengthy")
        self.assertIn("too many tokens", str(error))

    def test_a_rate_limit(self):
        error = self.raises(openai.RateLimitError, 429, "limited")
        self.assertIn(int(error.response.headers["retry-after"]), range(10, 18))

    def test_a_provider_that_is_down(self):
        error = self.raises(openai.InternalServerError, 502, "down")
        self.assertIn("overheated", str(error.body))

    def test_a_provider_that_is_silent(self):
        self.raises(openai.InternalServerError, 504, "silent")

    def test_a_broken_stream(self):
        """`except openai.APIError` must catch it: a bare cut raises a transport error, which it misses."""
        said = ""
        with self.assertRaises(openai.APIError) as caught:
            for chunk in self.ask("breaking", stream=True):
                said += chunk.choices[0].delta.content or ""
        self.assertEqual(said, "Hel")
        self.assertNotIsInstance(caught.exception, openai.APIConnectionError)
        self.assertTrue(caught.exception.message)


if __name__ == "__main__":
    main("openai", media_cases)
