// Looks at every page as a person would: wide and narrow, light and dark, with and without
// JavaScript, in both languages. A page must be whole, ask no other host, change nothing by itself,
// and have nothing to reproach it with for axe. Then it clicks through a goodbye.
//
//   PUBLIC=http://127.0.0.1:8080 DESK=http://127.0.0.1:8025 [CHROMIUM=/usr/bin/chromium] [SHOTS=folder] node run.mjs
//
// The installation must have captured messages of a campaign (`sendoff demo`).

import assert from "node:assert/strict";
import { mkdtempSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import axe from "@axe-core/playwright";
import { chromium } from "playwright-core";

const { PUBLIC, DESK } = process.env;
assert(PUBLIC && DESK, "PUBLIC and DESK name the two listeners");
const shots = process.env.SHOTS ?? mkdtempSync(join(tmpdir(), "sendoff-shots-"));
mkdirSync(shots, { recursive: true });

const WIDE = { width: 1280, height: 900 };
const NARROW = { width: 390, height: 844 };
const LOOKS = [
  { name: "wide-light", viewport: WIDE, colorScheme: "light", locale: "en-GB", javaScriptEnabled: true },
  { name: "wide-dark", viewport: WIDE, colorScheme: "dark", locale: "ru-RU", javaScriptEnabled: true },
  { name: "narrow-light", viewport: NARROW, colorScheme: "light", locale: "ru-RU", javaScriptEnabled: false },
  { name: "narrow-dark", viewport: NARROW, colorScheme: "dark", locale: "en-GB", javaScriptEnabled: true },
];
// Scanners wait for pages that submit themselves; so do we.
const PATIENCE = 4_000;

// Hosts that a page may ask.
const ours = new Set([new URL(PUBLIC).origin, new URL(DESK).origin]);

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
});

// What a letter of the capture inbox links to, on the listener at hand.
async function letters() {
  const list = await (await fetch(`${DESK}/inbox`)).text();
  const files = [...list.matchAll(/href="(\/inbox\/[^"]+)"/g)].map((match) => match[1]);
  assert(files.length >= 3, "the inbox shows letters");
  return Promise.all(
    files.slice(0, 3).map(async (file) => {
      const html = await (await fetch(`${DESK}${file}/html`)).text();
      const door = (letter) => html.match(new RegExp(`https?://[^/"]+(/${letter}/[A-Za-z0-9_-]{44})`))?.[1];
      // Letters know the public URL of the time they were sent; their pixel may ask it.
      ours.add(new URL(html.match(/https?:\/\/[^/"]+\/u\//)[0]).origin);
      assert(door("u") && door("p"), `${file} has links to leave by`);
      return { file, unsubscribe: door("u"), preferences: door("p"), view: door("v") };
    }),
  );
}

// The desk as a fingerprint of the numbers: what must not move while pages are only looked at.
async function numbers() {
  const text = await (await fetch(`${DESK}/`, { headers: { "accept-language": "en" } })).text();
  return text.replace(/<dt>(opened|clicked)<\/dt><dd>\d+/g, "");
}

async function look(context, name, url, status, { isLetter = false } = {}) {
  const page = await context.newPage();
  const foreign = [];
  const refused = [];
  page.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol !== "data:" && !ours.has(origin)) foreign.push(request.url());
  });
  page.on("console", (message) => {
    if (message.type() === "error" && /Content Security Policy/.test(message.text())) refused.push(message.text());
  });
  const response = await page.goto(url);
  assert.equal(response.status(), status, url);
  assert.equal(response.headers()["set-cookie"], undefined, `${url} sets a cookie`);
  await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
  assert.deepEqual(foreign, [], `${url} asks other hosts`);
  if (!isLetter) {
    assert.deepEqual(refused, [], `${url} breaks its own policy`);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth).catch(() => 0);
    assert(overflow <= 0, `${url} is ${overflow} px too wide`);
  }
  return page;
}

async function examine(page, url) {
  const { violations } = await new axe({ page }).withTags(["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]).exclude("iframe").analyze();
  const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target).join(", ")}`);
  assert.deepEqual(told, [], `axe on ${url}`);
}

try {
  const [first, second, third] = await letters();
  const pages = {
    unsubscribe: [`${PUBLIC}${first.unsubscribe}`, 200],
    preferences: [`${PUBLIC}${first.preferences}`, 200],
    welcome: [`${PUBLIC}/`, 200],
    damaged: [`${PUBLIC}/u/damaged`, 400],
    unknown: [`${PUBLIC}/nowhere`, 404],
    desk: [`${DESK}/`, 200],
    inbox: [`${DESK}/inbox`, 200],
    letter: [`${DESK}${first.file}`, 200],
    headers: [`${DESK}${first.file}?part=headers`, 200],
    text: [`${DESK}${first.file}?part=text`, 200],
  };
  const before = await numbers();
  for (const { name, ...options } of LOOKS) {
    const context = await browser.newContext(options);
    const open = [];
    for (const [what, [url, status]] of Object.entries(pages)) {
      const page = await look(context, `${what}-${name}`, url, status);
      if (options.javaScriptEnabled) await examine(page, url);
      open.push([page, url]);
    }
    await (await look(context, `view-${name}`, `${PUBLIC}${first.view}`, 200, { isLetter: true })).close();
    await new Promise((done) => setTimeout(done, PATIENCE));
    for (const [page, url] of open) assert.equal(page.url(), url, "a page went elsewhere by itself");
    assert.deepEqual(await context.cookies(), [], "a cookie was set");
    await context.close();
  }
  assert.equal(await numbers(), before, "looking changed something");

  // Leaving by the button, without JavaScript.
  const quiet = await browser.newContext({ viewport: NARROW, locale: "en-GB", javaScriptEnabled: false });
  let page = await look(quiet, "leaving", `${PUBLIC}${second.unsubscribe}`, 200);
  await page.getByRole("button").click();
  assert.match(await page.textContent("h1"), /You are unsubscribed/);
  await page.screenshot({ path: join(shots, "left.png"), fullPage: true });
  page = await look(quiet, "gone", `${PUBLIC}${second.unsubscribe}`, 200);
  assert.equal(await page.getByRole("button").count(), 0);

  // Erasing from the preferences, which asks once more.
  page = await look(quiet, "erasing", `${PUBLIC}${third.preferences}`, 200);
  await page.getByRole("button", { name: /Erase everything/ }).click();
  assert.match(await page.textContent("h1"), /Erase everything about you\?/);
  await page.screenshot({ path: join(shots, "erase.png"), fullPage: true });
  await page.getByRole("button", { name: /Yes/ }).click();
  assert.match(await page.textContent("h1"), /You are erased/);
  await page.screenshot({ path: join(shots, "erased.png"), fullPage: true });
  page = await look(quiet, "nothing", `${PUBLIC}${third.preferences}`, 200);
  assert.match(await page.textContent("h1"), /Nothing is held here/);
  assert.notEqual(await numbers(), before, "the desk counts those who left");
  await quiet.close();
  console.log(`the pages are well; pictures in ${shots}`);
} finally {
  await browser.close();
}
