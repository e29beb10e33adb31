"""Speech to text and text to speech by the package `wyoming`, in the order in which Home Assistant's integration sends and
reads (2026.11). Run by run.sh with the path of the binary.
"""

import asyncio
import io
import sys
import unittest
import wave

from gateway import SPEECH, Gateway
from media_provider import SAMPLES
from provider import Provider
from results import main
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.info import Describe, Info
from wyoming.ping import Ping, Pong
from wyoming.tts import (
    Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop, SynthesizeStopped, SynthesizeVoice,
)

FORM = {"rate": 16000, "width": 2, "channels": 1}


class Speech(unittest.TestCase):
    listen, speak = "listen", "speak"

    @classmethod
    def setUpClass(cls):
        cls.provider = Provider()
        config = SPEECH.replace("LISTEN", cls.listen).replace("SPEAK", cls.speak)
        cls.gateway = Gateway(sys.argv[1], cls.provider.url, config)

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.provider.shutdown()
        cls.provider.server_close()

    def setUp(self):
        self.provider.requests.clear()

    def with_client(self, work):
        host, port = self.gateway.speech.split(":")

        async def run():
            async with AsyncTcpClient(host, int(port)) as client:
                return await asyncio.wait_for(work(client), 20)

        return asyncio.run(run())

    async def first_of(self, client, *kinds):
        """The next event of one of these kinds; None at the end."""
        while (event := await client.read_event()) is not None:
            for kind in kinds:
                if kind.is_type(event.type):
                    return kind.from_event(event)

    def hear(self, sound, language="de"):
        async def work(client):
            await client.write_event(Transcribe(language=language).event())
            await client.write_event(AudioStart(**FORM).event())
            for at in range(0, len(sound), 2048):
                await client.write_event(AudioChunk(**FORM, audio=sound[at : at + 2048]).event())
            await client.write_event(AudioStop().event())
            return await self.first_of(client, Transcript, Error)

        return self.with_client(work)

    def say(self, text, voice=None):
        """The WAV that Home Assistant makes of the events, and the last event."""

        async def work(client):
            voiced = None if voice is None else SynthesizeVoice(name=voice)
            await client.write_event(Synthesize(text=text, voice=voiced).event())
            data, writer = io.BytesIO(), None
            while True:
                event = await self.first_of(client, AudioChunk, AudioStop, Error)
                if not isinstance(event, AudioChunk):
                    return data.getvalue(), event
                if writer is None:
                    writer = wave.open(data, "wb")
                    writer.setframerate(event.rate)
                    writer.setsampwidth(event.width)
                    writer.setnchannels(event.channels)
                writer.writeframes(event.audio)

        return self.with_client(work)


class WithFailover(Speech):
    def test_services_are_found(self):
        async def work(client):
            await client.write_event(Describe().event())
            return await self.first_of(client, Info)

        info = self.with_client(work)
        asr, tts = info.asr[0], next(service for service in info.tts if service.installed)
        languages = {language for model in asr.models if model.installed for language in model.languages}
        self.assertEqual(languages, {"de", "en"})
        voices = [(voice.description or voice.name, voice.languages) for voice in tts.voices if voice.installed]
        self.assertEqual(voices, [("alloy", ["de", "en"]), ("nova", ["de", "en"])])
        self.assertTrue(tts.supports_synthesize_streaming)
        self.assertFalse(asr.supports_transcript_streaming)
        self.assertEqual((info.wake, info.handle, info.intent), ([], [], []))

    def test_ping(self):
        async def work(client):
            await client.write_event(Ping(text="still there?").event())
            return await self.first_of(client, Pong)

        self.assertEqual(self.with_client(work).text, "still there?")

    def test_what_was_said_is_heard(self):
        sound = bytes(range(256)) * 125
        self.assertEqual(self.hear(sound, "de-CH"), Transcript(text="Hello", language="de"))
        down, good = self.provider.requests
        self.assertEqual((down["model"], good["model"], good["language"]), ("down", "good", "de"))
        with wave.open(io.BytesIO(good["files"][0][2])) as recording:
            self.assertEqual(recording.getframerate(), 16000)
            self.assertEqual(recording.readframes(recording.getnframes()), sound)

    def test_silence(self):
        self.assertEqual(self.hear(b"").text, "")
        self.assertEqual(self.provider.requests, [])

    def test_a_text_is_spoken(self):
        data, last = self.say("The door is open.", "nova")
        self.assertIsInstance(last, AudioStop)
        with wave.open(io.BytesIO(data)) as sound:
            self.assertEqual((sound.getframerate(), sound.getsampwidth(), sound.getnchannels()), (24000, 2, 1))
            self.assertEqual(sound.readframes(sound.getnframes()), SAMPLES)
        asked = [(request["model"], request["voice"]) for request in self.provider.requests]
        self.assertEqual(asked, [("down", "nova"), ("compressing", "nova"), ("good", "nova")])

    def test_a_text_is_spoken_while_it_is_written(self):
        pieces = ["The door to the gar", "den is open. Shall", " I close it?"]

        async def work(client):
            async def write():
                await client.write_event(SynthesizeStart(voice=SynthesizeVoice(name="nova")).event())
                for piece in pieces:
                    await client.write_event(SynthesizeChunk(text=piece).event())
                # For services that know no pieces.
                await client.write_event(Synthesize(text="".join(pieces)).event())
                await client.write_event(SynthesizeStop().event())

            writing = asyncio.create_task(write())
            start = await self.first_of(client, AudioStart, Error)
            sound = b""
            while isinstance(event := await self.first_of(client, AudioStart, AudioChunk, SynthesizeStopped), AudioChunk):
                sound += event.audio
            await writing
            return start, sound, event

        start, sound, last = self.with_client(work)
        self.assertEqual(start.rate, 24000)
        self.assertIsInstance(last, SynthesizeStopped)
        self.assertEqual(sound, SAMPLES * 2)
        spoken = [request["input"] for request in self.provider.requests if request["model"] == "good"]
        self.assertEqual(spoken, ["The door to the garden is open.", "Shall I close it?"])


class AllDown(Speech):
    listen, speak = "down", "breaking"

    def test_a_failure_is_told(self):
        error = self.hear(bytes(32000))
        self.assertEqual((type(error), error.code), (Error, "ROUTE_EXECUTION_FAILED"))

    def test_half_a_sound_is_no_whole_one(self):
        data, last = self.say("The door is open.")
        self.assertIsInstance(last, Error)
        self.assertGreater(len(data), 1000)


if __name__ == "__main__":
    main("wyoming")
