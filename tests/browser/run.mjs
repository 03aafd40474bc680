// Browser test: opens every page in Chromium, wide and narrow, light and dark, with and without
// JavaScript, in both languages. A page must fit the viewport, load from no other host, change nothing
// by itself, set no cookie and pass axe. Then the test unsubscribes and erases by the buttons.
//
//   PUBLIC=http://127.0.0.1:8080 DESK=http://127.0.0.1:8025 SETUP=http://127.0.0.1:8025/setup?… [CHROMIUM=/usr/bin/chromium] [SHOTS=folder] node run.mjs
//
// The installation must have captured messages of a campaign (`sendoff demo`).

import assert from "node:assert/strict";
import { mkdtempSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import axe from "@axe-core/playwright";
import { chromium } from "playwright-core";

const { PUBLIC, DESK, SETUP } = process.env;
assert(PUBLIC && DESK, "PUBLIC and DESK name the two listeners");
assert(SETUP, "SETUP is the link that makes the first administrator");
const screenshots = process.env.SHOTS ?? mkdtempSync(join(tmpdir(), "sendoff-shots-"));
mkdirSync(screenshots, { recursive: true });

const WIDE = { width: 1280, height: 900 };
const NARROW = { width: 390, height: 844 };
const PROFILES = [
  { name: "wide-light", viewport: WIDE, colorScheme: "light", locale: "en-GB", javaScriptEnabled: true },
  { name: "wide-dark", viewport: WIDE, colorScheme: "dark", locale: "ru-RU", javaScriptEnabled: true },
  { name: "narrow-light", viewport: NARROW, colorScheme: "light", locale: "ru-RU", javaScriptEnabled: false },
  { name: "narrow-dark", viewport: NARROW, colorScheme: "dark", locale: "en-GB", javaScriptEnabled: true },
];
// Link scanners wait for pages that submit themselves; so does this test (milliseconds).
const SETTLE_TIME = 4_000;

// Origins that a page may load from.
const ownOrigins = new Set([new URL(PUBLIC).origin, new URL(DESK).origin]);

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
});

// Returns the links of three captured messages, as paths of the public listener.
async function capturedMessages() {
  const list = await (await fetch(`${DESK}/inbox`)).text();
  const files = [...list.matchAll(/href="(\/inbox\/[^"]+)"/g)].map((match) => match[1]);
  assert(files.length >= 3, "the inbox shows at least three messages");
  return Promise.all(
    files.slice(0, 3).map(async (file) => {
      const html = await (await fetch(`${DESK}${file}/html`)).text();
      const link = (prefix) => html.match(new RegExp(`https?://[^/"]+(/${prefix}/[A-Za-z0-9_-]{44})`))?.[1];
      // A message names the public URL of the time it was sent; its pixel is loaded from there.
      ownOrigins.add(new URL(html.match(/https?:\/\/[^/"]+\/u\//)[0]).origin);
      assert(link("u") && link("p"), `${file} has links to unsubscribe and to the preferences`);
      return { file, unsubscribe: link("u"), preferences: link("p"), view: link("v") };
    }),
  );
}

// Returns the desk page without opens and clicks: its counts must not change while pages are only read.
async function deskCounts() {
  const text = await (await fetch(`${DESK}/w/main/`, { headers: { "accept-language": "en" } })).text();
  return text.replace(/<dt>(opened|clicked)<\/dt><dd>\d+/g, "");
}

async function open(context, name, url, status, { isMessage = false } = {}) {
  const page = await context.newPage();
  const foreign = [];
  const violations = [];
  page.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol !== "data:" && !ownOrigins.has(origin)) foreign.push(request.url());
  });
  page.on("console", (message) => {
    if (message.type() === "error" && /Content Security Policy/.test(message.text())) violations.push(message.text());
  });
  const response = await page.goto(url);
  assert.equal(response.status(), status, url);
  assert.equal(response.headers()["set-cookie"], undefined, `${url} sets a cookie`);
  await page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true });
  assert.deepEqual(foreign, [], `${url} loads from other hosts`);
  if (!isMessage) {
    assert.deepEqual(violations, [], `${url} violates its own content security policy`);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth).catch(() => 0);
    assert(overflow <= 0, `${url} is ${overflow} px too wide`);
  }
  return page;
}

