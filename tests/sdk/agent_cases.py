"""What agents of openai-agents and LangChain get from the Responses endpoint on a provider that speaks chat alone. Run by run.sh
with the path of the binary."""

import asyncio

import agents
import openai
import pydantic
from agents import Agent, ModelSettings, OpenAIResponsesModel, Runner, function_tool
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI

from gateway import KEY
from results import main
from translated_case import TranslatedCase

agents.set_tracing_disabled(True)
LOOPS = [("agent", "It is 7."), ("two-calls", "It is 7 and 7."), ("beside", "It is 7."), ("thoughtful", "It is 7.")]


class Weather(pydantic.BaseModel):
    city: str
    degrees: int


@function_tool
def weather(city: str) -> str:
    """Tells the weather."""
    return "7"


class Agents(TranslatedCase):
    def agent(self, client, model, **more):
        return Agent(name="a", instructions="Be brief.", model=OpenAIResponsesModel(model=model, openai_client=client),
                     model_settings=ModelSettings(store=False), **more)

    def run_agent(self, model, stream, **more):
        async def run():
            async with openai.AsyncOpenAI(base_url=self.gateway.url, api_key=KEY, max_retries=0) as client:
                agent = self.agent(client, model, **more)
                if not stream:
                    return (await Runner.run(agent, "Weather?")).final_output
                result = Runner.run_streamed(agent, "Weather?")
                async for _ in result.stream_events():
                    pass
                return result.final_output

        return asyncio.run(run())

    def test_loops(self):
        for model, expected in LOOPS:
            for stream in [False, True]:
                with self.subTest(model=model, stream=stream):
                    self.assertEqual(self.run_agent(model, stream, tools=[weather]), expected)

    def test_an_output_type(self):
        for stream in [False, True]:
            self.assertEqual(self.run_agent("text", stream, output_type=Weather), Weather(city="Oslo", degrees=7))

    def test_a_cut_raises(self):
        with self.assertRaises(agents.ModelBehaviorError) as raised:
            self.run_agent("breaking", True)
        self.assertIn("the stream broke", str(raised.exception))


class LangChain(TranslatedCase):
    def chat(self, model, **more):
        return ChatOpenAI(model=model, base_url=self.gateway.url, api_key=KEY, max_retries=0, use_responses_api=True, **more)

    def asked(self, chat, conversation, stream):
        if not stream:
            return chat.invoke(conversation)
        whole = None
        for chunk in chat.stream(conversation):
            whole = chunk if whole is None else whole + chunk
        return whole

    def test_loops(self):
        tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
        for model, expected in LOOPS:
            for stream in [False, True]:
                with self.subTest(model=model, stream=stream):
                    chat = self.chat(model, reasoning={"summary": "auto"} if model == "thoughtful" else None)
                    chat = chat.bind_tools([tool])
                    conversation = [HumanMessage("Weather?")]
                    answer = self.asked(chat, conversation, stream)
                    self.assertEqual(answer.usage_metadata["total_tokens"], 8)
                    conversation.append(answer)
                    conversation += [ToolMessage("7", tool_call_id=call["id"]) for call in answer.tool_calls]
                    answer = self.asked(chat, conversation, stream)
                    self.assertEqual(answer.text, expected)

    def test_reasoning(self):
        for stream in [False, True]:
            answer = self.asked(self.chat("reasoning", reasoning={"summary": "auto"}), "Hello?", stream)
            thoughts = [block for block in answer.content_blocks if block["type"] == "reasoning"]
            self.assertEqual("".join(block["reasoning"] for block in thoughts), "Hm. Well.")

    def test_structured_output(self):
        answer = self.chat("text").with_structured_output(Weather, method="json_schema").invoke("Weather?")
        self.assertEqual(answer, Weather(city="Oslo", degrees=7))

    def test_a_cut_raises(self):
        with self.assertRaises(ValueError) as raised:
            self.asked(self.chat("breaking"), "Hello?", True)
        self.assertIn("the stream broke", str(raised.exception))


if __name__ == "__main__":
    main("openai-agents")
