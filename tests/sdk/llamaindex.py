"""What users of LlamaIndex get from the gateway. Run by run.sh with the path of the binary."""

from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike

from case import Case
from gateway import KEY
from results import main


def weather(city: str) -> str:
    """Tells the weather of a city."""
    return f"rain in {city}"


class Answers(Case):
    def llm(self, model="dynamic/n8n"):
        # Without is_chat_model it asks /v1/completions.
        return OpenAILike(
            model=model,
            api_base=self.gateway.url,
            api_key=KEY,
            is_chat_model=True,
            is_function_calling_model=True,
            max_retries=0,
        )

    def test_a_completion(self):
        self.assertEqual(self.llm().complete("Hello?").text, "Hello")

    def test_chat(self):
        answer = self.llm().chat([ChatMessage(role="user", content="Hello?")])
        self.assertEqual(answer.message.content, "Hello")

    def test_chat_streamed(self):
        pieces = self.llm().stream_chat([ChatMessage(role="user", content="Hello?")])
        self.assertEqual("".join(piece.delta for piece in pieces), "Hello")

    def test_a_fallback(self):
        self.assertEqual(self.llm("fallback").complete("Hello?").text, "Hello")

    def test_a_tool_is_called(self):
        answer = self.llm().predict_and_call([FunctionTool.from_defaults(weather)], "How is it in Oslo?")
        self.assertEqual(answer.response, "rain in Oslo")


if __name__ == "__main__":
    main("llama-index-llms-openai-like")
