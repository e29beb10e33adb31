// Photographs the status page in both colour schemes: node screenshot.mjs URL KEY FOLDER
import { chromium } from "../../target/screenshot/node_modules/playwright-core/index.mjs";

const [url, key, folder] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
for (const colorScheme of ["light", "dark"]) {
  const page = await browser.newPage({ colorScheme, viewport: { width: 860, height: 700 }, deviceScaleFactor: 1.5 });
  // The demo's first step cools for 2 s once it was asked, which the page is to show.
  await new Promise((done) => setTimeout(done, 2100));
  await fetch(`${url}v1/chat/completions`, {
    method: "POST",
    headers: { Authorization: `Bearer ${key}` },
    body: JSON.stringify({ model: "demo", messages: [{ role: "user", content: "Hello" }] }),
  });
  await page.goto(url);
  await page.fill("#key", key);
  await page.keyboard.press("Enter");
  await page.waitForSelector("#routes table");
  const routes = await page.locator("#routes section").last().boundingBox();
  await page.screenshot({ path: `${folder}/${colorScheme}.png`, fullPage: true, clip: { x: 0, y: 0, width: 860, height: routes.y + routes.height + 20 } });
}
await browser.close();
