// The status page in Chromium: node page.mjs BINARY FOLDER. Everything runs on loopback: scripted providers, the gateway, a
// reverse proxy that puts it under a path, and the browser.
import assert from "node:assert/strict";
import http from "node:http";
import * as stage from "./stage.mjs";

const [binary, folder] = process.argv.slice(2);
const HOSTILE = '<img src=x onerror="window.pwned=1">';
const OPERATOR = "operator-key-of-the-page-test", HOME = "home-key-of-the-page-test";

const provider = await stage.provider({
  refuses: { status: 429, message: `Slow down ${HOSTILE}`, headers: { "Retry-After": "600" } },
  fails: { status: 500, message: `No luck ${HOSTILE}` },
  answers: { words: ["Hello ", "from ", "the ", "stream ", HOSTILE], gap: 150 },
}, ["refuses", "fails", "answers-2", `answers ${HOSTILE}`]);

const config = `
listen: 127.0.0.1:0
api_keys:
  - {name: operator, key: ${OPERATOR}, admin: true}
  - {name: home, key: ${HOME}, routes: [fine]}
providers:
  - {name: first, base_url: "${provider.url}"}
  - {name: second, base_url: "${provider.url}", limits: {requests: 1000/day}}
routes:
  - name: falls
    steps: [{provider: first, model: refuses}, {provider: second, model: answers}]
  - name: shares
    steps: [{provider: first, model: refuses}]
  - name: fine
    steps: [{provider: second, model: answers}]
  - name: '${HOSTILE}'
    steps: [{provider: first, model: fails}]
`;
const gateway = await stage.gateway(binary, folder, config), { port } = gateway;

