// The stage of the scripts that look at the status page: scripted providers, a gateway, and a browser, on loopback.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import http from "node:http";
import { chromium } from "../../target/screenshot/node_modules/playwright-core/index.mjs";

export async function listening(server) {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server.address().port;
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/* A provider that answers each model by its script: {status, message, headers} refuses, {words, delay, gap, headers} answers.
   Of its models it tells those that are listed. */
export async function provider(scripts, listed = []) {
  const server = http.createServer(async (request, response) => {
    if (request.url.endsWith("/models")) {
      response.writeHead(200, { "Content-Type": "application/json" });
      return response.end(JSON.stringify({ object: "list", data: listed.map((id) => ({ id, object: "model" })) }));
    }
    let body = "";
    for await (const part of request) body += part;
    const { model, stream } = JSON.parse(body || "{}");
    const script = typeof scripts === "function" ? scripts(model) : scripts[model];
    const { status, message, type = "error", headers, words, delay, gap } = { words: ["Hello."], delay: 0, gap: 0, ...script };
    await pause(delay);
    if (status) {
      response.writeHead(status, { "Content-Type": "application/json", ...headers });
      return response.end(JSON.stringify({ error: { message, type } }));
    }
    const usage = { prompt_tokens: 3 + Math.round(body.length / 4), completion_tokens: words.length, total_tokens: 3 + Math.round(body.length / 4) + words.length };
    if (!stream) {
      await pause(gap * words.length);
      response.writeHead(200, { "Content-Type": "application/json", ...headers });
      return response.end(JSON.stringify({ id: "c", object: "chat.completion", created: 0, model, choices: [{ index: 0, message: { role: "assistant", content: words.join("") }, finish_reason: "stop" }], usage }));
    }
    response.writeHead(200, { "Content-Type": "text/event-stream", ...headers });
    const chunk = (choices, usage) => response.write(`data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 0, model, choices, usage })}\n\n`);
    for (const content of words) {
      chunk([{ index: 0, delta: { role: "assistant", content }, finish_reason: null }]);
      await pause(gap);
    }
    chunk([{ index: 0, delta: {}, finish_reason: "stop" }]);
    chunk([], usage);
    response.end("data: [DONE]\n\n");
  });
  const port = await listening(server);
  return { url: `http://127.0.0.1:${port}/v1`, stop() { server.close(); server.closeAllConnections(); } };
}

/* The gateway with a configuration, once it listens. */
export async function gateway(binary, folder, config) {
  writeFileSync(`${folder}/config.yaml`, config);
  const child = spawn(binary, ["--config", `${folder}/config.yaml`], { env: { ...process.env, LOG_FORMAT: "json" }, stdio: ["ignore", "pipe", "inherit"] });
  let log = "";
  const port = await new Promise((found, lost) => {
    child.stdout.on("data", (data) => {
      log += data;
      const line = log.split("\n").find((line) => line.includes('"listening"'));
      if (line) found(Number(JSON.parse(line).address.split(":").pop()));
    });
    child.on("exit", () => lost(new Error(`the gateway ended:\n${log}`)));
  });
  return { port, url: `http://127.0.0.1:${port}/`, stop: () => child.kill() };
}

/* A chat, to its end. */
export const ask = (url, key, model, stream = false) => fetch(`${url}v1/chat/completions`, { method: "POST", headers: { Authorization: `Bearer ${key}` }, body: JSON.stringify({ model, stream, messages: [{ role: "user", content: "Hi" }] }) }).then((answer) => answer.text());

export const launch = () => chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"] });
