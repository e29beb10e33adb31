// What agents for Node get from the Responses endpoint on a provider that speaks chat alone: the packages of OpenAI, the AI SDK
// and LangChain. Run by run.py with the gateway's address, the client's key, and the folder of the packages.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [baseURL, apiKey, folder] = process.argv.slice(2);
const require = createRequire(`${folder}/package.json`);
const load = (name) => import(pathToFileURL(require.resolve(name)));
const { OpenAI, APIError } = require("openai");
const { Agent, OpenAIResponsesModel, Runner, setTracingDisabled, tool: agentTool } = await load("@openai/agents");
const { createOpenAI } = await load("@ai-sdk/openai");
const { generateText, isStepCount, Output, streamText, tool } = await load("ai");
const { ChatOpenAI } = await load("@langchain/openai");
const { z } = await load("zod");

setTracingDisabled(true);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const openai = createOpenAI({ baseURL, apiKey });
const runner = new Runner({ tracingDisabled: true });
const city = z.object({ city: z.string() });
const weather = { description: "Tells the weather.", execute: async () => "7" };
const kept = { openai: { store: false } };
const functions = [{ type: "function", name: "weather", strict: true, parameters: { type: "object", properties: {} } }];
const loops = { agent: "It is 7.", "two-calls": "It is 7 and 7.", beside: "It is 7.", thoughtful: "It is 7." };

const final = (model, more = {}) => client.responses.stream({ model, input: "Hello?", ...more }).finalResponse();
const agent = (model) =>
  new Agent({
    name: "a",
    instructions: "Be brief.",
    model: new OpenAIResponsesModel(client, model),
    modelSettings: { store: false },
    tools: [agentTool({ name: "weather", parameters: city, ...weather })],
  });
const chat = (model) =>
  new ChatOpenAI({ model, apiKey, useResponsesApi: true, maxRetries: 0, configuration: { baseURL } });
const asked = (model, more = {}) => ({
  model: openai(model),
  prompt: "Weather?",
  maxRetries: 0,
  providerOptions: kept,
  ...more,
});
const looping = { tools: { weather: tool({ inputSchema: city, ...weather }) }, stopWhen: isStepCount(4) };

const cases = {
  async "openai: every kind of answer"() {
    assert.equal((await final("text")).output[0].content[0].text, "Hello there");
    assert.equal((await final("reasoning")).output[0].summary[0].text, "Hm. Well.");
    assert.equal((await final("refusal")).output[0].content[0].refusal, "I will not.");
    assert.equal((await final("two-calls", { tools: functions })).output[1].arguments, '{"city": "Bern"}');
    assert.equal((await final("length")).incomplete_details.reason, "max_output_tokens");
  },
  async "openai: a cut"() {
    await assert.rejects(final("breaking"), (error) => error instanceof APIError && /the stream broke/.test(error.message));
  },
  async "agents: loops of tools"() {
    for (const [model, expected] of Object.entries(loops)) {
      assert.equal((await runner.run(agent(model), "Weather?")).finalOutput, expected, model);
      const streamed = await runner.run(agent(model), "Weather?", { stream: true });
      for await (const _ of streamed) {
        // All of it.
      }
      await streamed.completed;
      assert.equal(streamed.finalOutput, expected, model);
    }
  },
  async "agents: a cut"() {
    const streamed = await runner.run(agent("breaking"), "Weather?", { stream: true });
    await assert.rejects(async () => {
      for await (const _ of streamed) {
        // Until it breaks.
      }
      await streamed.completed;
    }, /unsuccessful terminal state "response.failed"/);
  },
  async "AI SDK: loops of tools"() {
    for (const [model, expected] of Object.entries(loops)) {
      assert.equal((await generateText(asked(model, looping))).text, expected, model);
      const streamed = streamText(asked(model, looping));
      assert.equal(await streamed.text, expected, model);
      assert.equal((await streamed.steps).length, 2, model);
    }
  },
  async "AI SDK: reasoning, and a second turn"() {
    const first = await generateText(asked("reasoning"));
    assert.equal(first.reasoningText, "Hm. Well.");
    const messages = [{ role: "user", content: "Hello?" }, ...first.response.messages, { role: "user", content: "And?" }];
    assert.equal((await generateText(asked("text", { prompt: undefined, messages }))).text, "Hello there");
  },
  async "AI SDK: an object"() {
    const schema = z.object({ city: z.string(), degrees: z.number() });
    const answer = await generateText(asked("text", { output: Output.object({ schema }) }));
    assert.deepEqual(answer.output, { city: "Oslo", degrees: 7 });
  },
  async "AI SDK: reasons for the end"() {
    for (const [model, reason] of Object.entries({ text: "stop", length: "length", filtered: "content-filter" })) {
      assert.equal((await generateText(asked(model))).finishReason, reason, model);
      assert.equal(await streamText(asked(model)).finishReason, reason, model);
    }
    const errors = [];
    const broken = streamText(asked("breaking", { onError: ({ error }) => errors.push(error) }));
    const parts = [];
    for await (const part of broken.fullStream) {
      parts.push(part);
    }
    assert.match(JSON.stringify(errors.map((error) => error.message ?? error)), /the stream broke/);
    assert.equal(parts.findLast((part) => part.type === "finish").finishReason, "error");
  },
  async "AI SDK: without store: false the error names the way out"() {
    const first = await generateText(asked("alone", { providerOptions: undefined }));
    const messages = [{ role: "user", content: "Hello?" }, ...first.response.messages, { role: "user", content: "And?" }];
    const again = generateText(asked("alone", { prompt: undefined, messages, providerOptions: undefined }));
    await assert.rejects(again, (error) => error.statusCode === 400 && /store: false/.test(error.message));
  },
  async "LangChain: loops of tools"() {
    const tools = [{ type: "function", function: { name: "weather", parameters: { type: "object", properties: {} } } }];
    for (const [model, expected] of Object.entries(loops)) {
      for (const stream of [false, true]) {
        const bound = chat(model).bindTools(tools);
        const ask = async (conversation) => {
          if (!stream) return bound.invoke(conversation);
          let whole;
          for await (const chunk of await bound.stream(conversation)) {
            whole = whole ? whole.concat(chunk) : chunk;
          }
          return whole;
        };
        const conversation = [{ role: "user", content: "Weather?" }];
        const answer = await ask(conversation);
        assert.equal(answer.usage_metadata.total_tokens, 8);
        conversation.push(answer);
        for (const call of answer.tool_calls) {
          conversation.push({ role: "tool", content: "7", tool_call_id: call.id });
        }
        assert.equal((await ask(conversation)).text, expected, `${model} ${stream}`);
      }
    }
  },
  async "LangChain: an object"() {
    const schema = z.object({ city: z.string(), degrees: z.number() });
    const answer = await chat("text").withStructuredOutput(schema, { method: "jsonSchema" }).invoke("Weather?");
    assert.deepEqual(answer, { city: "Oslo", degrees: 7 });
  },
  async "LangChain: a cut"() {
    await assert.rejects(async () => {
      for await (const _ of await chat("breaking").stream("Hello?")) {
        // Until it breaks.
      }
    }, /the stream broke/);
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
console.log(`agents for Node: ${Object.keys(cases).length - failed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
