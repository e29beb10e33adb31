"""A provider on loopback that speaks chat, Responses and Messages; its answer is chosen by the model's name."""

import json

from provider import CALL, WORDS, Provider as ChatProvider, Handler as ChatHandler, call, chunk, completion

CHAT = "/v1/chat/completions"


def frame(status, output):
    return {
        "id": "resp_1", "object": "response", "created_at": 1700000000, "status": status, "error": None,
        "incomplete_details": None, "instructions": None, "metadata": {}, "model": "upstream-model", "output": output,
        "parallel_tool_calls": True, "temperature": 1.0, "tool_choice": "auto", "tools": [], "top_p": 1.0,
        "usage": None if status == "in_progress" else {
            "input_tokens": 3, "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0}, "output_tokens": 5,
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 8},
    }


def part(text):
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def item(text):
    return {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part(text)]}


CALL_ITEM = {"id": "fc_1", "type": "function_call", "status": "completed", "call_id": "call_1", "name": "weather",
             "arguments": '{"city":"Oslo"}'}
PLACE = {"item_id": "msg_1", "output_index": 0, "content_index": 0}


def numbered(events):
    return [{"type": f"response.{kind}", "sequence_number": number, **members} for number, (kind, members) in enumerate(events)]


RESPONSE = numbered([
    ("created", {"response": frame("in_progress", [])}),
    ("in_progress", {"response": frame("in_progress", [])}),
    ("output_item.added", {"output_index": 0, "item": {**item(""), "content": [], "status": "in_progress"}}),
    ("content_part.added", {**PLACE, "part": part("")}),
    ("output_text.delta", {**PLACE, "delta": "Hel", "logprobs": []}),
    ("output_text.delta", {**PLACE, "delta": "lo", "logprobs": []}),
    ("output_text.done", {**PLACE, "text": "Hello", "logprobs": []}),
    ("content_part.done", {**PLACE, "part": part("Hello")}),
    ("output_item.done", {"output_index": 0, "item": item("Hello")}),
    ("completed", {"response": frame("completed", [item("Hello")])}),
])


def message(content, stop_reason):
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "upstream-model", "content": content,
        "stop_reason": stop_reason, "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 5},
    }


TOOL_USE = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}}


def blocks(*pieces):
    start = message([], None)
    yield {"type": "message_start", "message": {**start, "usage": {"input_tokens": 3, "output_tokens": 1}}}
    for index, (block, deltas) in enumerate(pieces):
        yield {"type": "content_block_start", "index": index, "content_block": block}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}


def ended(stop_reason):
    yield {"type": "message_delta", "delta": {"stop_reason": stop_reason, "stop_sequence": None}, "usage": {"output_tokens": 5}}
    yield {"type": "message_stop"}


TEXT = ({"type": "text", "text": ""}, [{"type": "text_delta", "text": "Hel"}, {"type": "text_delta", "text": "lo"}])
THINKING = ({"type": "thinking", "thinking": "", "signature": ""},
            [{"type": "thinking_delta", "thinking": "hm"}, {"type": "signature_delta", "signature": "c2lnbmVk"}])
USE = ({**TOOL_USE, "input": {}}, [{"type": "input_json_delta", "partial_json": '{"city":'},
                                   {"type": "input_json_delta", "partial_json": '"Oslo"}'}])


# The counts of tokens come behind the end of a stream of chat.
COUNTS = {**chunk({}), "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}}


class Provider(ChatProvider):
    def __init__(self):
        super().__init__()
        self.RequestHandlerClass = Handler


class Handler(ChatHandler):
    def do_POST(self):
        if self.path.endswith("/count_tokens"):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.answer(200, {"input_tokens": 42})
        else:
            super().do_POST()

    def good(self, request):
        if self.path == CHAT:
            return self.chat(request)
        tools = request.get("tools")
        if self.path == "/v1/responses":
            whole = frame("completed", [CALL_ITEM if tools else item("Hello")])
            events = RESPONSE
        else:
            pieces = [USE] if tools else [THINKING, TEXT] if request.get("thinking") else [TEXT]
            reason = "tool_use" if tools else "end_turn"
            whole = message([TOOL_USE] if tools else [{"type": "text", "text": "Hello"}], reason)
            events = [*blocks(*pieces), *ended(reason)]
        if request.get("stream"):
            self.stream(events)
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.answer(200, whole)

    def chat(self, request, thought=None):
        """Refuses members that Messages has and chat has not, as strict providers do."""
        unknown = set(request) & {"system", "thinking", "metadata", "stop_sequences", "context_management", "output_config"}
        if unknown or any(message["role"] == "system" for message in request["messages"][1:]):
            return self.answer(400, {"error": {"message": f"{unknown}: Extra inputs are not permitted"}})
        asks = request.get("tools") and request["messages"][-1]["role"] != "tool"
        if asks:
            message, events, reason = {"content": None, "tool_calls": [call('{"city":"Oslo"}')]}, CALL, "tool_calls"
        else:
            message, events, reason = {"content": "Hello"}, WORDS, "stop"
        if thought:
            message["reasoning_content"] = thought
            events = [events[0], chunk({"reasoning_content": thought}), *events[1:]]
        if request.get("stream"):
            self.stream([*events, COUNTS])
            self.finish_stream()
        else:
            self.answer(200, completion(message, reason))

    def reasoner(self, request):
        self.chat(request, "hm")

    def breaking(self, request):
        """Begins a stream and drops the connection."""
        begun = {CHAT: WORDS[:2], "/v1/responses": RESPONSE[:5]}.get(self.path, list(blocks(TEXT))[:3])
        self.stream(begun)
        self.close_connection = True

    def event(self, data):
        if self.path == CHAT:
            return super().event(data)
        name = json.loads(data)["type"]
        event = f"event: {name}\ndata: {data}\n\n".encode()
        self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))
