// What users of the ollama package for Node get from the gateway.

import assert from "node:assert/strict";

const messages = [{ role: "user", content: "Hello?" }];

export function ollamaCases(ollama) {
  return {
    async "models as Ollama lists them"() {
      const { models } = await ollama.list();
      assert(models.some((model) => model.name === "home:latest"));
      assert((await ollama.show({ model: "home" })).capabilities.includes("tools"));
    },
    async "a chat as Ollama answers it"() {
      for (const model of ["home", "home:latest", "fallback", "dynamic/n8n"]) {
        const answer = await ollama.chat({ model, messages });
        assert.equal(answer.message.content, "Hello");
        let text = "";
        let last;
        for await (last of await ollama.chat({ model, messages, stream: true })) text += last.message.content;
        assert.equal(text, "Hello");
        assert.equal(last.done_reason, "stop");
      }
    },
    async "a call as Ollama tells it"() {
      const tools = [{ type: "function", function: { name: "weather", parameters: { type: "object", properties: {} } } }];
      const { message } = await ollama.chat({ model: "home", messages, tools });
      assert.deepEqual(message.tool_calls[0].function.arguments, { city: "Oslo" });
      const result = { role: "tool", tool_name: "weather", content: "rain" };
      const answer = await ollama.chat({ model: "home", messages: [...messages, message, result], tools });
      assert.equal(answer.message.content, "Hello");
    },
    async "vectors as Ollama makes them"() {
      const { embeddings } = await ollama.embed({ model: "home", input: ["a", "b"] });
      assert.deepEqual(embeddings, [[0, 0.5], [1, 0.5]]);
    },
    async "faults as Ollama tells them"() {
      await assert.rejects(ollama.chat({ model: "nobody", messages }), /model 'nobody' not found/);
      const stream = await ollama.chat({ model: "breaking", messages, stream: true });
      await assert.rejects(async () => {
        for await (const part of stream) assert(part);
      }, /the stream broke/);
    },
    // run.py looks whether the provider's call has ended.
    async "a stream that is aborted"() {
      const stream = await ollama.chat({ model: "endless", messages, stream: true });
      await assert.rejects(async () => {
        for await (const part of stream) {
          assert.equal(part.message.content, "Hel");
          stream.abort();
        }
      }, { name: "AbortError" });
    },
  };
}
