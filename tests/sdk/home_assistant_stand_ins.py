"""What stands in for Home Assistant around the files of its integrations, which are run as they stand.

Home Assistant itself needs hundreds of packages: the files that talk to a server need these few names of it.
"""

import ast
import itertools
import json
import re
import sys
import types

IDS = itertools.count()
FOREIGN = ("homeassistant", "jsonpath", "probatio", "yarl")


class HomeAssistantError(Exception):
    def __init__(self, *words, translation_key=None, translation_placeholders=None, **_):
        super().__init__(*words)
        self.key, self.placeholders = translation_key, translation_placeholders


class Entity:
    """The base of an entity, whatever it is of."""

    hass, entity_id = None, "conversation.gateway"

    def __class_getitem__(cls, _):
        return cls

    def __init__(self, *_):
        pass


class Content(types.SimpleNamespace):
    pass


class AssistantContent(Content):
    pass


class ToolResultContent(Content):
    pass


class ToolInput(types.SimpleNamespace):
    """A call, with an id of Home Assistant's own where the integration has none."""

    def __init__(self, **members):
        super().__init__(**{"id": f"01K9QH{next(IDS)}", **members})


class Hass:
    @staticmethod
    async def async_add_executor_job(work):
        return work()


STAND_INS = {
    "HomeAssistantError": HomeAssistantError, "TemplateError": HomeAssistantError,
    "CoordinatorEntity": Entity, "Entity": Entity, "LiteLLMDataUpdateCoordinator": None,
    "CONF_MODEL": "model", "CONF_API_KEY": "api_key", "CONF_URL": "url", "override": lambda method: method,
    "get_async_client": lambda _: None, "json_dumps": json.dumps,
    "to_openapi": lambda schema, **_: schema, "probatio": types.SimpleNamespace(to_openapi=lambda schema, **_: schema),
    "dr": types.SimpleNamespace(DeviceInfo=dict, DeviceEntryType=types.SimpleNamespace(SERVICE="service")),
    "llm": types.SimpleNamespace(ToolInput=ToolInput, selector_serializer=None),
    "conversation": types.SimpleNamespace(
        ToolResultContent=ToolResultContent, AssistantContent=AssistantContent,
        UserContent=type("UserContent", (Content,), {}), SystemContent=type("SystemContent", (Content,), {}),
    ),
    "stt": types.SimpleNamespace(
        SpeechToTextEntity=type("SpeechToTextEntity", (), {}),
        SpeechResult=lambda text, state: (text, state), SpeechResultState=types.SimpleNamespace(SUCCESS=True, ERROR=False),
    ),
    "DEFAULT_INSTRUCTIONS_PROMPT": "",
}


def is_foreign(node):
    """Whether a statement brings in what has a stand-in."""
    if isinstance(node, ast.Import):
        return node.names[0].name.split(".")[0] in FOREIGN
    if not isinstance(node, ast.ImportFrom):
        return False
    return node.level > 0 or node.module.split(".")[0] in FOREIGN


def run_file(path, *wanted, **names):
    """The names of a file as it stands, its own constants and the stand-ins among them; of some files the wanted alone."""
    with open(f"{sys.argv[2]}/{path}", encoding="utf-8") as file:
        source = file.read()
    # What Python 3.11 has not: `override`, and classes of exceptions without brackets, came later.
    source = source.replace("from typing import override\n", "").replace(", override\n", "\n")
    source = re.sub(r"except (\w+(?:, \w+)+):", r"except (\1):", source)
    tree = ast.parse(source)
    body = [node for node in tree.body if not is_foreign(node)]
    if wanted:
        imports = (ast.Import, ast.ImportFrom)
        body = [node for node in body if isinstance(node, imports) or getattr(node, "name", None) in wanted]
    body = ast.parse("from __future__ import annotations").body + body
    known = {**STAND_INS, **names, "__name__": __name__, "__package__": "homeassistant"}
    exec(compile(ast.Module(body, []), path, "exec"), known)  # pylint: disable=exec-used
    return types.SimpleNamespace(**{name: value for name, value in known.items() if not name.startswith("__")})


def constants(component):
    values = {"LLM_API_ASSIST": "assist", "DEFAULT_INSTRUCTIONS_PROMPT": ""}
    return vars(run_file(f"{component}/const.py", CONF_LLM_HASS_API="api", CONF_PROMPT="prompt",
                         llm=types.SimpleNamespace(**values))) | {"llm": STAND_INS["llm"]}


class ChatLog:
    """A conversation as Home Assistant keeps it, with one tool that turns on what it is told to."""

    def __init__(self, said, tools=True):
        of = STAND_INS["conversation"]
        self.conversation_id = "01K9QH0T6Y"
        self.content = [
            of.SystemContent(role="system", content="You are a voice assistant."),
            of.UserContent(role="user", content=said, attachments=None),
        ]
        tool = types.SimpleNamespace(name="HassTurnOn", description="Turns on", parameters={"type": "object", "properties": {}})
        self.llm_api = types.SimpleNamespace(custom_serializer=None, tools=[tool]) if tools else None
        self.unresponded_tool_results = False

    async def async_add_delta_content_stream(self, _, deltas):
        words, thoughts, calls, roles = "", "", [], []
        async for delta in deltas:
            roles += [delta["role"]] if "role" in delta else []
            words += delta.get("content") or ""
            thoughts += delta.get("thinking_content") or ""
            calls += delta.get("tool_calls", [])
        assert roles in ([], ["assistant"]), "each role begins a message, and none but this one is known"
        assert len({call.id for call in calls}) == len(calls), "of calls with one id the last one counts"
        said = AssistantContent(
            role="assistant", content=words or None, thinking_content=thoughts or None, tool_calls=calls
        )
        results = [
            ToolResultContent(
                role="tool_result", tool_call_id=call.id, result=types.SimpleNamespace(data={"done": call.tool_args}, error=None)
            )
            for call in calls
        ]
        self.unresponded_tool_results = bool(results)
        for content in [said, *results]:
            self.content.append(content)
            yield content
