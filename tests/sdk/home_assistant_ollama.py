"""Home Assistant's Ollama integration itself (2026.11), between a chat log and the gateway. Run by run.sh with the path of the
binary and of the folder `components` of its wheel.
"""

import asyncio
import json
import types

import ollama

from gateway import KEY
from home_assistant_stand_ins import ChatLog, run_file
from ollama_cases import Case
from results import main


class Ollama(Case):
    def setUp(self):
        super().setUp()
        constants = vars(run_file("ollama/const.py"))
        models = vars(run_file("ollama/models.py"))
        self.entities = run_file("ollama/entity.py", **{**constants, **models})

    def client(self, key):
        """The client that `__init__.py` makes."""
        return ollama.AsyncClient(host=self.host, headers={"Authorization": f"Bearer {key}"} if key else None)

    def ask(self, log, model, key=KEY, structure=None, **settings):
        async def handle():
            client = self.client(key)
            listed = [model["model"] for model in (await client.list()).get("models", [])]
            self.assertIn(f"{model}:latest", listed)
            data = {"model": f"{model}:latest", **settings}
            subentry = types.SimpleNamespace(data=data, subentry_id="s", title="t")
            entity = self.entities.OllamaBaseLLMEntity(types.SimpleNamespace(runtime_data=client, data={}), subentry)
            await entity._async_handle_chat_log(log, structure)  # pylint: disable=protected-access

        asyncio.run(handle())

    def test_a_conversation_with_a_tool(self):
        for key in [KEY, None]:
            for model in ["home", "fallback", "dynamic/n8n"]:
                with self.subTest(model=model, key=key):
                    log = ChatLog("Turn on the light.")
                    self.ask(log, model, key)
                    self.assertEqual(log.content[-1].content, "Hello")
                    call = log.content[2].tool_calls[0]
                    self.assertEqual((call.tool_name, call.tool_args), ("weather", {"city": "Oslo"}))
                    last = self.provider.requests[-1]["messages"]
                    self.assertEqual([message["role"] for message in last], ["system", "user", "assistant", "tool"])
                    self.assertEqual(last[2]["tool_calls"][0]["id"], last[3]["tool_call_id"])
                    self.assertEqual(json.loads(last[3]["content"])["data"], {"done": {"city": "Oslo"}})

    def test_two_calls_in_one_turn(self):
        log = ChatLog("Weather in both?")
        self.ask(log, "calls")
        self.assertEqual(log.content[-1].content, "Hello")
        sent = self.provider.requests[-1]["messages"]
        ids = [call["id"] for call in sent[2]["tool_calls"]]
        self.assertEqual(len(set(ids)), 2)
        results = [(message["tool_call_id"], json.loads(message["content"])["data"]["done"]) for message in sent[3:]]
        self.assertEqual(results, [(ids[0], {"city": "Oslo"}), (ids[1], {"city": "Rome"})])

    def test_thinking_and_data(self):
        for think, thoughts in [(True, "hm"), (False, None)]:
            log = ChatLog("Hi", tools=False)
            self.ask(log, "thinking", think=think)
            self.assertEqual((log.content[-1].content, log.content[-1].thinking_content), ("Hello", thoughts))
        log, schema = ChatLog("Where?", tools=False), {"type": "object", "properties": {}}
        self.ask(log, "home", structure=schema)
        self.assertEqual(self.provider.requests[-1]["response_format"]["json_schema"]["schema"], schema)

    def test_failures(self):
        for model, key, status, words in [
            ("limited", KEY, 429, "rate-limited"),
            ("breaking", KEY, None, "broke"),
            # It asks the user for another key then, and does not take the gateway for another kind of server.
            ("home", "wrong", 401, "unauthorized"),
        ]:
            with self.assertRaises(ollama.ResponseError) as caught:
                self.ask(ChatLog("Hi", tools=False), model, key)
            self.assertIn(words, caught.exception.error)
            self.assertNotIn("http", caught.exception.error)
            if status:
                self.assertEqual(caught.exception.status_code, status)


# The cases of the module that `Case` is from are run of their own.
del Case

if __name__ == "__main__":
    main("ollama")
