// Who sees what where fulcrum.yaml has tenants: the login, a viewer with its own tenant alone, an admin with all of
// them, the operator's link, and the end of a session.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { before, test } from "node:test";
import { inaccessible, open, picture, settled, stage, until } from "./harness.mjs";

const hash = (key) => createHash("sha256").update(key).digest("hex");
const { server, browser } = await stage(`
tenants:
  - {name: willow, bearer: [${hash("willow-key")}, {sha256: ${hash("boss-key")}, role: admin}]}
  - {name: acme, bearer: [${hash("acme-key")}]}
`);

before(async () => {
  for (const [key, count] of [
    ["willow-key", 2],
    ["acme-key", 3],
  ]) {
    const headers = { authorization: `Bearer ${key}` };
    for (let i = 0; i < count; i++) await server.converse("desk-small", `Where is parcel ${i}?`, { headers });
  }
});

const REFUSED = /status of 40[134]/; // what a browser says of the refusals that a login begins with

async function signIn(page, key, hashOf = "#/requests?from=-1h") {
  await page.goto(`${server.url}/console${hashOf}`);
  await page.locator("#api-key").fill(key);
  await page.locator("#sign-in").click();
}

const rows = (page) => page.locator("tbody tr").count();

test("a wrong key is refused in words, a right one opens the screen that was asked for", async () => {
  const page = await browser.page(server);
  await signIn(page, "nobody's");
  await until(async () => (await page.locator(".failure-line").textContent()).length > 0, "the refusal");
  assert.match(await page.locator(".failure-line").textContent(), /key/i);
  assert.deepEqual(await inaccessible(page), []);
  await picture(page, "login", { fullPage: false });
  await page.locator("#api-key").fill("willow-key");
  await page.keyboard.press("Enter");
  await page.locator("h1", { hasText: "Requests" }).waitFor();
  assert.deepEqual(browser.takeFaults(REFUSED), []);
  await page.context().close();
});

test("a viewer sees its own tenant, and nothing that another has", async () => {
  const page = await browser.page(server);
  await signIn(page, "acme-key");
  await until(async () => (await rows(page)) === 3, "its own requests");
  assert.equal(await page.locator("#filter-tenant").count(), 0);
  assert.match(await page.locator(".who").textContent(), /acme.*viewer/);
  for (const hashOf of [
    "#/",
    "#/cache",
    "#/routers",
    "#/models",
    "#/jobs",
    "#/budgets",
    "#/advisor?days=1",
    "#/playground",
  ]) {
    await open(page, server, hashOf);
    assert.deepEqual(await page.locator(".failure").allTextContents(), [], hashOf);
    assert.ok(!(await page.locator("main").textContent()).includes("willow"), hashOf);
  }
  // What it sends itself is its own, by cookie and token.
  await page.locator("#play-model").selectOption("desk-small");
  await page.locator("#play-text").fill("I want my money back.");
  await page.locator("#play-send").click();
  await page.locator(".turn.assistant .meta a").waitFor();
  await open(page, server, "#/requests?from=-1h");
  await until(async () => (await rows(page)) === 4, "its request");
  assert.deepEqual(browser.takeFaults(REFUSED), []);
  await page.context().close();
});

test("an admin sees all, and acts for whom it chooses", async () => {
  const page = await browser.page(server);
  await signIn(page, "boss-key");
  await until(async () => (await rows(page)) === 6, "everybody's requests");
  await page.locator("#filter-tenant").selectOption("willow");
  await until(async () => (await rows(page)) === 2, "those of one tenant");
  await page.locator("#acting").selectOption("acme");
  await open(page, server, "#/budgets");
  assert.match(await page.locator("main").textContent(), /acme[\s\S]*willow|willow[\s\S]*acme/);
  await page.locator("#acting").selectOption("acme");
  await page.locator("#nav-playground").click();
  await page.locator("#play-text").fill("Where is it?");
  await page.locator("#play-send").click();
  await page.locator(".turn.assistant .meta a").click();
  await page.locator("dt", { hasText: "Tenant" }).locator("..").locator("dd", { hasText: "acme" }).waitFor();
  await page.locator("#sign-out").click();
  await page.locator("#api-key").waitFor();
  await page.reload();
  await page.locator("#api-key").waitFor();
  assert.deepEqual(browser.takeFaults(REFUSED), []);
  await page.context().close();
});

test("the operator's link opens the console once", async () => {
  const link = /^console: (\S+)$/m.exec(server.log)[1];
  const page = await browser.page(server);
  await page.goto(link);
  await page.locator("h1", { hasText: "Overview" }).waitFor();
  await settled(page);
  assert.deepEqual(await page.locator(".failure").allTextContents(), []);
  assert.match(page.url(), /\/console\/?(#\/)?$/);
  await page.context().close();
  const second = await browser.page(server);
  await second.goto(link);
  assert.equal(await second.locator(".nav").count(), 0);
  assert.deepEqual(browser.takeFaults(REFUSED), []);
  await second.context().close();
});
