"""What users of `responses` of the openai package get on a provider that speaks chat alone. Run by run.sh with the path of the
binary."""

import asyncio

import openai
import pydantic
from openai.types.responses import Response, ResponseStreamEvent

from gateway import KEY
from results import main
from translated_case import PARAMETERS, TranslatedCase

EVENT = pydantic.TypeAdapter(ResponseStreamEvent)
TOOL = {"type": "function", "name": "weather", "parameters": PARAMETERS, "strict": True}
IMAGE = "data:image/png;base64,iVBORw0KGgo="


class Weather(pydantic.BaseModel):
    city: str
    degrees: int


class Responses(TranslatedCase):
    def setUp(self):
        super().setUp()
        self.client = openai.OpenAI(base_url=self.gateway.url, api_key=KEY, max_retries=0, timeout=10)
        self.addCleanup(self.client.close)

    def create(self, model, **more):
        return self.client.responses.create(**{"model": model, "input": "Hello?", **more})

    def final(self, model, **more):
        """The last frame by the library's accumulator, which raises at any wrong order, index or identity."""
        with self.client.responses.stream(**{"model": model, "input": "Hello?", **more}) as stream:
            for event in stream:
                raw = event.to_dict(warnings=False)
                # The accumulator adds members of its own.
                raw.pop("snapshot", None)
                if "response" not in raw:
                    EVENT.validate_python(raw)
            return stream.get_final_response()

    def both(self, model, **more):
        plain = self.create(model, **more)
        Response.model_validate(plain.to_dict(), strict=False)
        yield plain
        yield self.final(model, **more)

    def test_text(self):
        for answer in self.both("text"):
            self.assertEqual((answer.output_text, answer.model, answer.usage.total_tokens), ("Hello there", "text", 8))
            self.assertEqual((answer.status, answer.store), ("completed", False))

    def test_every_event_is_one_that_the_library_knows(self):
        for model in ["text", "reasoning", "refusal", "length", "two-calls"]:
            for number, event in enumerate(self.create(model, stream=True, tools=[TOOL])):
                raw = event.to_dict()
                self.assertEqual(raw["sequence_number"], number)
                EVENT.validate_python(raw)
                if "response" in raw:
                    Response.model_validate(raw["response"])

    def test_reasoning(self):
        for answer in self.both("reasoning"):
            reasoning, message = answer.output
            self.assertEqual((reasoning.summary[0].text, message.content[0].text), ("Hm. Well.", "Hello there"))

    def test_a_refusal(self):
        for answer in self.both("refusal"):
            self.assertEqual(answer.output[0].content[0].refusal, "I will not.")

    def test_an_end_before_the_end(self):
        for model, reason in [("length", "max_output_tokens"), ("filtered", "content_filter")]:
            *_, last = self.create(model, stream=True)
            self.assertEqual(last.type, "response.incomplete")
            for answer in [self.create(model), last.response]:
                self.assertEqual((answer.status, answer.incomplete_details.reason), ("incomplete", reason))
                self.assertEqual((answer.output[0].status, answer.output_text), ("incomplete", "Hello and"))

    def test_parsed(self):
        answer = self.client.responses.parse(model="text", input="Weather?", text_format=Weather)
        self.assertEqual(answer.output_parsed, Weather(city="Oslo", degrees=7))
        answer = self.final("text", text_format=Weather)
        self.assertEqual(answer.output_parsed, Weather(city="Oslo", degrees=7))

    def test_images_and_files(self):
        content = [
            {"type": "input_text", "text": "What is it?"},
            {"type": "input_image", "image_url": IMAGE, "detail": "auto"},
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,aGk="},
        ]
        self.create("text", input=[{"role": "user", "content": content}])
        sent = self.provider.requests[-1]["messages"][0]["content"]
        self.assertEqual([part["type"] for part in sent], ["text", "image_url", "file"])
        self.assertEqual(sent[1]["image_url"], {"url": IMAGE})

    def test_a_loop_of_tools(self):
        for model, told in [("agent", "7"), ("two-calls", "7 and 7"), ("beside", "7"), ("thoughtful", "7")]:
            for ask in [self.create, self.final]:
                conversation = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Weather?"}]
                answer = ask(model, input=conversation, tools=[TOOL])
                conversation += [item.to_dict() for item in answer.output]
                for item in answer.output:
                    if item.type == "function_call":
                        output = [{"type": "input_text", "text": "7"}]
                        conversation.append({"type": "function_call_output", "call_id": item.call_id, "output": output})
                answer = ask(model, input=conversation, tools=[TOOL])
                self.assertEqual(answer.output_text, f"It is {told}.")

    def test_a_tool_that_takes_a_text(self):
        for answer in self.both("custom", tools=[{"type": "custom", "name": "patch"}]):
            item = answer.output[0]
            self.assertEqual((item.type, item.name, item.input), ("custom_tool_call", "patch", 'a\n"b"'))

    def test_no_arguments_are_an_object(self):
        for answer in self.both("empty-arguments", tools=[TOOL]):
            self.assertEqual(answer.output[0].arguments, "{}")

    def test_a_cut_stream_raises(self):
        with self.assertRaises(openai.APIError) as raised:
            self.final("breaking")
        self.assertIn("the stream broke", str(raised.exception))
        events = []
        with self.assertRaises(openai.APIError):
            for event in self.create("breaking", stream=True):
                events.append(event)
        self.assertEqual(events[-1].type, "response.failed")
        Response.model_validate(events[-1].response.to_dict())

    def test_typed_errors(self):
        for stream in [False, True]:
            with self.assertRaises(openai.RateLimitError) as raised:
                self.create("limited", stream=stream)
            self.assertTrue(raised.exception.response.headers["retry-after"])
        for member in [{"previous_response_id": "resp_1"}, {"tools": [{"type": "file_search", "vector_store_ids": []}]}]:
            with self.assertRaises(openai.BadRequestError) as raised:
                self.create("alone", **member)
            self.assertIn(next(iter(member)), raised.exception.param)

    def test_closing_a_stream_ends_the_call(self):
        stream = self.create("endless", stream=True)
        for event in stream:
            if event.type == "response.output_text.delta":
                break
        stream.close()
        self.assertTrue(self.provider.abandoned.wait(10), "the provider goes on")

    def test_async(self):
        async def ask():
            async with openai.AsyncOpenAI(base_url=self.gateway.url, api_key=KEY, max_retries=0) as client:
                stream = await client.responses.create(model="text", input="Hello?", stream=True)
                return [event async for event in stream]

        events = asyncio.run(ask())
        self.assertEqual(events[-1].response.output_text, "Hello there")


if __name__ == "__main__":
    main("openai")
