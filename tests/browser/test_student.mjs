// A model of one's own from a file of prompts, in the wizard: taught, trained, followed to its end, served, compared
// with its teacher, asked, and put before a router. Models are small and of random weights: what they say is nonsense,
// what is done with them is not.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { inaccessible, open, picture, randomModel, settled, stage, until } from "./harness.mjs";

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "fulcrum-model-"));
after(() => fs.rmSync(folder, { recursive: true, force: true }));
const model = randomModel(folder);
const { server, browser } = await stage(`
limits: {customization_prompts_min: 8, invocation_log_flush_ms: 200}
models:
  - {name: teacher, path: ${model}, ids: ["amazon.nova-pro-v1:0"], context: 512, price_as: "amazon.nova-pro-v1:0"}
  - {name: pupil, path: ${model}, ids: ["amazon.nova-lite-v1:0"], context: 512, price_as: "amazon.nova-lite-v1:0"}
`);

const WORDS = ["refund", "invoice", "address", "coupon"];
const line = (text, answer) => ({
  schemaVersion: "bedrock-conversation-2024",
  messages: [
    { role: "user", content: [{ text }] },
    ...(answer ? [{ role: "assistant", content: [{ text: answer }] }] : []),
  ],
});

function write(name, rows) {
  const file = path.join(folder, name);
  fs.writeFileSync(file, rows.map((row) => (typeof row === "string" ? row : JSON.stringify(row))).join("\n"));
  return file;
}

const prompts = write("prompts.jsonl", [
  ...Array.from({ length: 20 }, (none, i) => line(`About my ${WORDS[i % 4]}, ${i}.`)),
  "{no JSON",
]);
const rows = write(
  "rows.jsonl",
  WORDS.map((word) => line(`And my ${word}?`, word)),
);

const page = await browser.page(server);

test("the wizard takes a file, says what is wrong with it, and starts the job", async () => {
  await open(page, server, "#/models");
  await page.locator("#new-distillation").click();
  await page.locator("#wizard-next").click();
  assert.match(await page.locator(".wizard .failure").textContent(), /Choose a file first/);
  await page.locator(".wizard input[type=file]").setInputFiles(prompts);
  await page.locator(".note", { hasText: "21 lines" }).waitFor();
  assert.match(await page.locator(".note.warn").textContent(), /line 21: no JSON/);
  await picture(page, "wizard-data");
  await page.locator("#wizard-next").click();
  await page.locator("#teacher").selectOption("teacher");
  const base = page.locator("#base");
  await base.selectOption({
    index: (await base.locator("option").allTextContents()).findIndex((text) => /nova-lite|pupil/.test(text)),
  });
  assert.deepEqual(await inaccessible(page), []);
  await picture(page, "wizard-teacher");
  await page.locator("#wizard-next").click();
  const hyper = { epochCount: "8", batchSize: "4", learningRate: "0.02", validationShare: "0.2" };
  await page.locator("summary", { hasText: "More" }).click();
  for (const [name, value] of Object.entries(hyper)) await page.locator(`#hyper-${name}`).fill(value);
  await page.locator("#max-reply").fill("8");
  await picture(page, "wizard-training");
  await page.locator("#wizard-next").click();
  await page.locator("#job-name").fill("tickets-1");
  await page.locator("summary", { hasText: "The request" }).click();
  assert.match(await page.locator(".wizard pre").textContent(), /"customizationType": "DISTILLATION"/);
  assert.deepEqual(await inaccessible(page), []);
  await picture(page, "wizard-start");
  await page.locator("#wizard-next").click();
  await page.waitForURL(/job=/);
  assert.deepEqual(browser.takeFaults(), []);
});

test("the job is followed to its end, with the curve of its loss", async () => {
  await page.locator("#panel-job-summary").waitFor();
  await page.locator(".stages .is-now, .stages .badge.good").first().waitFor();
  await picture(page, "job-running");
  await page.locator(".panel.wide .badge", { hasText: "Completed" }).waitFor({ timeout: 600_000 });
  await page.locator("#deploy").waitFor();
  await settled(page);
  assert.equal(await page.locator(".stages .badge", { hasText: "Completed" }).count(), 3);
  const arn = new URLSearchParams(page.url().split("?")[1]).get("job");
  const { details } = await server.get(`/fulcrum/jobs/${encodeURIComponent(arn)}`);
  assert.ok(details.metrics.training.length > 4);
  assert.match(
    await page.locator(".chart-box").getAttribute("aria-label"),
    new RegExp(`to ${details.metrics.training.at(-1)[1].toFixed(3)}`),
  );
  await page.locator("summary", { hasText: "Figures" }).click();
  await page.locator(".chart-data tbody tr").first().waitFor();
  assert.match(
    await page.locator(".panel", { hasText: "Lines left out" }).first().textContent(),
    /no JSON|not JSON|JSON/,
  );
  assert.deepEqual(await inaccessible(page), []);
  await picture(page, "job-done");
  assert.deepEqual(browser.takeFaults(), []);
});

