"""What Home Assistant's OpenAI integration (2026.11) makes of the streams of a provider that speaks chat alone. Run by run.sh with
the path of the binary and of the folder `components` of its wheel.

Home Assistant itself needs hundreds of packages: the one function that reads streams is taken out of the file as it stands.
"""

import ast
import asyncio
import json
import logging
import re
import sys
import types

import openai
import openai.types.responses
from openai.types.responses.response_output_item import ImageGenerationCall

from gateway import KEY
from results import main
from translated_case import TranslatedCase


class HomeAssistantError(Exception):
    pass


def transform_stream():
    path = f"{sys.argv[2]}/openai_conversation/entity.py"
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    wanted = [node for node in tree.body if getattr(node, "name", None) == "_transform_stream"]
    future = ast.parse("from __future__ import annotations").body
    names = {
        **vars(openai.types.responses), "ImageGenerationCall": ImageGenerationCall, "HomeAssistantError": HomeAssistantError,
        "LOGGER": logging.getLogger("none"), "json": json, "re": re,
        "llm": types.SimpleNamespace(ToolInput=lambda **members: members),
    }
    exec(compile(ast.Module([*future, *wanted], []), path, "exec"), names)  # pylint: disable=exec-used
    return names["_transform_stream"]


class Streams(TranslatedCase):
    def heard(self, model):
        """What the integration hears, with what it sends (`entity.py`, `_async_handle_chat_log`)."""

        async def listen():
            log = types.SimpleNamespace(async_trace=lambda trace: heard.append(trace["stats"]))
            async with openai.AsyncOpenAI(base_url=self.gateway.url, api_key=KEY, max_retries=0) as client:
                stream = await client.responses.create(
                    model=model, stream=True, store=False, user="01K9QH0T6Y", max_output_tokens=3000, top_p=1.0,
                    temperature=1.0, prompt_cache_retention="24h", include=["reasoning.encrypted_content"],
                    input=[{"type": "message", "role": "developer", "content": "You are a voice assistant."},
                           {"type": "message", "role": "user", "content": "Weather?"}],
                    tools=[{"type": "function", "name": "weather", "description": "d", "strict": False,
                            "parameters": {"type": "object", "properties": {}}}],
                )
                async for delta in transform_stream()(log, stream):
                    heard.append(delta)

        heard = []
        asyncio.run(listen())
        return heard

    def said(self, model, member):
        return [delta[member] for delta in self.heard(model) if member in delta]

    def test_text_and_thoughts(self):
        self.assertEqual("".join(self.said("text", "content")), "Hello there")
        self.assertEqual(self.said("text", "output_tokens"), [5])
        self.assertEqual("".join(self.said("reasoning", "thinking_content")), "Hm. Well.")
        native = self.said("reasoning", "native")
        self.assertTrue(native[0].encrypted_content.startswith("agw1_"))

    def test_calls(self):
        def arguments(model):
            return [call["tool_args"] for calls in self.said(model, "tool_calls") for call in calls]

        self.assertEqual(arguments("agent"), [{"city": "Oslo"}])
        self.assertEqual(arguments("two-calls"), [{"city": "Oslo"}, {"city": "Bern"}])
        self.assertEqual(arguments("empty-arguments"), [{}])

    def test_errors_can_be_read(self):
        for model, words in [("length", "max output tokens reached"), ("filtered", "content filter"), ("breaking", "the stream broke")]:
            with self.assertRaises(HomeAssistantError) as raised:
                self.heard(model)
            self.assertIn(words, str(raised.exception))


if __name__ == "__main__":
    main("openai")
