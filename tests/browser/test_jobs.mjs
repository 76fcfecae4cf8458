// A batch job from a file that is dropped on the page: submitted, followed to its end, its results and errors looked
// at.
import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import { inaccessible, open, picture, stage } from "./harness.mjs";

const { server, browser } = await stage();
const record = (i) => ({
  recordId: `review-${i}`,
  modelInput: {
    messages: [{ role: "user", content: [{ text: `Name the intent: parcel ${i}` }] }],
    inferenceConfig: { maxTokens: 8 },
  },
});
const LINES = [
  ...Array.from({ length: 6 }, (none, i) => record(i)),
  { recordId: "bad", modelInput: { messages: "none" } },
];

/* As a file manager does it. */
const drop = (page, name, text) =>
  page.evaluate(
    ([fileName, content]) => {
      const data = new DataTransfer();
      data.items.add(new File([content], fileName, { type: "application/json" }));
      const zone = document.querySelector(".drop");
      for (const type of ["dragenter", "dragover", "drop"]) {
        zone.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: data }));
      }
    },
    [name, text],
  );

test("a file that is dropped becomes a job, which ends", async () => {
  const page = await browser.page(server);
  await open(page, server, "#/jobs");
  await drop(page, "week 47.jsonl", LINES.map((line) => JSON.stringify(line)).join("\n"));
  const dialog = page.locator("dialog[open]");
  await dialog.locator(".note", { hasText: "7 lines" }).waitFor();
  await dialog.locator("#batch-name").fill("week-47");
  await dialog.locator("#batch-model").selectOption("desk-small");
  assert.deepEqual(await inaccessible(page), []);
  await picture(page, "batch-new", { fullPage: false });
  await dialog.locator("#batch-submit").click();
  await page.waitForURL(/job=/);
  await page.locator(".panel.wide .badge", { hasText: "Completed" }).waitFor();
  await page
    .locator("td", { hasText: "modelInput" })
    .or(page.locator("td", { hasText: "messages" }))
    .first()
    .waitFor();
  const facts = page.locator(".panel", { hasText: "Answered" }).locator("dd");
  assert.deepEqual((await facts.allTextContents()).slice(0, 3), ["7", "6", "1"]);
  const file = page.locator("button.link", { hasText: ".jsonl.out" });
  const [download] = await Promise.all([page.waitForEvent("download"), file.click()]);
  const lines = fs
    .readFileSync(await download.path(), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.equal(lines.length, 7);
  assert.equal(lines.filter((line) => line.error).length, 1);
  await picture(page, "batch-done");
  assert.deepEqual(await inaccessible(page), []);
  assert.deepEqual(browser.takeFaults(), []);
  await page.context().close();
});

test("the list says what became of it, by kind and status", async () => {
  const page = await browser.page(server);
  await open(page, server, "#/jobs?kind=batch");
  await page.locator("#job-week-47").waitFor();
  await page.locator("#job-status").selectOption("Failed");
  await page.waitForURL(/status=Failed/);
  await page.locator(".empty").waitFor();
  await page.locator("#tab-customization").click();
  await page.waitForURL(/kind=customization/);
  assert.deepEqual(browser.takeFaults(), []);
  await page.context().close();
});

test("a file that is no JSON is refused by its lines, a job without a file too", async () => {
  const page = await browser.page(server);
  await open(page, server, "#/jobs");
  await page.locator("#new-batch").click();
  await page.locator("#batch-submit").click();
  assert.match(await page.locator("dialog .failure").textContent(), /Choose a file first/);
  await page.keyboard.press("Escape");
  await drop(page, "notes.txt", 'hello\n{"recordId":"1"}');
  const note = page.locator("dialog .note.warn");
  await note.waitFor();
  assert.match(await note.textContent(), /line 1: no JSON.*line 2: modelInput is missing/);
  assert.deepEqual(browser.takeFaults(), []);
  await page.context().close();
});

test("batches of OpenAI's and Anthropic's API stand there too: results are saved, one that runs is stopped", async () => {
  const messages = [{ role: "user", content: "Name the intent: where is my parcel?" }];
  const records = [1, 2].map((i) => ({
    custom_id: `r${i}`,
    method: "POST",
    url: "/v1/chat/completions",
    body: { model: "desk-small", max_tokens: 8, messages: i === 1 ? messages : "none" },
  }));
  const form = new FormData();
  form.set("purpose", "batch");
  form.set("file", new Blob([records.map((line) => JSON.stringify(line)).join("\n")]), "in.jsonl");
  const file = await (await fetch(`${server.url}/v1/files`, { method: "POST", body: form })).json();
  const made = await server.ask("POST", "/v1/batches", {
    input_file_id: file.id,
    endpoint: "/v1/chat/completions",
    completion_window: "24h",
  });
  const long = await server.ask("POST", "/v1/messages/batches", {
    requests: Array.from({ length: 2000 }, (none, i) => ({
      custom_id: `m${i}`,
      params: { model: "desk-large", max_tokens: 64, messages },
    })),
  });
  const page = await browser.page(server);
  await open(page, server, "#/jobs");
  await page.locator(`#job-${long.id}`).click();
  await page.locator("#stop").click();
  await page.locator("dialog[open] button", { hasText: "Stop it" }).click();
  await page.locator(".panel.wide .badge", { hasText: "Stopped" }).waitFor();
  await page.locator("#back").click();
  await page.locator("#tab-openai-batch").click();
  await page.locator(`#job-${made.id}`).click();
  await page.locator(".panel.wide .badge", { hasText: "Completed" }).waitFor();
  for (const [name, word] of [
    ["Answers", /"custom_id":"r1".*"chat.completion"/],
    ["Errors", /"custom_id":"r2"/],
    ["Records", /"custom_id":"r1"/],
  ]) {
    const link = page.locator("button.link", { hasText: name });
    const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
    assert.match(fs.readFileSync(await download.path(), "utf8"), word);
  }
  await picture(page, "openai-batch");
  assert.deepEqual(await inaccessible(page), []);
  assert.deepEqual(browser.takeFaults(), []);
  await page.context().close();
});
