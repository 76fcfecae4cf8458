// Every screen of the console opens on a server that has done something: without a complaint of the browser, without a
// request elsewhere, in light and dark, on a desk and on a phone, and without anything that axe finds. Pictures of all
// are left in build/tests/browser.
import assert from "node:assert/strict";
import fs from "node:fs";
import { before, test } from "node:test";
import { inaccessible, open, overflow, picture, settled, stage, until } from "./harness.mjs";

const CONFIG = `
models:
  - {name: desk-large, ids: ["amazon.nova-pro-v1:0"], price_as: "amazon.nova-pro-v1:0"}
  - {name: desk-small, ids: ["amazon.nova-lite-v1:0"], price_as: "amazon.nova-lite-v1:0"}
routers:
  - {name: auto, models: [desk-small, desk-large], tolerance: 0.05}
`;
const FACTS = Array.from({ length: 90 }, (none, i) => `Price of toy ${i}: $${i}.50.`).join("\n");
const FORMS = [
  { name: "desk-light", width: 1440, height: 900, scheme: "light" },
  { name: "desk-dark", width: 1440, height: 900, scheme: "dark" },
  { name: "phone-light", width: 390, height: 844, scheme: "light" },
  { name: "phone-dark", width: 360, height: 740, scheme: "dark" },
];

const { server, browser } = await stage(CONFIG);
const screens = {
  overview: "#/?from=-1h",
  requests: "#/requests?from=-1h",
  cache: "#/cache?from=-1h",
  routers: "#/routers",
  router: "#/routers?router=auto",
  models: "#/models",
  wizard: "#/models?new=1",
  jobs: "#/jobs",
  budgets: "#/budgets?from=-1h",
  advisor: "#/advisor?days=1",
  whatif: "#/advisor?days=1&ttl=1h&batch=all",
  playground: "#/playground",
};

/* Hits and misses of the cache, routed and failed requests, two tenants, an alarm that rings. */
before(async () => {
  for (let i = 0; i < 12; i++) {
    const system = i % 3 === 0 ? `It is ${i} o'clock.\n${FACTS}` : FACTS;
    const who = { key: i % 2 ? "SHOP" : "ACME", more: { requestMetadata: { session: `s-${i % 4}` } } };
    await server.converse(i % 4 ? "auto" : "desk-large", `How much is toy ${i}?`, { system, ...who });
  }
  await server.ask("POST", "/model/desk-small/converse", { messages: [] }).catch(() => {}); // refused: no line
  const { requests } = await until(async () => {
    const reply = await server.get("/fulcrum/requests?router=within-tolerance&from=-1h");
    return reply.requests.length ? reply : null;
  }, "routed requests");
  screens.request = `#/requests?request=${requests[0].requestId}`;
  await alarm("PutMetricAlarm", {
    AlarmName: "too many requests",
    MetricName: "Invocations",
    Namespace: "AWS/Bedrock",
    Statistic: "Sum",
    Period: 60,
    EvaluationPeriods: 1,
    Threshold: 100000,
    ComparisonOperator: "GreaterThanThreshold",
    TreatMissingData: "ignore",
  });
});

const alarm = (operation, body) =>
  server.ask("POST", "/", body, {
    headers: {
      "content-type": "application/x-amz-json-1.0",
      "x-amz-target": `GraniteServiceVersion20100801.${operation}`,
    },
  });

for (const form of FORMS) {
  test(`all screens open, ${form.name}`, async () => {
    const page = await browser.page(server, form);
    for (const [name, hash] of Object.entries(screens)) {
      await open(page, server, hash);
      assert.deepEqual(await page.locator(".failure").allTextContents(), [], `${name}: nothing failed`);
      assert.ok((await overflow(page)) <= 0, `${name}: as wide as its window`);
      await picture(page, `${form.name}-${name}`);
      if (form.name === "desk-light" || form.name === "phone-dark") {
        assert.deepEqual(await inaccessible(page), [], `${name}: axe`);
      }
    }
    assert.deepEqual(browser.takeFaults(), []);
    await page.context().close();
  });
}

