"""Completions, audio and images, as users of the openai package ask for them."""

import base64
import io

import openai

from case import Case
from gateway import WITH_DEFAULTS
from media_provider import PICTURE, SOUND, SRT

RECORDING = b"RIFF\x00\xff\r\n--\r\n" + bytes(range(256)) * 300


class Completions(Case):
    def test_plain(self):
        answer = self.client.completions.create(model="fallback", prompt="Hello?")
        self.assertEqual((answer.choices[0].text, answer.model), ("Hello", "fallback"))
        self.assertEqual(answer.usage.total_tokens, 8)
        self.assertEqual(len(answer.model_extra["routing_summary"]["steps"]), 2)

    def test_streamed(self):
        chunks = list(self.client.completions.create(model="dynamic/n8n", prompt="Hello?", stream=True))
        self.assertEqual("".join(chunk.choices[0].text for chunk in chunks), "Hello")
        self.assertEqual(chunks[-1].choices[0].finish_reason, "stop")

    def test_nothing_before_a_suffix(self):
        answer = self.client.completions.create(model="dynamic/n8n", prompt="f(", suffix=")")
        self.assertEqual((answer.choices[0].text, answer.choices[0].finish_reason), ("", "stop"))

    def test_token_ids_for_another_vocabulary(self):
        with self.assertRaises(openai.BadRequestError) as caught:
            self.client.completions.create(model="dynamic/n8n", prompt=[1, 2, 3])
        self.assertEqual(caught.exception.param, "prompt")


class Transcriptions(Case):
    def transcribe(self, model="dynamic/n8n", **more):
        recording = io.BytesIO(RECORDING)
        recording.name = 'a "good" one.wav'
        return self.client.audio.transcriptions.create(model=model, file=recording, **more)

    def test_json(self):
        answer = self.transcribe("fallback", timestamp_granularities=["word", "segment"])
        self.assertEqual(answer.text, "Hello")
        first, second = self.provider.requests
        self.assertEqual((first["model"], second["model"]), ("down", "good"))
        self.assertEqual(first["files"], second["files"])
        self.assertEqual(first["files"][0][2], RECORDING)

    def test_verbose_json(self):
        answer = self.transcribe(response_format="verbose_json")
        self.assertEqual((answer.text, answer.duration), ("Hello", 1.0))

    def test_text(self):
        self.assertEqual(self.transcribe(response_format="text"), "Hello\n")

    def test_srt(self):
        self.assertEqual(self.transcribe(response_format="srt"), SRT)

    def test_streamed(self):
        events = list(self.transcribe(stream=True))
        self.assertEqual([event.delta for event in events[:-1]], ["Hel", "lo"])
        self.assertEqual((events[-1].type, events[-1].text), ("transcript.text.done", "Hello"))

    def test_translation(self):
        answer = self.client.audio.translations.create(model="dynamic/n8n", file=("a.wav", RECORDING))
        self.assertEqual(answer.text, "Hello")
        self.assertEqual(self.provider.requests[0]["path"], "/v1/audio/translations")


class Speech(Case):
    def test_read(self):
        answer = self.client.audio.speech.create(model="fallback", input="Hello", voice="alloy")
        self.assertEqual(answer.read(), SOUND)
        self.assertEqual(answer.response.headers["content-type"], "audio/mpeg")

    def test_streamed(self):
        speech = self.client.audio.speech.with_streaming_response
        with speech.create(model="dynamic/n8n", input="Hello", voice="alloy") as answer:
            pieces = list(answer.iter_bytes())
        self.assertEqual(b"".join(pieces), SOUND)
        self.assertGreater(len(pieces), 1)

    def test_half_a_recording_is_none(self):
        # Each line of the package raises its own transport's error.
        with self.assertRaisesRegex(Exception, "(?i)closed|incomplete|connection|chunk"):
            self.client.audio.speech.create(model="breaking", input="Hello", voice="alloy").read()


class Images(Case):
    def picture(self, answer):
        return base64.b64decode(answer.data[0].b64_json)

    def test_generate(self):
        answer = self.client.images.generate(model="fallback", prompt="a cat")
        self.assertEqual(self.picture(answer), PICTURE)

    def test_generate_without_a_model(self):
        with self.assertRaises(openai.BadRequestError) as caught:
            self.client.images.generate(prompt="a cat")
        self.assertEqual(caught.exception.param, "model")

    def test_generate_streamed(self):
        events = list(self.client.images.generate(model="dynamic/n8n", prompt="a cat", stream=True, partial_images=1))
        kinds = [event.type for event in events]
        self.assertEqual(kinds, ["image_generation.partial_image", "image_generation.completed"])
        self.assertEqual(base64.b64decode(events[-1].b64_json), PICTURE)

    def test_edit_two_with_a_mask(self):
        images = [("a.png", PICTURE), ("b.png", PICTURE + b"2")]
        answer = self.client.images.edit(model="dynamic/n8n", image=images, mask=("m.png", b"mask"), prompt="both")
        self.assertEqual(self.picture(answer), PICTURE)
        files = self.provider.requests[0]["files"]
        self.assertEqual([name for name, _, _ in files], ["image[]", "image[]", "mask"])
        self.assertEqual([content for _, _, content in files], [PICTURE, PICTURE + b"2", b"mask"])


class WithoutAModel(Case):
    """The package leaves the model out of requests for pictures and verdicts."""

    config = WITH_DEFAULTS

    def test_generate(self):
        answer = self.client.images.generate(prompt="a cat")
        self.assertEqual(base64.b64decode(answer.data[0].b64_json), PICTURE)
        self.assertEqual([request["model"] for request in self.provider.requests], ["down", "good"])

    def test_edit_and_variation(self):
        image = ("a.png", PICTURE)
        for answer in [
            self.client.images.edit(image=image, prompt="blue"),
            self.client.images.create_variation(image=image),
        ]:
            self.assertEqual(base64.b64decode(answer.data[0].b64_json), PICTURE)
        files = [request["files"] for request in self.provider.requests]
        self.assertEqual(files, [[("image", "a.png", PICTURE)]] * 4)

    def test_moderations(self):
        answer = self.client.moderations.create(input="x")
        self.assertTrue(answer.results[0].flagged)
        self.assertEqual(answer.model, "fallback")