test("its model is served, asked, and compared with its teacher", async () => {
  await page.locator("#deploy").click();
  await page.locator("#put-before").waitFor();
  await page.locator("a", { hasText: "Ask it" }).click();
  await page.locator("#play-text").fill("About my refund, 1.");
  await page.locator("#play-maxTokens").fill("8");
  await page.locator("#play-send").click();
  await page.locator(".turn.assistant .meta a").waitFor();
  assert.match(await page.locator(".turn.assistant .meta").textContent(), /by\s/);
  await page.goBack();
  await page.locator("#compare").click();
  await page.locator("dialog input[type=file]").setInputFiles(rows);
  await page.locator("dialog .note", { hasText: "4 lines" }).waitFor();
  assert.deepEqual(await inaccessible(page), []);
  await picture(page, "compare", { fullPage: false });
  await page.locator("#eval-submit").click();
  await page.waitForURL(/evaluation-job/);
  await page.locator(".verdict").waitFor({ timeout: 600_000 });
  assert.match(await page.locator(".verdict").textContent(), /switch|stay|unsure/);
  const [report] = await Promise.all([page.waitForEvent("download"), page.locator("#save-report").click()]);
  assert.match(fs.readFileSync(await report.path(), "utf8"), /<html/);
  await picture(page, "comparison");
  assert.deepEqual(await inaccessible(page), []);
  assert.deepEqual(browser.takeFaults(), []);
});

test("it is put before a router, which is tried", async () => {
  await open(page, server, "#/models");
  await page.locator("tr", { hasText: "Active" }).getByRole("button", { name: "Put before a router" }).click();
  await page.locator("#make-name").fill("tickets");
  assert.match(await page.locator("#make-first").inputValue(), /custom-model-deployment/);
  assert.deepEqual(await inaccessible(page), []);
  await picture(page, "make-router", { fullPage: false });
  await page.locator("#make-router").click();
  await Promise.race([page.waitForURL(/router=/), page.locator("dialog .failure").waitFor()]);
  assert.deepEqual(await page.locator("dialog .failure").allTextContents(), []);
  await page.locator("#try-prompt").fill("About my coupon.");
  await page.locator("#try-ask").click();
  await page.locator(".verdict").waitFor();
  assert.equal(await page.locator(".result tbody tr").count(), 2);
  const { routers } = await server.get("/fulcrum/routers");
  assert.ok(routers.some((router) => router.name === "tickets" && router.kind === "made"));
  await open(page, server, "#/models");
  await until(
    async () => (await page.locator("td .badge", { hasText: "Active" }).count()) > 0,
    "the deployment in the list",
  );
  await picture(page, "models-with-student");
  assert.deepEqual(browser.takeFaults(), []);
});

test("traffic is logged by one click, and teaches", async () => {
  await open(page, server, "#/models?new=1");
  await page.locator("#source-logs").check();
  await page.locator("#logging-on").click();
  await until(
    async () => (await page.locator("#log-uri").inputValue()).startsWith("s3://traffic-"),
    "where the log is",
  );
  for (let i = 0; i < 12; i++) await server.converse("teacher", `About my ${WORDS[i % 4]}, ${i}.`);
  const bucket = /s3:\/\/([^/]+)/.exec(await page.locator("#log-uri").inputValue())[1];
  await until(async () => {
    const keys = await (await fetch(`${server.url}/${bucket}?list-type=2&prefix=requests/AWSLogs`)).text();
    return keys.includes(".json.gz");
  }, "the log");
  assert.deepEqual(await inaccessible(page), []);
  await picture(page, "wizard-logs");
  await page.locator("#log-uses").uncheck();
  await page.locator("#wizard-next").click();
  await page.locator("#teacher").selectOption("teacher");
  await page.locator("#wizard-next").click();
  await page.locator("#hyper-epochCount").fill("2");
  await page.locator("#max-reply").fill("4");
  await page.locator("#wizard-next").click();
  await page.locator("#job-name").fill("from-traffic");
  await page.locator("#wizard-next").click();
  await page.waitForURL(/job=/);
  const status = page.locator(".panel.wide .badge").first();
  await until(async () => /Completed|Failed|Stopped/.test(await status.textContent()), "the end of the job");
  assert.equal(await status.textContent(), "Completed", await page.locator("main").textContent());
  assert.deepEqual(browser.takeFaults(), []);
});