/* A reverse proxy that serves the gateway under /llm/, and nothing elsewhere. */
const proxy = http.createServer((request, response) => {
  if (!request.url.startsWith("/llm/")) return response.writeHead(404).end();
  const onward = http.request({ host: "127.0.0.1", port, method: request.method, path: request.url.slice(4), headers: request.headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  onward.on("error", () => response.destroy());
  response.on("close", () => onward.destroy());
  request.pipe(onward);
});
const origin = `http://127.0.0.1:${await stage.listening(proxy)}`, url = `${origin}/llm/`;
const ask = (model, key = OPERATOR) => stage.ask(url, key, model);

const browser = await stage.launch();
const said = [];
async function open(options) {
  const context = await browser.newContext({ viewport: { width: 1180, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15000);
  await page.addInitScript(() => {
    window.violations = [];
    document.addEventListener("securitypolicyviolation", (event) => window.violations.push(`${event.violatedDirective}: ${event.blockedURI}`));
  });
  page.on("pageerror", (error) => said.push(error.message));
  page.on("console", (message) => { if (/Content Security Policy|Uncaught/.test(message.text())) said.push(message.text()); });
  page.on("request", (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith("data:")) said.push(`asked elsewhere: ${request.url()}`);
    if (request.url().includes("-of-the-page-test")) said.push("a key in a URL");
  });
  await page.goto(url);
  return page;
}
async function login(page, key) {
  await page.fill("#key", key);
  await page.keyboard.press("Enter");
  await page.waitForSelector(".route");
}
const route = (page, name) => page.locator(".route").filter({ has: page.getByRole("heading", { name, exact: true }) });

const cases = {
  async "a wrong key is refused, and the right one is kept in memory alone"(page) {
    await page.fill("#key", "wrong");
    await page.keyboard.press("Enter");
    await page.getByText("The gateway does not know this key.").waitFor();
    assert.equal(await page.inputValue("#key"), "");
    await login(page, OPERATOR);
    assert.equal(await page.evaluate(() => sessionStorage.length + localStorage.length + document.cookie.length), 0);
    assert.equal(page.url(), url);
  },

  async "a cooling step, its provider's words, and what is left of a limit"(page) {
    await ask("falls");
    await ask(HOSTILE);
    const card = route(page, "falls");
    await card.getByText(/cooling for 9 min/).waitFor();
    await card.getByText("served by a later step").first().waitFor();
    await card.getByText(/9\d\d of 1,000 requests\/day left, resets in/).waitFor();
    await card.locator(".said").getByText(/Slow down/).waitFor();
    await page.locator("#verdict").getByText(/is served by a later step|cannot answer/).waitFor();
  },

  async "a step that another route's request has closed says why"(page) {
    await route(page, "shares").locator(".said").getByText(/^limit: requests used up, free in /).waitFor();
  },

  async "a model that its provider does not list any more is told at its step"(page) {
    await fetch(`${url}v1/diagnostics/upstream-models`);
    const step = route(page, "fine").locator(".step");
    await step.getByText(/^gone: answers, near: /).waitFor();
    const words = await step.locator(".said").last().textContent();
    assert.ok(words.includes("answers-2") && words.includes(`answers ${HOSTILE}`), words);
    await route(page, "fine").locator(".sum").getByText("1 model gone").waitFor();
    await route(page, "falls").locator(".sum").getByText("1 model gone").waitFor();
    assert.equal(await route(page, "shares").getByText(/gone/).count(), 0);
  },

  async "a failed request is found by the filter, and its trail at a click"(page) {
    await page.locator("tr.row").first().waitFor();
    const all = await page.locator("tr.row").count();
    assert.ok(all >= 2, `${all} requests`);
    await page.getByRole("button", { name: "Failed only" }).click();
    await page.waitForFunction((all) => document.querySelectorAll("tr.row").length < all, all);
    assert.equal(await page.locator("tr.row").count(), 1);
    await page.locator("tr.row").click();
    await page.locator("tr.trail").getByText(/No luck/).waitFor();
    await page.locator("tr.row button").press("Enter");
    await page.locator("tr.trail").waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Failed only" }).click();
    await page.selectOption("#of-route", "falls");
    await page.waitForFunction(() => [...document.querySelectorAll("tr.row")].every((row) => row.cells[2].textContent === "falls") && document.querySelector("tr.row"));
    const way = await page.locator("tr.row .way").first().textContent();
    assert.match(way, /first ✕.*second ✓/s);
    await page.selectOption("#of-route", "");
  },

  async "a route is tried: its answer streams, and its way is told"(page) {
    const card = route(page, "falls");
    await card.getByRole("button", { name: "Try it: falls" }).click();
    await card.getByRole("button", { name: "Send" }).click();
    await page.waitForFunction(() => { const text = document.querySelector(".out").textContent; return text.startsWith("Hello") && !text.includes("img"); });
    await page.waitForFunction((hostile) => document.querySelector(".out").textContent === `Hello from the stream ${hostile}`, HOSTILE);
    await card.locator(".how").getByText(/ tokens in, 5 out/).waitFor();
    assert.match(await card.locator(".how").textContent(), /first ⤼.*second ✓.*first content.*req-/s);
    for (const [tab, words] of [["Base URL", `${url}v1\n`], ["curl", `curl -N ${url}v1/chat/completions`], ["n8n", `Base URL: ${url}v1\n`], ["Home Assistant", "llama.cpp"], ["Python", `base_url="${url}v1"`]]) {
      await card.getByRole("button", { name: tab, exact: true }).click();
      assert.ok((await card.locator("pre").textContent()).includes(words), tab);
    }
    assert.ok(!(await card.textContent()).includes(OPERATOR), "no key in a snippet");
    /* The box outlives what is shown anew beside it. */
    await page.waitForResponse(/diagnostics\/status/);
    assert.match(await card.locator(".out").textContent(), /^Hello from/);
  },

  async "an operator forgets a mark and tries a step, after a word of warning"(page) {
    const card = route(page, "falls"), toast = page.locator("#toast");
    await card.getByRole("button", { name: "Forget: first/refuses" }).click();
    await toast.getByText("The mark on first/refuses is forgotten.").waitFor();
    await card.locator(".badge.next").first().waitFor();
    const probe = card.getByRole("button", { name: "Try now: first/refuses" });
    await probe.focus();
    await page.keyboard.press("Enter");
    await page.getByText(/is sent one real request/).waitFor();
    await page.locator("#sure").getByRole("button", { name: "Cancel" }).click();
    await probe.click();
    await page.locator("#sure").getByRole("button", { name: "Try now" }).click();
    await toast.getByText(/first\/refuses failed \(rate limited, 429\): Slow down/).waitFor();
    await card.getByRole("button", { name: "Try now: second/answers" }).click();
    await page.locator("#sure").getByRole("button", { name: "Try now" }).click();
    await toast.getByText(/second\/answers answered in/).waitFor();
    await page.getByRole("button", { name: "Reload" }).click();
    await page.locator("#sure").getByRole("button", { name: "Reload" }).click();
    await toast.getByText("The configuration was read and taken over.").waitFor();
  },

  async "the focus stays while figures come and go"(page) {
    const button = route(page, "fine").getByRole("button", { name: "Steps of fine" });
    await button.focus();
    await page.waitForResponse(/diagnostics\/status/);
    await page.waitForTimeout(300);
    assert.equal(await page.evaluate(() => document.activeElement.ariaLabel), "Steps of fine");
  },

  async "what can be pressed has a name, and pictures have words"(page) {
    const nameless = await page.evaluate(() => [...document.querySelectorAll("button, select, input, textarea, svg")].filter((element) => !(element.ariaLabel || element.getAttribute("aria-label") || element.labels?.length || element.textContent.trim())).map((element) => element.outerHTML));
    assert.deepEqual(nameless, []);
  },

  async "a gateway that is away is told, and what was shown stays until it is back"(page) {
    await page.route(/diagnostics\/status/, (route) => route.abort());
    await page.getByText("The gateway does not answer; trying again.").first().waitFor();
    assert.ok(await page.locator(".route").count() > 0);
    await page.unroute(/diagnostics\/status/);
    await page.locator("#line").getByText(/as operator · up/).waitFor();
  },

  async "hostile names and words stay text"(page) {
    await route(page, HOSTILE).waitFor();
    assert.equal(await page.locator("img").count(), 0);
    assert.equal(await page.evaluate(() => window.pwned), undefined);
    assert.equal(await page.evaluate(() => [...document.querySelectorAll("*")].filter((element) => [...element.attributes].some(({ name }) => name.startsWith("on"))).length), 0);
  },

  async "the key is forgotten on demand, with all that it showed"(page) {
    await page.getByRole("button", { name: "Forget the key" }).click();
    await page.locator("#ask").waitFor();
    assert.equal(await page.locator(".route, tr.row, .client").count(), 0);
    await page.check("#keep");
    await login(page, OPERATOR);
    await page.reload();
    await page.waitForSelector(".route");
    await page.getByRole("button", { name: "Forget the key" }).click();
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  },

  async "a client that is no operator sees its own, and no actions"(page) {
    await ask("fine", HOME);
    await login(page, HOME);
    assert.equal(await page.locator(".route").count(), 1);
    assert.equal(await page.locator("[data-do=probe], [data-do=forget], #reload:visible, #of-client:visible").count(), 0);
    await page.locator("tr.row").first().waitFor();
    assert.deepEqual(await page.locator("tr.row td:nth-child(2)").allTextContents(), ["home"]);
    await page.locator(".client").getByText("home", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Forget the key" }).click();
  },

  async "no step is out of reach at 390 pixels, in the dark"() {
    const page = await open({ viewport: { width: 390, height: 844 }, colorScheme: "dark", hasTouch: true, isMobile: true });
    await login(page, OPERATOR);
    const fine = route(page, "fine"), toggle = fine.getByRole("button", { name: "Steps of fine" });
    assert.equal(await fine.locator(".step").isVisible(), false, "healthy routes are folded");
    assert.equal(await route(page, "falls").locator(".step").first().isVisible(), true);
    await toggle.focus();
    await page.keyboard.press("Enter");
    await fine.locator(".step").waitFor();
    await route(page, "falls").getByRole("button", { name: "Try it: falls" }).tap();
    await page.locator("tr.row").first().tap();
    await page.locator("tr.trail").first().waitFor();
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth) <= 390, "nothing sticks out");
    const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    assert.ok(Math.max(...background.match(/\d+/g).slice(0, 3).map(Number)) < 60, background);
    assert.deepEqual(await page.evaluate(() => window.violations), []);
    await page.context().close();
  },
};

let failed = 0;
const page = await open();
for (const [name, test] of Object.entries(cases)) {
  try {
    await test(page);
    assert.deepEqual(said.splice(0), []);
    assert.deepEqual(await page.evaluate(() => window.violations), []);
    console.log(`ok      ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAILED  ${name}\n${error.stack}`);
    await page.screenshot({ path: `${process.env.SHOTS ?? folder}/failed-${failed}.png`, fullPage: true });
  }
}
await browser.close();
gateway.stop();
provider.stop();
proxy.close();
proxy.closeAllConnections();
console.log(`${Object.keys(cases).length - failed} of ${Object.keys(cases).length} well`);
process.exit(failed ? 1 : 0);
