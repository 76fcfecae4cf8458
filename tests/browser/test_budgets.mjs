// Budgets and keys: an administrator makes a key, which is shown once, sets a budget and revokes the key; a viewer sees
// what is its tenant's and changes nothing.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { inaccessible, open, settled, stage, until } from "./harness.mjs";

const hash = (key) => createHash("sha256").update(key).digest("hex");
const { server, browser } = await stage(`
tenants:
  - {name: willow, bearer: [{sha256: ${hash("boss-key")}, role: admin}], budgets: {month: 50}}
  - {name: acme, bearer: [${hash("acme-key")}]}
`);
const REFUSED = /status of 40[134]/;

async function signIn(page, key) {
  await page.goto(`${server.url}/console#/budgets`);
  await page.locator("#api-key").fill(key);
  await page.locator("#sign-in").click();
  await page.locator("#panel-keys").waitFor();
  await settled(page);
}

const panelText = (page, key) => page.locator(`section[aria-labelledby=panel-${key}]`).textContent();

test("an administrator makes a key, bounds it, and revokes it", async () => {
  const page = await browser.page(server);
  await signIn(page, "boss-key");
  assert.match(await panelText(page, "budgets"), /tenant willow[\s\S]*month/);
  await page.locator("#new-key").click();
  await page.locator("#key-name").fill("checkout");
  await page.locator("#key-tenant").fill("acme");
  await page.locator("#key-models").fill("desk-*");
  await page.locator("#key-day").fill("0.5");
  assert.deepEqual(await inaccessible(page), []);
  await page.locator("#key-create").click();
  await page.locator("dialog h2", { hasText: "Key checkout" }).waitFor();
  const key = /sk-fulcrum-[a-z0-9]{40}/.exec(await page.locator("dialog").textContent())[0];
  await page.keyboard.press("Escape");
  await until(async () => /checkout/.test(await panelText(page, "keys")), "the key in the list");
  assert.ok(!(await page.locator("main").textContent()).includes(key));
  const headers = { authorization: `Bearer ${key}` };
  await server.converse("desk-small", "Where is it?", { headers });
  await until(async () => /key FK/.test(await panelText(page, "budgets")), "its budget");

  await page.locator("#new-budget").click();
  await page.locator("#budget-of").selectOption("tag");
  await page.locator("#budget-name").fill("team=red");
  await page.locator("#budget-month").fill("20");
  await page.locator("#budget-save").click();
  await until(async () => /tag team=red/.test(await panelText(page, "budgets")), "the tag's budget");
  assert.deepEqual(await inaccessible(page), []);

  await page.locator("section[aria-labelledby=panel-keys] button", { hasText: "Revoke" }).click();
  await page.locator("dialog button", { hasText: "Revoke" }).click();
  await until(async () => /revoked/.test(await panelText(page, "keys")), "the key's end");
  const reply = await fetch(`${server.url}/v1/models`, { headers });
  assert.equal(reply.status, 401);
  assert.deepEqual(browser.takeFaults(REFUSED), []);
  await page.context().close();
});

test("a viewer sees its tenant's, and has no button to change it", async () => {
  const page = await browser.page(server);
  await signIn(page, "acme-key");
  await open(page, server, "#/budgets");
  await until(async () => /checkout/.test(await panelText(page, "keys")), "its key");
  assert.match(await panelText(page, "budgets"), /key FK/);
  assert.ok(!/willow|team=red/.test(await page.locator("main").textContent()));
  assert.equal(await page.locator("#new-key, #new-budget").count(), 0);
  assert.equal(await page.locator("section[aria-labelledby=panel-keys] button", { hasText: "Revoke" }).count(), 0);
  assert.deepEqual(browser.takeFaults(REFUSED), []);
  await page.context().close();
});