async function checkAccessibility(page, url) {
  const { violations } = await new axe({ page }).withTags(["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]).exclude("iframe").analyze();
  const problems = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target).join(", ")}`);
  assert.deepEqual(problems, [], `axe on ${url}`);
}

// A new owner signs in and runs a season: a list, people from a file, a segment, an email, a check, the start. With and
// without JavaScript.
let isSetUp = false;
async function runSeason(locale, viewport, javaScriptEnabled) {
  const context = await browser.newContext({ locale, viewport, javaScriptEnabled });
  const page = await context.newPage();
  const name = `season-${locale}`;
  const payload = "<img src=x onerror=alert(1)>";
  page.on("dialog", () => assert.fail("a script of a field was executed"));
  const violations = [];
  page.on("console", (message) => {
    if (message.type() === "error" && /Content Security Policy/.test(message.text())) violations.push(message.text());
  });
  const shot = async (what) => {
    await page.screenshot({ path: join(screenshots, `${name}-${what}.png`), fullPage: true });
    if (javaScriptEnabled) await checkAccessibility(page, page.url());
  };
  const submit = async (form) => Promise.all([page.waitForNavigation(), form.locator("button").first().click()]);
  await page.goto(isSetUp ? `${DESK}/login` : SETUP);
  if (!isSetUp) await page.fill("[name=name]", "Анна");
  await page.fill("[name=email]", "anna@shop.example");
  await page.fill("[name=password]", "a long pass phrase for tests");
  await shot("entering");
  await submit(page.locator("form").first());
  isSetUp = true;
  const home = `${DESK}/w/main`;
  await page.goto(`${home}/lists`);
  await page.fill("[name=name]", `${name} ${payload}`);
  await submit(page.locator("form[action*='lists/add']"));
  await page.getByRole("link", { name }).click();
  await page.waitForURL(/lists\/\d+/);
  await page.goto(`${home}/people/import?list=${encodeURIComponent(`${name} ${payload}`)}`);
  const rows = `email,Прозвище\nkate-${locale}@example.org,"${payload}"\nleo-${locale}@example.org,Лев\nbroken,x\n`;
  await page.setInputFiles("[name=file]", { name: "people.csv", mimeType: "text/csv", buffer: Buffer.from(rows) });
  await submit(page.locator("form.fields"));
  await page.selectOption("[name=map-2]", "new:text");
  await page.fill("[name=source]", "checkout");
  await page.fill("[name=proof]", "ticket 7");
  await page.fill("[name=date]", "2026-01-02");
  await shot("import");
  await Promise.all([page.waitForNavigation(), page.click("button[name=import]")]);
  await page.waitForSelector("a[href*='rejects.csv']");
  await shot("imported");
  await page.click("a[href$='/undo']");
  await shot("undo");
  assert.match(await page.textContent(".big"), /^2 /);
  await page.goto(`${home}/people`);
  await page.fill("[name=q]", `kate-${locale}`);
  await Promise.all([page.waitForNavigation(), page.press("[name=q]", "Enter")]);
  assert(!page.url().includes("kate"), "an address stands in a URL");
  await page.getByRole("link", { name: `kate-${locale.toLowerCase()}@example.org` }).or(page.getByRole("link", { name: `kate-${locale}@example.org` })).click();
  await shot("person");
  // A chosen person joins another list, with the proof of consent.
  await page.goto(`${home}/lists`);
  await page.fill("[name=name]", `${name} second`);
  await submit(page.locator("form[action*='lists/add']"));
  await page.goto(`${home}/people?sort=-added`);
  await page.locator("td.pick input").first().check();
  await Promise.all([page.waitForNavigation(), page.locator(".bulk button").first().click()]);
  await page.selectOption("[name=list]", `${name} second`);
  await page.fill("[name=source]", "checkout");
  await page.fill("[name=proof]", "ticket 8");
  await page.fill("[name=date]", "2026-01-02");
  await shot("chosen");
  await submit(page.locator("form.fields"));
  await shot("chosen-done");
  assert.match(await page.textContent(".done"), /1/);
  // A segment is made of rows, and found again as an expression.
  await page.goto(`${home}/segments/edit`);
  await page.selectOption("[name=g0-0-subject]", "email");
  await page.selectOption("[name=g0-0-op]", "contains");
  await page.fill("[name=g0-0-value]", payload);
  await Promise.all([page.waitForNavigation(), page.locator("#rows .actions button").first().click()]);
  assert.equal(await page.inputValue("[name=q]"), `email contains "${payload}"`);
  await shot("segment");
  await page.goto(`${home}/campaigns/new?list=${encodeURIComponent(`${name} ${payload}`)}`);
  await page.fill("[name=name]", `${name} campaign`);
  await page.fill("[name=subject]", "");
  await page.fill("[name=subject]", `Hello ${payload}`);
  await page.fill("[name=from]", "Shop <news@shop.example>");
  await submit(page.locator("form.fields"));
  await page.fill("[name=body]", `# ${payload}\n\nHello!`);
  await Promise.all([page.waitForNavigation(), page.click("button:not([name]):not(.small)")]);
  await shot("email");
  await Promise.all([page.waitForNavigation(), page.click("button[name=then]")]);
  await page.locator("a[href$='/check']").click();
  await page.waitForSelector(".big");
  await shot("check");
  assert.match(await page.textContent(".big"), /^2$/);
  await submit(page.locator("form[action$='/test']").filter({ has: page.locator("[name=to]") })).catch(() => {});
  assert.deepEqual(violations, [], "the content security policy was violated");
  await context.close();
}

