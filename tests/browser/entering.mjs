// Browser test of the pages by which the staff enters the desk: setup, sign-in, account, second factor, team. Each is opened wide
// and narrow, light and dark, in both languages; it must fit the viewport, load from no other host, obey its own content
// security policy and pass axe. Forms are filled in by the keyboard, once with JavaScript off.
//
//   SETUP_URL=http://127.0.0.1:8025/setup?token=… [CHROMIUM=/usr/bin/chromium] [SHOTS=folder] node entering.mjs

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { mkdtempSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import axe from "@axe-core/playwright";
import { chromium } from "playwright-core";

const { SETUP_URL } = process.env;
assert(SETUP_URL, "SETUP_URL is the link that serve prints while there is no administrator");
const DESK = new URL(SETUP_URL).origin;
const screenshots = process.env.SHOTS ?? mkdtempSync(join(tmpdir(), "sendoff-shots-"));
mkdirSync(screenshots, { recursive: true });

const WIDE = { width: 1280, height: 900 };
const NARROW = { width: 320, height: 700 };
const PROFILES = [
  { name: "wide-light", viewport: WIDE, colorScheme: "light", locale: "en-GB" },
  { name: "wide-dark", viewport: WIDE, colorScheme: "dark", locale: "ru-RU" },
  { name: "narrow-light", viewport: NARROW, colorScheme: "light", locale: "ru-RU" },
  { name: "narrow-dark", viewport: NARROW, colorScheme: "dark", locale: "en-GB" },
];
const PASSWORD = "violet-1910";
const EMAIL = "anna@example.org";

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
});

// A page that notes what it must not do.
async function pageOf(context) {
  const page = await context.newPage();
  page.problems = [];
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== DESK) page.problems.push(`loads ${request.url()}`);
  });
  page.on("console", (message) => {
    if (message.type() === "error" && /Content Security Policy/.test(message.text())) page.problems.push(message.text());
  });
  return page;
}

async function check(page, name) {
  await page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true });
  assert.deepEqual(page.problems, [], `${name}: ${page.url()}`);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert(overflow <= 0, `${name} is ${overflow} px too wide`);
  const tags = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"];
  const { violations } = await new axe({ page }).withTags(tags).analyze();
  const problems = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target).join(", ")}`);
  assert.deepEqual(problems, [], `axe on ${name}`);
}

// Types into the field that has the focus, and goes on to the next.
async function type(page, ...texts) {
  // The browser gives the focus to the first field in its own time after the page has loaded.
  await page.waitForFunction(() => document.activeElement.matches("input"));
  for (const text of texts) {
    await page.keyboard.type(text);
    await page.keyboard.press("Tab");
  }
}

// The code that an authenticator program shows (RFC 6238).
function codeOf(secret, time) {
  const bits = [...secret].map((c) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(c).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(time / 30_000)));
  const tag = createHmac("sha1", key).update(counter).digest();
  const number = tag.readUInt32BE(tag[19] & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, "0");
}

try {
  for (const { name, ...options } of PROFILES) {
    const context = await browser.newContext(options);
    const page = await pageOf(context);
    await page.goto(SETUP_URL);
    await check(page, `setup-${name}`);
    // A wrong entry comes back at its field, with what was typed and without the password.
    await type(page, "Anna", "anna@", PASSWORD);
    await page.evaluate(() => document.querySelector("form").setAttribute("novalidate", ""));
    await page.keyboard.press("Enter");
    await page.waitForSelector("#email-wrong");
    assert.equal(await page.inputValue("#name"), "Anna");
    assert.equal(await page.inputValue("#password"), "");
    await check(page, `setup-wrong-${name}`);
    await context.close();
  }

  const plain = await browser.newContext({ viewport: NARROW, locale: "en-GB", javaScriptEnabled: false });
  const setup = await pageOf(plain);
  await setup.goto(SETUP_URL);
  await setup.fill("#name", "Anna");
  await setup.fill("#email", EMAIL);
  await setup.fill("#password", PASSWORD);
  await setup.getByRole("button").click();
  assert.equal(new URL(setup.url()).origin, DESK);
  assert(!setup.url().includes("/setup"), `the setup leads into the desk: ${setup.url()}`);
  const cookies = await plain.cookies();
  assert(cookies.every(({ httpOnly, sameSite }) => httpOnly && sameSite !== "None"), JSON.stringify(cookies));
  await plain.close();

  for (const { name, ...options } of PROFILES) {
    const context = await browser.newContext(options);
    const page = await pageOf(context);
    await page.goto(`${DESK}/account`);
    assert(page.url().includes("/login?next="), page.url());
    await check(page, `login-${name}`);
    await type(page, EMAIL, "wrong");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#password-wrong");
    assert.equal(await page.inputValue("#email"), EMAIL);
    await check(page, `login-wrong-${name}`);
    await page.fill("#password", PASSWORD);
    await page.keyboard.press("Enter");
    await page.waitForSelector("#sessions").catch(async (error) => {
      throw new Error(`${name}: ${await page.textContent("main")}`, { cause: error });
    });
    await check(page, `account-${name}`);
    await page.goto(`${DESK}/account/second-factor`);
    await check(page, `second-factor-${name}`);
    await page.goto(`${DESK}/account/second-factor/remove`);
    await check(page, `second-factor-remove-${name}`);
    if (name === "wide-light") {
      await page.goto(`${DESK}/account/second-factor`);
      const secret = await page.textContent("code");
      await page.fill("#code", codeOf(secret, Date.now()));
      await page.fill("#current", PASSWORD);
      await page.keyboard.press("Enter");
      await page.waitForSelector(".codes");
      await check(page, "recovery-codes");
      const recovery = await page.textContent(".codes code");
      await page.goto(`${DESK}/account/second-factor/remove`);
      await type(page, PASSWORD);
      await page.keyboard.type(recovery);
      await page.keyboard.press("Enter");
      await page.waitForSelector(".done").catch(async (error) => {
        throw new Error(`the second factor is still there: ${await page.textContent("main")}`, { cause: error });
      });
    }
    await page.goto(`${DESK}/w/main/settings/team`);
    await page.fill("form.fields input[name=email]", `${name}@example.org`);
    await page.locator("form.fields button").click();
    await page.waitForSelector(".done code");
    assert((await page.textContent(".done code")).startsWith(`${DESK}/invitation/`));
    await check(page, `team-${name}`);
    await page.goto(`${DESK}/account`);
    await page.locator("form[action$=logout] button").click();
    await page.waitForSelector(".done");
    assert(page.url().includes("/login"), page.url());
    await context.close();
  }
  console.log(`all pages of the sign-in pass; screenshots in ${screenshots}`);
} finally {
  await browser.close();
}
