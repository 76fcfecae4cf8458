// A week of a help desk, on a server whose clock a test moves from day to day: the overview adds it up by days, and the
// picture of it in the README is the one that this leaves as build/tests/browser/console.png.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { open, picture, randomModel, stage, tool, until } from "./harness.mjs";

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "fulcrum-week-"));
after(() => fs.rmSync(folder, { recursive: true, force: true }));
const clock = path.join(folder, "clock");
const DAYS = 7;
const day = 86_400;

/* How many seconds the server's clock is ahead; it maps the file. */
function setClock(seconds) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(seconds));
  const file = fs.openSync(clock, fs.existsSync(clock) ? "r+" : "w");
  fs.writeSync(file, bytes, 0, 8, 0);
  fs.closeSync(file);
}

setClock(-(DAYS - 1) * day);
const student = `price_as: "amazon.nova-micro-v1:0", teacher: "amazon.nova-pro-v1:0"`;
const CONFIG = `
models:
  - {name: desk-large, ids: ["amazon.nova-pro-v1:0"], price_as: "amazon.nova-pro-v1:0"}
  - {name: desk-small, ids: ["amazon.nova-lite-v1:0"], price_as: "amazon.nova-lite-v1:0"}
  - {name: tickets, path: ${randomModel(folder)}, context: 2048, ${student}}
routers:
  - {name: auto, models: [desk-small, desk-large], tolerance: 0.05}
`;
const { server, browser } = await stage(CONFIG, { program: tool("clocked_server"), env: { CLOCK_AHEAD: clock } });

const FACTS = Array.from({ length: 90 }, (none, i) => `Price of toy ${i}: $${i}.50.`).join("\n");
const TURNS = ["What are your business hours?", "How much is toy 7?", "Where is my parcel?", "I want my money back."];

/* At night: what nobody waits for, at half the price. */
async function batchJob(name) {
  const records = TURNS.map((text, i) => ({
    recordId: `${name}-record-${i}`,
    modelInput: {
      system: [{ text: FACTS }],
      messages: [{ role: "user", content: [{ text }] }],
      inferenceConfig: { maxTokens: 12 },
    },
  }));
  const body = records.map((record) => JSON.stringify(record)).join("\n");
  await fetch(`${server.url}/nights/${name}.jsonl`, { method: "PUT", body });
  const { jobArn } = await server.ask("POST", "/model-invocation-job", {
    jobName: name,
    roleArn: "arn:aws:iam::000000000000:role/night",
    modelId: "desk-large",
    modelInvocationType: "Converse",
    inputDataConfig: { s3InputDataConfig: { s3Uri: `s3://nights/${name}.jsonl` } },
    outputDataConfig: { s3OutputDataConfig: { s3Uri: "s3://nights/out/" } },
  });
  await until(
    async () => (await server.get(`/fulcrum/jobs/${encodeURIComponent(jobArn)}`)).status === "Completed",
    name,
  );
}

before(async () => {
  await fetch(`${server.url}/nights`, { method: "PUT" });
  for (let d = 0; d < DAYS; d++) {
    setClock((d - DAYS + 1) * day);
    for (let i = 0; i < 8 + 2 * ((d * 5) % 4); i++) {
      await server.converse(i % 2 ? "auto" : "desk-large", TURNS[i % 4], {
        system: FACTS,
        more: { inferenceConfig: { maxTokens: 12 } },
      });
      if (i % 3 === 0) await server.converse("tickets", TURNS[i % 4], { more: { inferenceConfig: { maxTokens: 6 } } });
    }
    await batchJob(`night-${d}`);
  }
});

test("a week by days", async () => {
  const page = await browser.page(server, { width: 1180, height: 1330, scale: 0.8 });
  await open(page, server, "#/");
  const { groups } = await server.get("/fulcrum/usage?by=day&from=-7d");
  assert.equal(groups.length, DAYS);
  await picture(page, "console", { fullPage: false });
  const spend = page.locator(".panel", { hasText: "Spend by class of tokens" });
  await spend.locator("summary").click();
  const rows = spend.locator(".chart-data tbody tr");
  const shown = () => rows.evaluateAll((all) => all.map((row) => row.cells[0].textContent.slice(0, 10)));
  await until(async () => (await shown()).length >= DAYS, "a row for each day");
  const days = await shown();
  for (const group of groups) assert.ok(days.includes(group.key), group.key);
  const levers = page.locator(".bill tbody tr", { hasNotText: "–" }).locator("th");
  const named = await levers.allTextContents();
  for (const lever of ["Routing", "Distillation", "Caching", "Batch and tiers"])
    assert.ok(named.includes(lever), `${lever}: ${named}`);
  assert.deepEqual(browser.takeFaults(), []);
  await page.context().close();
});