try {
  const [first, second, third] = await capturedMessages();
  const pages = {
    unsubscribe: [`${PUBLIC}${first.unsubscribe}`, 200],
    preferences: [`${PUBLIC}${first.preferences}`, 200],
    welcome: [`${PUBLIC}/`, 200],
    "preferences-ask": [`${PUBLIC}/preferences`, 200],
    damaged: [`${PUBLIC}/u/damaged`, 400],
    unknown: [`${PUBLIC}/nowhere`, 404],
    inbox: [`${DESK}/inbox`, 200],
    message: [`${DESK}${first.file}`, 200],
    headers: [`${DESK}${first.file}?part=headers`, 200],
    text: [`${DESK}${first.file}?part=text`, 200],
    "desk-unknown": [`${DESK}/w/main/nowhere`, 404],
    home: [`${DESK}/w/main/`, 200],
    segment: [`${DESK}/w/main/segments/edit?q=${encodeURIComponent('city = "Казань"')}`, 200],
    "help-found": [`${DESK}/w/main/help?q=undo`, 200],
    "people-sorted": [`${DESK}/w/main/people?sort=-address`, 200],
    "segment-rows": [`${DESK}/w/main/segments/edit?q=${encodeURIComponent('(city = "Казань" or age > 18) and not opened(any, 90 days)')}`, 200],
    "segment-wrong": [`${DESK}/w/main/segments/edit?q=${encodeURIComponent("citty = 1")}`, 422],
  };
  for (const path of ["people", "people/add", "people/import", "lists", "segments", "campaigns", "campaigns/new", "emails", "media", "exports",
    "forms", "requests", "settings/sender", "settings/relay", "settings/fields", "settings/users", "campaigns/calendar", "privacy",
    "privacy/audit", "privacy/destruction", "privacy/retention", "privacy/policy", "help/segments",
    "help/words"]) {
    pages[path.replaceAll("/", "-")] = [`${DESK}/w/main/${path}`, 200];
  }
  // A form, as people see it and as its makers do.
  const made = await fetch(`${DESK}/w/main/forms/add`, {
    method: "POST", redirect: "manual", headers: { origin: DESK },
    body: new URLSearchParams({
      name: "Footer", title: "Our news", intro: "Once a month.", language: "en", from: "News <news@shop.example>", list: "News",
      "text-News": "I want the news by email.", processing: "1", "processing-text": "I agree that my data is stored.",
    }),
  });
  assert.equal(made.status, 303, await made.text());
  const [, form] = (await (await fetch(`${DESK}/w/main/forms`)).text()).match(/forms\/(\d+)"/);
  pages["forms-one"] = [`${DESK}/w/main/forms/${form}`, 200];
  const embedded = await (await fetch(`${DESK}/w/main/forms/${form}`)).text();
  pages["sign-up"] = [`${PUBLIC}/f/${embedded.match(/\/f\/([\w-]+)/)[1]}`, 200];
  pages["preferences-by-address"] = [`${PUBLIC}/preferences`, 200];
  // The first campaign, contact and list.
  for (const section of ["campaigns", "people", "lists"]) {
    const text = await (await fetch(`${DESK}/w/main/${section}`)).text();
    const id = text.match(new RegExp(`${section}/(\\d+)"`))[1];
    pages[`${section}-one`] = [`${DESK}/w/main/${section}/${id}`, 200];
    if (section === "campaigns") pages.revisions = [`${DESK}/w/main/campaigns/${id}/revisions`, 200];
    if (section === "campaigns") pages.preview = [`${DESK}/w/main/campaigns/${id}/preview?after=0`, 200];
    if (section === "campaigns") pages.recipients = [`${DESK}/w/main/campaigns/${id}/recipients?state=accepted`, 200];
    if (section === "people") pages.erase = [`${DESK}/w/main/people/${id}/erase`, 200];
  }
  const before = await deskCounts();
  // The profiles side by side: most of the time is waiting.
  await Promise.all(PROFILES.map(async ({ name, ...options }) => {
    const context = await browser.newContext(options);
    const opened = [];
    for (const [what, [url, status]] of Object.entries(pages)) {
      const page = await open(context, `${what}-${name}`, url, status);
      if (options.javaScriptEnabled) await checkAccessibility(page, url);
      opened.push([page, url]);
    }
    await (await open(context, `view-${name}`, `${PUBLIC}${first.view}`, 200, { isMessage: true })).close();
    await new Promise((done) => setTimeout(done, SETTLE_TIME));
    for (const [page, url] of opened) assert.equal(page.url(), url, "the page navigated by itself");
    assert.deepEqual(await context.cookies(), [], "a cookie was set");
    await context.close();
  }));
  assert.equal(await deskCounts(), before, "reading the pages changed the counts");

  // Unsubscribes by the button, without JavaScript. Pages speak the language of the email.
  const plain = await browser.newContext({ viewport: NARROW, locale: "en-GB", javaScriptEnabled: false });
  let page = await open(plain, "unsubscribing", `${PUBLIC}${second.unsubscribe}`, 200);
  await page.getByRole("button").click();
  assert.match(await page.textContent("h1"), /You are unsubscribed|Вы отписались/);
  await page.screenshot({ path: join(screenshots, "unsubscribed.png"), fullPage: true });
  page = await open(plain, "unsubscribed-again", `${PUBLIC}${second.unsubscribe}`, 200);
  assert.equal(await page.getByRole("button").count(), 0);

  // Erases from the preferences page, which asks for a confirmation.
  page = await open(plain, "erasing", `${PUBLIC}${third.preferences}`, 200);
  await page.getByRole("button", { name: /Erase everything|Удалить всё/ }).click();
  assert.match(await page.textContent("h1"), /Erase all data about you\?|Удалить все данные о вас\?/);
  await page.screenshot({ path: join(screenshots, "erase.png"), fullPage: true });
  await page.getByRole("button", { name: /Yes|Да/ }).click();
  assert.match(await page.textContent("h1"), /Your data is erased|Ваши данные удалены/);
  await page.screenshot({ path: join(screenshots, "erased.png"), fullPage: true });
  page = await open(plain, "no-data", `${PUBLIC}${third.preferences}`, 200);
  assert.match(await page.textContent("h1"), /We hold no data about you|Данных о вас здесь нет/);
  assert.notEqual(await deskCounts(), before, "the desk counts unsubscribes");

  // The act of destruction of this month, on paper.
  const month = new Date().toISOString().slice(0, 7);
  page = await open(plain, "act", `${DESK}/w/main/privacy/destruction/${month}`, 200);
  const act = await page.pdf({ format: "A4" });
  assert(act.subarray(0, 5).toString() === "%PDF-" && act.length > 5_000, "the act prints");
  assert.equal((act.toString("latin1").match(/\/Type ?\/Page\b/g) ?? []).length, 1, "the act fits on one page");
  await plain.close();

  await runSeason("en-GB", WIDE, true);
  await runSeason("ru-RU", NARROW, false);
  console.log(`all pages pass; screenshots in ${screenshots}`);
} finally {
  await browser.close();
}
