// The main tasks by the keyboard alone: from screen to screen, through a table into a request, a chat with a model and
// its end, a router's trial, the list of shortcuts, light and dark.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { inaccessible, open, picture, randomModel, settled, stage, until } from "./harness.mjs";

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "fulcrum-model-"));
after(() => fs.rmSync(folder, { recursive: true, force: true }));
// Large enough that a long reply takes a while.
const size = ["--layers", "6", "--width", "256", "--heads", "8", "--kv-heads", "4", "--ff", "1024"];
const { server, browser } = await stage(`
models:
  - {name: desk-large}
  - {name: desk-small}
  - {name: babble, path: ${randomModel(folder, ...size)}, context: 4096}
routers:
  - {name: auto, models: [desk-small, desk-large], tolerance: 0.05}
`);
const focused = (page) => page.evaluate(() => document.activeElement.id || document.activeElement.tagName);

before(async () => {
  for (const text of ["What are your business hours?", "Where is my parcel?", "I want my money back."]) {
    await server.converse("auto", text);
  }
});

test("from screen to screen, through a table, and back", async () => {
  const page = await browser.page(server);
  await open(page, server, "#/");
  await page.keyboard.press("Tab");
  assert.match(await page.evaluate(() => document.activeElement.textContent), /Skip to content/);
  await page.keyboard.press("Enter");
  assert.equal(await focused(page), "main");
  await page.keyboard.type("gr");
  await page.locator("h1", { hasText: "Requests" }).waitFor();
  await settled(page);
  await page.keyboard.press("/");
  assert.equal(await focused(page), "filter-tenant");
  await page.locator("tbody a").first().focus();
  const ids = await page.locator("tbody a").evaluateAll((links) => links.map((link) => link.id));
  assert.equal(ids.length, 3);
  await page.keyboard.press("ArrowDown");
  assert.equal(await focused(page), ids[1]);
  await page.keyboard.press("End");
  assert.equal(await focused(page), ids[2]);
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Enter");
  await page.waitForURL(/request=/);
  await page.locator("h2", { hasText: "Under other levers" }).waitFor();
  assert.ok(page.url().includes(ids[1].replace("row-", "")));
  await page.goBack();
  await page.waitForURL((url) => !url.href.includes("request="));
  assert.deepEqual(browser.takeFaults(), []);
  await page.context().close();
});

test("the shortcuts are listed, can be turned off, and stay so", async () => {
  const page = await browser.page(server);
  await open(page, server, "#/");
  const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
  await page.keyboard.press("d");
  assert.equal(await theme(), "dark");
  await page.keyboard.press("?");
  const dialog = page.locator("dialog[open]");
  await dialog.waitFor();
  assert.match(await dialog.textContent(), /Playground/);
  assert.deepEqual(await inaccessible(page), []);
  await picture(page, "shortcuts", { fullPage: false });
  await dialog.locator("input").focus();
  await page.keyboard.press("Space");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await page.keyboard.press("d");
  assert.equal(await theme(), "dark");
  await page.reload();
  await settled(page);
  assert.equal(await theme(), "dark", "the choice is kept");
  await page.context().close();
});

test("what a figure means opens and closes by a key", async () => {
  const page = await browser.page(server);
  await open(page, server, "#/");
  const hint = page.getByLabel("What is Hit rate?").first();
  await hint.focus();
  await page.keyboard.press("Enter");
  await page.getByText("read / (read + written + input)").first().waitFor();
  await picture(page, "hint", { fullPage: false });
  await page.keyboard.press("Escape");
  await page.getByText("read / (read + written + input)").first().waitFor({ state: "hidden" });
  await page.context().close();
});

test("a chat: streamed, billed to the last digit, stopped", async () => {
  const page = await browser.page(server);
  await open(page, server, "#/playground?ask=desk-large");
  await page.locator("#play-system").fill("Name the intent of the message.");
  await page.locator("#play-text").fill("How do I track my package?");
  await page.keyboard.press("Control+Enter");
  await page.locator(".turn.assistant .meta a").waitFor(); // its line of the ledger is there
  const { requests } = await server.get("/fulcrum/requests?operation=ConverseStream");
  const cost = await page.locator(".turn.assistant .meta b").first().textContent();
  assert.equal(Number(cost.slice(1)).toFixed(12), requests[0].costDollars);
  assert.match(await page.locator(".turn.assistant .turn-text").textContent(), /track_package/);
  assert.deepEqual(await inaccessible(page), []);
  await picture(page, "chat");

  await page.locator("#play-model").selectOption("babble");
  await page.locator("#play-maxTokens").fill("3000");
  await page.locator("#play-text").fill("Go on and on.");
  await page.keyboard.press("Control+Enter");
  await until(
    async () => (await page.locator(".turn.assistant .turn-text").nth(1).textContent()).length > 40,
    "some text",
  );
  await page.locator("#play-text").focus();
  await page.keyboard.press("Escape");
  await page.locator(".turn", { hasText: "stopped" }).waitFor();
  await until(async () => {
    const { requests: left } = await server.get("/fulcrum/requests?outcome=cancelled");
    return left.length === 1;
  }, "the line of a request that was left");
  await page.locator("#play-code").click();
  assert.match(await page.locator("dialog pre").textContent(), /bedrock\.converse\(modelId="babble"/);
  assert.deepEqual(browser.takeFaults(), []);
  await page.context().close();
});

test("a router is tried", async () => {
  const page = await browser.page(server);
  await open(page, server, "#/routers?router=auto");
  await page.locator("#try-prompt").fill("What are your business hours?");
  await page.keyboard.press("Control+Enter");
  const verdict = page.locator(".verdict");
  await verdict.waitFor();
  const explained = await server.ask("POST", "/fulcrum/routers/auto/explain", {
    messages: [{ role: "user", content: [{ text: "What are your business hours?" }] }],
  });
  assert.ok((await verdict.textContent()).startsWith(explained.chosen));
  assert.equal(await page.locator(".result tbody tr").count(), 2);
  await picture(page, "router-tried");
  assert.deepEqual(await inaccessible(page), []);
  assert.deepEqual(browser.takeFaults(), []);
  await page.context().close();
});

test("the menu of a narrow page, and the advisor's sliders", async () => {
  const page = await browser.page(server, { width: 360, height: 740, scheme: "dark" });
  await open(page, server, "#/advisor?days=1");
  await page.locator("#menu").focus();
  await page.keyboard.press("Enter");
  await page.locator("#nav-advisor").waitFor();
  assert.equal(await focused(page), "nav-advisor");
  assert.deepEqual(await inaccessible(page), []);
  await picture(page, "phone-menu", { fullPage: false });
  await page.keyboard.press("Escape");
  await page.locator("#nav-advisor").waitFor({ state: "hidden" });
  assert.equal(await focused(page), "menu");
  await page.locator("#what-batch").focus();
  await page.keyboard.press("End");
  await page.waitForURL(/batch=all/);
  assert.equal(await focused(page), "what-batch");
  await page.locator("p", { hasText: "would have cost" }).waitFor();
  const { dollars } = await server.get("/fulcrum/advice?days=1&batch=all");
  assert.ok(Number(dollars) > 0);
  assert.match(await page.locator("pre", { hasText: "--what-if" }).textContent(), /--what-if batch=all --days 1/);
  assert.deepEqual(browser.takeFaults(), []);
  await page.context().close();
});
