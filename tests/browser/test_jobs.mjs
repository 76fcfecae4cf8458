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
