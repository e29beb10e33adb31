"""Home Assistant's integrations LiteLLM and llama.cpp themselves (2026.11), between a chat log and the gateway. Run by run.sh
with the path of the binary and of the folder `components` of its wheel.
"""

import asyncio
import contextlib
import json
import types

import openai

from case import Case
from gateway import KEY
from home_assistant_stand_ins import ChatLog, Hass, HomeAssistantError, constants, run_file
from results import main

ROUTE = "dynamic/n8n"


class HomeAssistantCase(Case):
    def check_conversation(self, log):
        """A call, its result, and words: the call's arguments and id have come back as they were."""
        self.assertEqual(log.content[-1].content, "Hello")
        call = log.content[2].tool_calls[0]
        self.assertEqual((call.tool_name, call.tool_args), ("weather", {"city": "Oslo"}))
        last = self.provider.requests[-1]["messages"]
        self.assertEqual([message["role"] for message in last], ["system", "user", "assistant", "tool"])
        self.assertEqual(last[2]["tool_calls"][0]["id"], last[3]["tool_call_id"])


class LiteLLM(HomeAssistantCase):
    def setUp(self):
        super().setUp()
        self.constants = constants("litellm")

    def entity(self, client, model=ROUTE, key="entity"):
        events = []
        coordinator = types.SimpleNamespace(
            client=client, async_set_updated_data=lambda _: events.append("reached"),
            mark_connection_error=lambda: events.append("lost"), async_request_refresh=self.refresh(events),
        )
        base = run_file("litellm/entity.py", **self.constants)
        names = {**self.constants, "LiteLLMEntity": base.LiteLLMEntity, "PARALLEL_UPDATES": 0}
        kind = base.LiteLLMEntity if key == "entity" else run_file("litellm/stt.py", **names).LiteLLMSTTEntity
        subentry = types.SimpleNamespace(data={"model": model}, subentry_id="s", title="t")
        return kind(types.SimpleNamespace(runtime_data=coordinator), subentry), events

    @staticmethod
    def refresh(events):
        async def refresh():
            events.append("refused")

        return refresh

    async def ask(self, log, model=ROUTE, key=KEY):
        async with openai.AsyncOpenAI(base_url=self.gateway.url, api_key=key, max_retries=0) as client:
            entity, events = self.entity(client, model)
            entity.coordinator = entity.entry.runtime_data
            # The log's iteration has an end of its own.
            try:
                await entity._async_handle_chat_log(log)  # pylint: disable=protected-access
            except HomeAssistantError:
                events.append("failed")
            return events

    def test_the_form(self):
        names = {"AsyncOpenAI": openai.AsyncOpenAI, "PLACEHOLDER_API_KEY": self.constants["PLACEHOLDER_API_KEY"]}
        faults = {name: type(name, (Exception,), {}) for name in ["CannotConnect", "InvalidAuth"]}
        form = run_file("litellm/config_flow.py", "_get_models", **names, **faults)
        models = asyncio.run(form._get_models(None, self.gateway.url, KEY))  # pylint: disable=protected-access
        self.assertEqual(models[0], ROUTE)
        for key in [None, "wrong"]:
            with self.assertRaises(faults["InvalidAuth"]):
                asyncio.run(form._get_models(None, self.gateway.url, key))  # pylint: disable=protected-access

    def test_a_conversation_with_a_tool(self):
        for model in [ROUTE, "fallback"]:
            log = ChatLog("Turn on the light.")
            self.assertEqual(asyncio.run(self.ask(log, model)), ["reached"])
            self.check_conversation(log)

    def test_failures(self):
        self.assertEqual(asyncio.run(self.ask(ChatLog("Hi"), key="wrong")), ["refused", "failed"])
        # It stays available: the gateway is there, though its providers are not.
        self.assertEqual(asyncio.run(self.ask(ChatLog("Hi"), "down")), ["reached", "failed"])

    def test_speech(self):
        async def hear():
            async def pieces():
                yield bytes(32000)

            async with openai.AsyncOpenAI(base_url=self.gateway.url, api_key=KEY, max_retries=0) as client:
                entity, _ = self.entity(client, "fallback", "stt")
                of = types.SimpleNamespace
                metadata = of(channel=of(value=1), bit_rate=of(value=16), sample_rate=of(value=16000), language="en-US")
                return await entity.async_process_audio_stream(metadata, pieces())

        self.assertEqual(asyncio.run(hear()), ("Hello", True))
        self.assertTrue(self.provider.requests[0]["files"][0][2].startswith(b"RIFF"))


class LlamaCpp(HomeAssistantCase):
    def setUp(self):
        super().setUp()
        names = constants("llama_cpp")
        self.api = run_file("llama_cpp/api.py", **names)
        self.entities = run_file("llama_cpp/entity.py", **names, api_error_handler=self.api.api_error_handler)

    @contextlib.asynccontextmanager
    async def connected(self, key=KEY):
        data = {"api_key": key, "base_url": self.gateway.url}
        async with await self.api.async_create_client(Hass, data) as client:
            yield client

    def ask(self, log, streaming, model=ROUTE, **structure):
        async def handle():
            async with self.connected() as client:
                entry = types.SimpleNamespace(runtime_data=client, data={})
                data = {"chat_model": model, "streaming": streaming}
                subentry = types.SimpleNamespace(data=data, subentry_id="s", title="t")
                entity = self.entities.LlamaCppBaseLLMEntity(entry, subentry)
                await entity._async_handle_chat_log(log, **structure)  # pylint: disable=protected-access

        asyncio.run(handle())

    def test_the_form(self):
        async def form(key, model):
            async with self.connected(key) as client:
                models = await self.api.async_list_models(client)
                for stream in [False, True]:
                    await self.api.async_validate_completions(client, model, stream)
                return models

        self.assertEqual(asyncio.run(form(KEY, "brief"))[0], ROUTE)
        with self.assertRaises(HomeAssistantError) as caught:
            asyncio.run(form(None, ROUTE))
        self.assertEqual(caught.exception.key, "invalid_auth")
        self.assertIn("is wrong", caught.exception.placeholders["message"])

    def test_a_conversation_with_a_tool(self):
        for streaming in [False, True]:
            for model in [ROUTE, "fallback"]:
                with self.subTest(streaming=streaming, model=model):
                    log = ChatLog("Turn on the light.")
                    self.ask(log, streaming, model)
                    self.check_conversation(log)

    def test_data(self):
        log = ChatLog("Where?", tools=False)
        self.ask(log, True, "sloppy", structure_name="place", structure={"type": "object"})
        self.assertEqual(json.loads(log.content[-1].content), {"city": "Oslo"})

    def test_failures(self):
        with self.assertRaises(HomeAssistantError) as caught:
            self.ask(ChatLog("Hi"), False, "rejecting")
        self.assertIn("temperature is too high", caught.exception.placeholders["message"])
        with self.assertRaises(HomeAssistantError) as caught:
            self.ask(ChatLog("Hi", tools=False), True, "breaking")
        self.assertIn("the stream broke", caught.exception.placeholders["message"])


if __name__ == "__main__":
    main("openai")
