"""The provider's other endpoints: completions, audio, images. The model's name chooses the answer, as for chat."""

import base64
import email
import json

SOUND = b"ID3\x04\x00\xff\xfb\x90" + bytes(range(256)) * 400
SAMPLES = bytes(range(256)) * 100
PICTURE = b"\x89PNG\r\n\x1a\n--picture"
SRT = "1\n00:00:00,000 --> 00:00:01,000\nHello\n"


def completion(text, finish_reason):
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish_reason}
    return {"id": "cmpl-1", "object": "text_completion", "created": 1700000000, "model": "up", "choices": [choice]}


def parts(content_type, body):
    """The parts of a form: (name, file name, content)."""
    message = email.message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    return [
        (part.get_param("name", header="content-disposition"), part.get_filename(), part.get_payload(decode=True))
        for part in message.get_payload()
    ]


class Media:
    """Answers to what is no chat. Mixed into the provider's handler."""

    def media(self, path, body):
        kind = self.headers["Content-Type"]
        if kind.startswith("multipart/"):
            form = parts(kind, body)
            request = {name: content.decode() for name, file, content in form if file is None}
            request["files"] = [(name, file, content) for name, file, content in form if file is not None]
        else:
            request = json.loads(body)
        request["path"] = path
        self.server.requests.append(request)
        if request["model"] == "down":
            return self.down(request)
        getattr(self, path.removeprefix("/v1/").replace("/", "_"))(request)

    def completions(self, request):
        if request.get("stream"):
            self.stream([completion("Hel", None), completion("lo", None), completion("", "stop")])
            return self.finish_stream()
        usage = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
        text = "" if request.get("suffix") else "Hello"
        self.answer(200, {**completion(text, "stop"), "usage": usage})

    def moderations(self, request):
        verdict = {"categories": {"violence": True}, "category_scores": {"violence": 0.9}}
        results = [verdict] * (len(request["input"]) if isinstance(request["input"], list) else 1)
        self.answer(200, {"id": "modr-1", "model": "up", "results": results})

    def audio_transcriptions(self, request):
        self.transcript(request)

    def audio_translations(self, request):
        self.transcript(request)

    def transcript(self, request):
        form = request.get("response_format", "json")
        if request.get("stream") == "true":
            self.stream(
                [
                    {"type": "transcript.text.delta", "delta": "Hel"},
                    {"type": "transcript.text.delta", "delta": "lo"},
                    {"type": "transcript.text.done", "text": "Hello"},
                ]
            )
            self.finish_stream()
        elif form in ("srt", "text"):
            self.send("text/plain", (SRT if form == "srt" else "Hello\n").encode())
        else:
            verbose = {"language": "en", "duration": 1.0, "segments": [], "task": "transcribe"}
            self.answer(200, {"text": "Hello", **(verbose if form == "verbose_json" else {})})

    def audio_speech(self, request):
        if request.get("stream_format") == "sse":
            audio = base64.b64encode(SOUND).decode()
            self.stream([{"type": "speech.audio.delta", "audio": audio}, {"type": "speech.audio.done", "usage": {}}])
            return self.wfile.write(b"0\r\n\r\n")
        sound, kind = SOUND, "audio/mpeg"
        if request.get("response_format") == "pcm" and request["model"] != "compressing":
            sound, kind = SAMPLES, "audio/pcm"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        half = len(sound) // 2
        for piece in (sound[:half], sound[half:]):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            if request["model"] == "breaking":
                self.close_connection = True
                return
        self.wfile.write(b"0\r\n\r\n")

    def images_generations(self, request):
        self.pictures(request, "image_generation")

    def images_edits(self, request):
        self.pictures(request, "image_edit")

    def images_variations(self, request):
        self.pictures(request, "image_edit")

    def pictures(self, request, kind):
        picture = base64.b64encode(PICTURE).decode()
        if request.get("stream") in (True, "true"):
            beside = {"created_at": 1, "size": "1024x1024", "quality": "low", "background": "opaque", "output_format": "png"}
            self.stream(
                [
                    {"type": f"{kind}.partial_image", "b64_json": picture, "partial_image_index": 0, **beside},
                    {"type": f"{kind}.completed", "b64_json": picture, **beside},
                ]
            )
            return self.wfile.write(b"0\r\n\r\n")
        self.answer(200, {"created": 1700000000, "data": [{"b64_json": picture}]})

    def send(self, kind, body):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