test("the overview says what the ledger says", async () => {
  const page = await browser.page(server);
  await open(page, server, "#/?from=-1h");
  const { total } = await server.get("/fulcrum/usage?from=-1h");
  const labelled = (label) => ({ has: page.locator(".tile-label", { hasText: new RegExp(`^${label}`) }) });
  const tile = (label) => page.locator(".tile").filter(labelled(label)).locator(".tile-value");
  assert.equal(await tile("Requests").textContent(), String(total.requests));
  const spent = await tile("Spent").getAttribute("title");
  assert.equal(Number(spent.slice(1)).toFixed(12), total.costDollars);
  const prompts = total.inputTokens + total.cacheReadInputTokens + total.cacheWriteInputTokens;
  const rate = (100 * total.cacheReadInputTokens) / prompts;
  assert.equal(await tile("Hit rate").textContent(), `${rate.toFixed(1)}%`);
  await page.context().close();
});

test("an alarm shows as soon as it rings, in the head of every screen", async () => {
  const page = await browser.page(server);
  await open(page, server, "#/");
  assert.equal(await page.locator(".alarmed").count(), 0);
  await alarm("SetAlarmState", {
    AlarmName: "too many requests",
    StateValue: "ALARM",
    StateReason: "somebody said so",
  });
  await page.locator(".live .alarmed").waitFor();
  await page.locator(".conditions li", { hasText: /ALARM.*too many requests.*somebody said so/ }).waitFor();
  await picture(page, "alarm");
  await page.locator("#nav-jobs").click();
  assert.match(await page.locator(".live .alarmed").textContent(), /1 alarm/);
  assert.deepEqual(browser.takeFaults(), []);
  await page.context().close();
});

test("filters, range and order stand in the address, and outlive it", async () => {
  const page = await browser.page(server);
  await open(page, server, "#/requests?from=-1h");
  await page.locator("#filter-tenant").selectOption("SHOP");
  await page.waitForURL(/tenant=SHOP/);
  await settled(page);
  const rows = page.locator("tbody tr");
  const { requests } = await server.get("/fulcrum/requests?from=-1h&tenant=SHOP");
  await until(async () => (await rows.count()) === requests.length, "the rows of one tenant");
  await page.locator("th a", { hasText: "Billed" }).click();
  await page.waitForURL(/sort=cost/);
  await page.locator("#nav-overview").click();
  await page.waitForURL(/from=-1h.*tenant=SHOP|tenant=SHOP.*from=-1h/); // range and tenant go along
  await page.goBack();
  await page.reload();
  await settled(page);
  assert.equal(await page.locator("#filter-tenant").inputValue(), "SHOP");
  await until(async () => (await rows.count()) === requests.length, "the same rows again");
  const costs = (await page.locator("tbody tr td:nth-child(5)").allTextContents()).map((text) => Number(text.slice(1)));
  assert.deepEqual(
    costs,
    [...costs].sort((a, b) => b - a),
  );
  assert.deepEqual(browser.takeFaults(), []);
  await page.context().close();
});

test("tables are saved as CSV, by the server and by the page", async () => {
  const page = await browser.page(server);
  const saved = async (name) => {
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByLabel(`${name} as CSV`).click()]);
    return fs
      .readFileSync(await download.path(), "utf8")
      .trim()
      .split(/\r?\n/);
  };
  await open(page, server, "#/requests?from=-1h");
  const { requests } = await server.get("/fulcrum/requests?from=-1h");
  const lines = await saved("requests");
  assert.equal(lines.length, requests.length + 1);
  assert.ok(lines.some((line) => line.includes(requests[0].requestId)));
  await open(page, server, "#/cache?from=-1h");
  const misses = await saved("misses");
  assert.match(misses[0], /^reason,requests,tokens,lostDollars/);
  assert.ok(misses.length > 1);
  assert.deepEqual(browser.takeFaults(), []);
  await page.context().close();
});

test("an address that is wrong and a server that is silent say so", async () => {
  const page = await browser.page(server);
  await open(page, server, "#/requests?request=00000000-0000-0000-0000-000000000000");
  assert.match(await page.locator(".failure").first().textContent(), /ResourceNotFoundException|no request/i);
  for (const wrong of ["#/nowhere", "#/%zz", "#main"]) {
    await open(page, server, wrong);
    await page.waitForURL(/#\/$/);
  }
  await page.route("**/fulcrum/usage*", (route) => route.abort());
  await page.locator("#nav-cache").click();
  await page.locator(".failure").first().waitFor();
  assert.match(await page.locator(".failure").first().textContent(), /did not answer/);
  await page.unroute("**/fulcrum/usage*");
  await page.locator(".failure button").first().click();
  await until(async () => (await page.locator(".failure").count()) < 2, "a panel that is there again");
  browser.takeFaults();
  await page.context().close();
});
