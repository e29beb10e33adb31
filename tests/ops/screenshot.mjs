// Photographs the status page in both colour schemes and on a phone: node screenshot.mjs BINARY FOLDER. The providers are
// scripted: one that is over its limit, one that answers, one that is out of money. So is the day before.
import { writeFileSync } from "node:fs";
import * as stage from "./stage.mjs";

const [binary, folder] = process.argv.slice(2);
const KEY = "screenshot-operator-key";

const words = ["The ", "kitchen ", "is ", "at ", "21 °C, ", "and ", "its ", "window ", "is ", "closed."];
let left = 12000, is_full = false;
const provider = await stage.provider((model) => {
  switch (model) {
    case "gpt-oss-120b":
      return is_full
        ? { status: 429, message: "Rate limit reached for gpt-oss-120b on requests per minute: Limit 30, Used 30. Please try again in 74s.", headers: { "Retry-After": "74" } }
        : { words, delay: 90, gap: 4, headers: { "x-ratelimit-limit-requests": "14400", "x-ratelimit-remaining-requests": String(left--), "x-ratelimit-reset-requests": "8h" } };
    case "llama-3.3-70b-versatile":
      return { words, delay: 160, gap: 8 };
    default:
      return { status: 429, type: "insufficient_quota", message: "You exceeded your current quota, please check your plan and billing details.", headers: { "Retry-After": "33120" } };
  }
});
/* Sums as the gateway writes them: by the hour of the day a wave, and now and then a limit. */
const hour = Math.floor(Date.now() / 3600000);
const series = (route, name, model, most, ms, failing) => [route, name, model, Array.from({ length: 23 }, (_, index) => {
  const answered = Math.round(most * (0.55 + 0.45 * Math.sin(index / 3.4)) + (index * 7) % 5);
  const failed = failing(index) ? Math.ceil(answered * 0.3) : 0;
  return [hour - 23 + index, [answered, failed, 0, answered * 80, answered * 20, 0, answered * Math.round(ms * (0.8 + ((index * 13) % 7) / 14))]];
}), []];
writeFileSync(`${folder}/history.json`, JSON.stringify({ version: 1, hour, series: [
  series("dynamic/n8n", "cerebras", "gpt-oss-120b", 40, 130, (index) => [6, 7, 15].includes(index)),
  series("dynamic/n8n", "groq", "llama-3.3-70b-versatile", 12, 240, (index) => index === 16),
  series("home-assistant", "groq", "llama-3.3-70b-versatile", 30, 240, () => false),
  series("vision", "openai", "gpt-4o-mini", 4, 900, (index) => index > 19),
] }));
const gateway = await stage.gateway(binary, folder, `
listen: 127.0.0.1:0
state_file: ${folder}/state.json
currency: USD
api_keys:
  - {name: operator, key: ${KEY}, admin: true}
  - {name: n8n, key: screenshot-n8n-key, budget: 5.00/month}
  - {name: home, key: screenshot-home-key, limits: {requests: 500/day}}
providers:
  - {name: cerebras, base_url: "${provider.url}", limits: {requests: 1000/day}}
  - name: groq
    base_url: "${provider.url}"
    models: {llama-3.3-70b-versatile: {price: {input: 0.59, output: 0.79}}}
  - {name: openai, base_url: "${provider.url}"}
routes:
  - name: dynamic/n8n
    steps: [{provider: cerebras, model: gpt-oss-120b}, {provider: groq, model: llama-3.3-70b-versatile}]
  - name: home-assistant
    steps: [{provider: groq, model: llama-3.3-70b-versatile}]
  - name: vision
    steps: [{provider: openai, model: gpt-4o-mini}]
`);
for (let round = 0; round < 12; round++) {
  await Promise.all([["dynamic/n8n", "screenshot-n8n-key"], ["home-assistant", "screenshot-home-key"], ["dynamic/n8n", "screenshot-n8n-key"]].map(([model, key]) => stage.ask(gateway.url, key, model, round % 3 > 0)));
}
is_full = true;
await stage.ask(gateway.url, "screenshot-n8n-key", "vision");
await stage.ask(gateway.url, "screenshot-n8n-key", "dynamic/n8n");

const browser = await stage.launch();
for (const [name, colorScheme, width, height] of [["light", "light", 1100, 800], ["dark", "dark", 1100, 800], ["phone", "light", 390, 844], ["requests", "light", 1100, 700], ["try", "light", 1100, 700]]) {
  const page = await browser.newPage({ colorScheme, viewport: { width, height }, deviceScaleFactor: name === "phone" ? 2 : 1.5 });
  await page.goto(gateway.url);
  await page.fill("#key", KEY);
  await page.keyboard.press("Enter");
  await page.waitForSelector(".route");
  await page.waitForTimeout(300);
  const shot = (options) => page.screenshot({ path: `${folder}/${name}.png`, ...options });
  if (name === "requests") {
    await page.locator("tr.row").filter({ hasText: "✕" }).first().click();
    await page.setViewportSize({ width, height: 3000 });
    const box = await page.locator("#history").boundingBox();
    await shot({ clip: { x: 0, y: box.y, width, height } });
  } else if (name === "try") {
    const card = page.locator(".route").first();
    await card.getByRole("button", { name: /^Try it/ }).click();
    await card.locator("textarea").fill("How warm is it in the kitchen?");
    await card.getByRole("button", { name: "curl" }).click();
    await card.getByRole("button", { name: "Send" }).click();
    await card.locator(".how").getByText(/tokens in/).waitFor();
    await page.evaluate(() => document.activeElement.blur());
    await card.screenshot({ path: `${folder}/${name}.png` });
  } else {
    await shot();
  }
}
await browser.close();
gateway.stop();
provider.stop();
