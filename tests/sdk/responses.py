"""What users of `responses` of the openai package get from the gateway. Run by run.sh with the path of the binary."""

import sys

import openai
import pydantic
from openai.types.responses import Response, ResponseStreamEvent

import native
from cases import Case
from gateway import NATIVE, Gateway
from results import main

EVENT = pydantic.TypeAdapter(ResponseStreamEvent)


class Responses(Case):
    @classmethod
    def setUpClass(cls):
        cls.provider = native.Provider()
        cls.gateway = Gateway(sys.argv[1], cls.provider.url, NATIVE)

    def create(self, model="native", **more):
        return self.client.responses.create(model=model, input="Hello?", **more)

    def test_plain(self):
        answer = self.create()
        self.assertEqual((answer.output_text, answer.model, answer.usage.total_tokens), ("Hello", "native", 8))
        self.assertEqual(answer.model_extra["routing_summary"]["route_name"], "native")

    def test_a_call(self):
        answer = self.create(tools=[{"type": "function", "name": "weather", "parameters": {}}])
        self.assertEqual((answer.output[0].call_id, answer.output[0].arguments), ("call_1", '{"city":"Oslo"}'))

    def test_streamed(self):
        events = list(self.create(stream=True))
        self.assertEqual("".join(event.delta for event in events if event.type == "response.output_text.delta"), "Hello")
        for event in events:
            EVENT.validate_python(event.to_dict())
        self.assertEqual(events[-1].response.model, "native")

    def test_the_librarys_own_accumulator(self):
        with self.client.responses.stream(model="native", input="Hello?") as stream:
            for _ in stream:
                pass
            self.assertEqual(stream.get_final_response().output_text, "Hello")

    def test_a_fallback(self):
        for model in ["fallback", "chat-first"]:
            self.assertEqual(self.create(model).output_text, "Hello")
            last = list(self.create(model, stream=True))[-1]
            self.assertEqual(last.response.output_text, "Hello")

    def test_a_cut_stream_raises(self):
        events = []
        with self.assertRaises(openai.APIError) as raised:
            for event in self.create("breaking", stream=True):
                events.append(event)
        self.assertIn("the stream broke", str(raised.exception))
        self.assertEqual(events[-1].type, "response.failed")
        Response.model_validate(events[-1].response.to_dict())

    def test_nothing_is_kept(self):
        for ask in [self.client.responses.retrieve, self.client.responses.delete, self.client.responses.cancel,
                    self.client.responses.input_items.list]:
            with self.assertRaises(openai.NotFoundError) as raised:
                ask("resp_1")
            self.assertIn("keeps no responses", str(raised.exception))

    def test_typed_errors(self):
        with self.assertRaises(openai.RateLimitError) as raised:
            self.create("limited")
        self.assertEqual(raised.exception.response.headers["retry-after"], "17")
        with self.assertRaises(openai.BadRequestError) as raised:
            self.create("native", background=True)
        self.assertEqual(raised.exception.param, "background")


if __name__ == "__main__":
    main("openai")
