"""What Home Assistant's integrations LiteLLM and llama.cpp (2026.11) ask, and read of the answers. Run by run.sh with the
path of the binary.

Both use the openai package. Home Assistant itself is not needed for it, and would take minutes to install.
"""

import asyncio
import json

import openai

from case import Case
from gateway import KEY
from results import main

ROUTE = "dynamic/n8n"
PARAMETERS = {"type": "object", "properties": {"name": {"type": "string"}}}
TOOLS = [{"type": "function", "function": {"name": "HassTurnOn", "parameters": PARAMETERS}}]
ASKED = [{"role": "system", "content": "You are a voice assistant."}, {"role": "user", "content": "Turn on the light."}]


class HomeAssistantCase(Case):
    def run_async(self, work, key=KEY):
        async def with_client():
            async with openai.AsyncOpenAI(base_url=self.gateway.url, api_key=key) as client:
                return await work(client)

        return asyncio.run(with_client())


class SettingUp(HomeAssistantCase):
    async def models(self, client):
        return [model.id async for model in client.with_options(timeout=10.0).models.list()]

    def test_the_routes_are_the_models(self):
        self.assertEqual(self.run_async(self.models)[0], ROUTE)

    def test_a_wrong_key_is_invalid_auth(self):
        with self.assertRaises(openai.AuthenticationError) as caught:
            self.run_async(self.models, key="sk-0000000000000000000")
        # The form shows this member.
        self.assertIn("is wrong", caught.exception.response.json()["error"]["message"])

    def test_the_probes_of_llama_cpp(self):
        """With three tokens and a tool, first plain, then streamed; what fails plain is refused, else not streamed."""

        async def probe(client, model, stream):
            result = await client.chat.completions.create(
                model=model, messages=ASKED, tools=TOOLS, max_tokens=3, stream=stream
            )
            if stream:
                return [event async for event in result]
            return result

        for model in [ROUTE, "brief"]:
            for stream in [False, True]:
                with self.subTest(model=model, stream=stream):
                    self.assertTrue(self.run_async(lambda client: probe(client, model, stream)))


class Conversations(HomeAssistantCase):
    def ask(self, model=ROUTE, messages=ASKED, **more):
        async def create(client):
            result = await client.chat.completions.create(
                model=model, messages=messages, user="01K9QH0T6Y", top_p=1.0, temperature=0.7, max_tokens=3000, **more
            )
            return [chunk async for chunk in result] if more.get("stream") else result

        return self.run_async(create)

    def test_a_tool_is_called_and_answered(self):
        message = self.ask(tools=TOOLS).choices[0].message
        call = message.tool_calls[0]
        self.assertEqual((message.role, json.loads(call.function.arguments)), ("assistant", {"city": "Oslo"}))
        function = {"name": call.function.name, "arguments": call.function.arguments}
        messages = [
            *ASKED,
            {"role": "assistant", "content": None, "tool_calls": [{"type": "function", "id": call.id, "function": function}]},
            {"role": "tool", "tool_call_id": call.id, "content": json.dumps({"data": {}, "error": None})},
        ]
        self.assertEqual(self.ask(messages=messages).choices[0].message.content, "Hello")
        self.assertEqual(self.provider.requests[-1]["messages"], messages)

    def test_calls_in_a_stream_are_told_apart_by_their_index(self):
        """Of each chunk the first call is read; a call without an index of its own would go on with the one before."""
        calls = {}
        for chunk in self.ask("sloppy", tools=TOOLS, stream=True):
            for call in chunk.choices[0].delta.tool_calls or []:
                name, arguments = calls.get(call.index, ("", ""))
                calls[call.index] = (name or call.function.name, arguments + (call.function.arguments or ""))
        arguments = [json.loads(arguments)["city"] for _, arguments in calls.values()]
        self.assertEqual(arguments, ["Oslo", "Bern"])

    def test_a_role_comes_before_the_words_of_a_stream(self):
        chunks = [chunk for chunk in self.ask("sloppy", stream=True) if chunk.choices]
        self.assertEqual(chunks[0].choices[0].delta.role, "assistant")
        self.assertEqual(chunks[-1].choices[0].finish_reason, "stop")

    def test_data_that_was_asked_for_is_json(self):
        schema = {"type": "json_schema", "json_schema": {"name": "place", "strict": True, "schema": PARAMETERS}}
        message = self.ask("sloppy", response_format=schema).choices[0].message
        self.assertEqual(json.loads(message.content), {"city": "Oslo"})

    def test_the_words_of_a_refusal_are_shown(self):
        with self.assertRaises(openai.APIStatusError) as caught:
            self.ask("rejecting")
        self.assertIn("temperature is too high", caught.exception.response.json()["error"]["message"])


class Hearing(HomeAssistantCase):
    def test_what_was_said_is_heard(self):
        """LiteLLM's speech to text: a WAV as bytes under this name, the language without its country."""

        async def transcribe(client):
            return await client.audio.transcriptions.create(
                model=ROUTE, file=("audio.wav", b"RIFF\x00\xff" + bytes(64000)), language="en"
            )

        self.assertEqual(self.run_async(transcribe).text, "Hello")


if __name__ == "__main__":
    main("openai")
