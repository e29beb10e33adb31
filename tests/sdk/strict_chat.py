"""A provider on loopback that speaks chat alone, and refuses what the strictest providers refuse. Its answer is chosen by the
model's name."""

import json
import threading

from provider import Handler as ChatHandler, Provider as ChatProvider, chunk, completion

KNOWN = {
    "model", "messages", "stream", "stream_options", "max_tokens", "temperature", "top_p", "logprobs", "top_logprobs",
    "parallel_tool_calls", "tools", "tool_choice", "response_format", "reasoning_effort",
}
IN_MESSAGES = {
    "system": {"role", "content"},
    "user": {"role", "content"},
    "assistant": {"role", "content", "tool_calls", "reasoning_content"},
    "tool": {"role", "content", "tool_call_id"},
}
USAGE = {**chunk({}), "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}}


def fault(request):
    """What is wrong with a request; None if the strictest takes it."""
    if unknown := set(request) - KNOWN:
        return f"unknown members {sorted(unknown)}"
    if "tools" not in request and {"tool_choice", "parallel_tool_calls"} & set(request):
        return "a choice without tools"
    open_calls, before = set(), None
    for index, message in enumerate(request["messages"]):
        role = message["role"]
        if role not in IN_MESSAGES:
            return f"unknown role {role}"
        if unknown := set(message) - IN_MESSAGES[role]:
            return f"unknown members {sorted(unknown)} of a message"
        if role == "system" and index:
            return "a system message that is not the first"
        if role == "assistant" and before == "assistant":
            return "two messages of the assistant in a row"
        if role == "tool":
            if message["tool_call_id"] not in open_calls or not isinstance(message["content"], str):
                return "a result that is misplaced"
            open_calls.remove(message["tool_call_id"])
        elif open_calls:
            return "a call without its result"
        open_calls |= {call["id"] for call in message.get("tool_calls", [])}
        before = role
    return None


def call(index, name, arguments):
    return {"id": f"call_{index}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}


def pieces(message, reason):
    """The chunks of a message."""
    yield chunk({"role": "assistant", "content": ""})
    for name in ["reasoning_content", "content", "refusal"]:
        for word in (message.get(name) or "").split(" "):
            if word:
                yield chunk({name: word if word == message[name].split(" ")[-1] else word + " "})
    for index, made in enumerate(message.get("tool_calls", [])):
        function = made["function"]
        yield chunk({"tool_calls": [{**made, "index": index, "function": {"name": function["name"], "arguments": ""}}]})
        for at in range(0, len(function["arguments"]), 5):
            piece = function["arguments"][at:at + 5]
            yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield chunk({}, reason)
    yield USAGE


class Provider(ChatProvider):
    def __init__(self):
        super().__init__()
        self.RequestHandlerClass = Handler
        self.faults = []
        # Set once the gateway has closed the connection of `endless`.
        self.abandoned = threading.Event()


class Handler(ChatHandler):
    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(request)
        if wrong := fault(request):
            self.server.faults.append(wrong)
            self.answer(400, {"error": {"message": "no", "code": "invalid_request"}})
        else:
            getattr(self, request["model"].replace("-", "_"))(request)

    def say(self, request, reason="stop", **message):
        if request.get("stream"):
            self.stream(pieces(message, reason))
            self.finish_stream()
        else:
            self.answer(200, completion({"content": None, **message}, reason))

    def text(self, request):
        if request.get("response_format"):
            return self.say(request, content='{"city":"Oslo","degrees":7}')
        self.say(request, content="Hello there")

    def reasoning(self, request):
        self.say(request, reasoning_content="Hm. Well.", content="Hello there")

    def refusal(self, request):
        self.say(request, refusal="I will not.")

    def length(self, request):
        self.say(request, "length", content="Hello and")

    def filtered(self, request):
        self.say(request, "content_filter", content="Hello and")

    def empty_arguments(self, request):
        made = {**call(1, "weather", {}), "function": {"name": "weather", "arguments": ""}}
        self.say(request, "tool_calls", tool_calls=[made])

    def agent(self, request, calls=1, **message):
        """Calls tools, and says what they told once they have."""
        told = [message["content"] for message in request["messages"] if message["role"] == "tool"]
        if told:
            return self.say(request, content=f"It is {' and '.join(told)}.")
        name = request["tools"][0]["function"]["name"]
        made = [call(index, name, {"city": city}) for index, city in enumerate(["Oslo", "Bern"][:calls])]
        self.say(request, "tool_calls", tool_calls=made, **message)

    def two_calls(self, request):
        self.agent(request, 2)

    def beside(self, request):
        self.agent(request, content="I look. ")

    def thoughtful(self, request):
        """Wants its reasoning back in the turn that it was said in, as DeepSeek does."""
        for message in request["messages"]:
            if message.get("tool_calls") and message.get("reasoning_content") != "Which city?":
                self.server.faults.append("the reasoning is not there")
                return self.answer(400, {"error": {"message": "no", "code": "invalid_request"}})
        self.agent(request, reasoning_content="Which city?")

    def custom(self, request):
        """Calls a tool that takes a text, of a client that knows it so."""
        self.say(request, "tool_calls", tool_calls=[call(1, request["tools"][0]["function"]["name"], {"input": "a\n\"b\""})])

    def endless(self, _):
        """Goes on until the gateway closes."""
        self.stream([chunk({"content": "Hello"})])
        try:
            while True:
                self.event(json.dumps(chunk({"content": " again"})))
                self.server.abandoned.wait(0.02)
        except OSError:
            self.server.abandoned.set()
        self.close_connection = True

    def breaking(self, request):
        """Begins a stream and drops the connection."""
        if not request.get("stream"):
            return self.down(request)
        self.stream([chunk({"role": "assistant", "content": ""}), chunk({"content": "Hello"})])
        self.close_connection = True
