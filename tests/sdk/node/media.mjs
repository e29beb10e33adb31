// Completions, audio, images and verdicts, as users of the openai package for Node ask for them.

import assert from "node:assert/strict";

const recording = Buffer.concat([Buffer.from("RIFF\0\r\n--\r\n"), Buffer.alloc(70_000, 0xff)]);
const picture = Buffer.from("\x89PNG\r\n\x1a\n--picture", "latin1");

/** The cases of a client, by their names; `toFile` is the package's. */
export function mediaCases(openai, toFile) {
  const transcribe = async (more) => {
    const file = await toFile(recording, "a.wav");
    return openai.audio.transcriptions.create({ model: "dynamic/n8n", file, ...more });
  };
  const read = async (stream) => {
    const events = [];
    for await (const event of stream) events.push(event);
    return events;
  };
  const pictureOf = (answer) => Buffer.from(answer.data[0].b64_json, "base64");
  const speech = { input: "Hello", voice: "alloy" };
  return {
    async "a completion"() {
      const answer = await openai.completions.create({ model: "fallback", prompt: "Hello?" });
      assert.equal(answer.choices[0].text, "Hello");
      assert.equal(answer.model, "fallback");
      assert.equal(answer.routing_summary.steps.length, 2);
    },
    async "a streamed completion"() {
      const chunks = await read(await openai.completions.create({ model: "fallback", prompt: "Hello?", stream: true }));
      assert.equal(chunks.map((chunk) => chunk.choices[0].text).join(""), "Hello");
      assert.equal(chunks.at(-1).choices[0].finish_reason, "stop");
    },
    async "nothing before a suffix"() {
      const answer = await openai.completions.create({ model: "dynamic/n8n", prompt: "f(", suffix: ")" });
      assert.equal(answer.choices[0].text, "");
    },
    async "a transcription"() {
      assert.equal((await transcribe({ model: "fallback" })).text, "Hello");
      assert.equal(await transcribe({ response_format: "text" }), "Hello\n");
      assert.match(await transcribe({ response_format: "srt" }), /-->/);
      const verbose = await transcribe({ response_format: "verbose_json", timestamp_granularities: ["word", "segment"] });
      assert.equal(verbose.duration, 1);
    },
    async "a streamed transcription"() {
      const events = await read(await transcribe({ stream: true }));
      assert.deepEqual(events.map((event) => event.delta ?? event.text), ["Hel", "lo", "Hello"]);
    },
    async "a translation"() {
      const file = await toFile(recording, "a.wav");
      assert.equal((await openai.audio.translations.create({ model: "fallback", file })).text, "Hello");
    },
    async "speech"() {
      const answer = await openai.audio.speech.create({ model: "fallback", ...speech });
      assert.equal(answer.headers.get("content-type"), "audio/mpeg");
      assert.equal((await answer.arrayBuffer()).byteLength, 102_408);
    },
    async "half a recording is none"() {
      const answer = await openai.audio.speech.create({ model: "breaking", ...speech });
      await assert.rejects(answer.arrayBuffer());
    },
    async "a picture without a model"() {
      assert.deepEqual(pictureOf(await openai.images.generate({ prompt: "a cat" })), picture);
    },
    async "a streamed picture"() {
      const asked = { model: "fallback", prompt: "a cat", stream: true, partial_images: 1 };
      const events = await read(await openai.images.generate(asked));
      const kinds = events.map((event) => event.type);
      assert.deepEqual(kinds, ["image_generation.partial_image", "image_generation.completed"]);
    },
    async "an edit of two pictures with a mask"() {
      const files = [picture, Buffer.concat([picture, Buffer.from("2")]), Buffer.from("mask")];
      const [a, b, mask] = await Promise.all(files.map((file) => toFile(file, "x.png", { type: "image/png" })));
      const answer = await openai.images.edit({ model: "fallback", image: [a, b], mask, prompt: "both" });
      assert.deepEqual(pictureOf(answer), picture);
    },
    async "a variation"() {
      const image = await toFile(picture, "x.png", { type: "image/png" });
      assert.deepEqual(pictureOf(await openai.images.createVariation({ image })), picture);
    },
    async "a verdict without a model"() {
      const answer = await openai.moderations.create({ input: ["x", "y"] });
      assert.deepEqual(answer.results.map((result) => result.flagged), [true, true]);
      assert.equal(answer.model, "fallback");
    },
  };
}
