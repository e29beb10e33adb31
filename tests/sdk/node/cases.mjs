// What users of the openai, @anthropic-ai/sdk and ollama packages for Node get from the gateway. Run by run.py with the
// gateway's address, the client's key, the folder of the packages, and the addresses of gateways for what is no conversation
// and for clients of Ollama.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

import { mediaCases } from "./media.mjs";
import { ollamaCases } from "./ollama.mjs";

const [address, key, folder, media, local] = process.argv.slice(2);
const require = createRequire(`${folder}/package.json`);
const { OpenAI, APIError, NotFoundError, toFile } = require("openai");
const Anthropic = require("@anthropic-ai/sdk");
const openai = new OpenAI({ baseURL: `${address}/v1`, apiKey: key, maxRetries: 0 });
const openaiOfMedia = new OpenAI({ baseURL: `${media}/v1`, apiKey: key, maxRetries: 0 });
const anthropic = new Anthropic.Anthropic({ baseURL: address, apiKey: key, maxRetries: 0 });
const messages = [{ role: "user", content: "Hello?" }];
const tools = [{ name: "weather", input_schema: { type: "object", properties: {} } }];

const { Ollama } = require("ollama");
const ollama = new Ollama({ host: local, headers: { Authorization: `Bearer ${key}` } });

const cases = {
  ...mediaCases(openaiOfMedia, toFile),
  ...ollamaCases(ollama),
  async "a response"() {
    const answer = await openai.responses.create({ model: "native", input: "Hello?" });
    assert.equal(answer.output_text, "Hello");
    assert.equal(answer.model, "native");
  },
  async "a streamed response"() {
    for (const model of ["native", "fallback", "chat-first"]) {
      const stream = openai.responses.stream({ model, input: "Hello?" });
      assert.equal((await stream.finalResponse()).output[0].content[0].text, "Hello");
    }
  },
  async "a response that is cut"() {
    const stream = openai.responses.stream({ model: "breaking", input: "Hello?" });
    await assert.rejects(stream.finalResponse(), (error) => {
      assert(error instanceof APIError, `${error}`);
      return /the stream broke/.test(error.message);
    });
  },
  async "a response that is not kept"() {
    await assert.rejects(openai.responses.retrieve("resp_1"), NotFoundError);
  },
  async "a message"() {
    const answer = await anthropic.messages.create({ model: "claude", max_tokens: 9, messages });
    assert.equal(answer.content[0].text, "Hello");
    assert.equal(answer.model, "claude");
    assert.match(answer._request_id, /^req-/);
  },
  async "a streamed message"() {
    for (const model of ["claude", "claude-fallback", "chat-first-claude", "chat", "chat-down-claude", "down-claude-chat"]) {
      const final = await anthropic.messages.stream({ model, max_tokens: 9, messages }).finalMessage();
      assert.equal(final.content[0].text, "Hello");
      assert.equal(final.usage.output_tokens, 5);
    }
  },
  async "a tool and an image in its result"() {
    for (const model of ["claude", "chat"]) {
      const final = await anthropic.messages.stream({ model, max_tokens: 9, messages, tools }).finalMessage();
      assert.deepEqual(final.content[0].input, { city: "Oslo" });
      const source = { type: "base64", media_type: "image/png", data: "iVBORw0KGgo=" };
      const content = [{ type: "tool_result", tool_use_id: final.content[0].id, content: [{ type: "image", source }] }];
      const history = [...messages, { role: "assistant", content: final.content }, { role: "user", content }];
      const answer = await anthropic.messages.create({ model, max_tokens: 9, messages: history });
      assert.equal(answer.content[0].text, "Hello");
    }
  },
  async "thinking on a step that speaks chat"() {
    const thinking = { type: "enabled", budget_tokens: 1024 };
    const asked = { model: "chat-reasoner", max_tokens: 2048, messages, thinking };
    const final = await anthropic.messages.stream(asked).finalMessage();
    assert.deepEqual(final.content.map((block) => block.thinking ?? block.text), ["hm", "Hello"]);
  },
  async "a message that is cut"() {
    for (const model of ["claude-breaking", "chat-breaking"]) {
      const stream = anthropic.messages.stream({ model, max_tokens: 9, messages });
      await assert.rejects(stream.finalMessage(), /the stream broke/);
    }
  },
  async "a count"() {
    assert.equal((await anthropic.messages.countTokens({ model: "claude", messages })).input_tokens, 42);
  },
  async "an unknown route"() {
    const asked = anthropic.messages.create({ model: "unknown", max_tokens: 9, messages });
    await assert.rejects(asked, Anthropic.NotFoundError);
  },
  async "a limit"() {
    const asked = anthropic.messages.create({ model: "claude-limited", max_tokens: 9, messages });
    await assert.rejects(asked, Anthropic.RateLimitError);
  },
};

let failed = 0;
for (const [name, run] of Object.entries(cases)) {
  try {
    await run();
  } catch (error) {
    failed += 1;
    console.error(`${name}: ${error.stack}`);
  }
}
console.log(`node packages: ${Object.keys(cases).length - failed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
