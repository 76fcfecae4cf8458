// The SDKs of OpenAI and Anthropic for JavaScript against $FULCRUM_URL: a batch from its requests to its results. Prints one
// JSON object; test_openai_batches.py looks at it.
import { toFile } from "openai";

const model = "tiny";
const later = () => new Promise((done) => setTimeout(done, 50));
const texts = [0, 1, 2].map((i) => [{ role: "user", content: `Say ${i}` }]);

async function openai() {
  const { default: OpenAI } = await import("openai");
  const client = new OpenAI({ apiKey: "any", baseURL: `${process.env.FULCRUM_URL}/v1`, maxRetries: 0 });
  const lines = texts.map((messages, i) => JSON.stringify({
    custom_id: `r${i}`, method: "POST", url: "/v1/chat/completions", body: { model, max_tokens: 5, messages } }));
  const file = await client.files.create({ file: await toFile(Buffer.from(lines.join("\n")), "in.jsonl"), purpose: "batch" });
  let batch = await client.batches.create({ input_file_id: file.id, endpoint: "/v1/chat/completions", completion_window: "24h" });
  while (!["completed", "failed", "expired", "cancelled"].includes(batch.status)) {
    await later();
    batch = await client.batches.retrieve(batch.id);
  }
  const output = await (await client.files.content(batch.output_file_id)).text();
  const listed = [];
  for await (const one of client.batches.list({ limit: 1 })) listed.push(one.id);
  return { status: batch.status, listed: listed.includes(batch.id),
           ids: output.trim().split("\n").map((line) => JSON.parse(line).custom_id).sort() };
}

async function anthropic() {
  const { default: Anthropic } = await import("@anthropic-ai/sdk");
  const client = new Anthropic({ apiKey: "any", baseURL: process.env.FULCRUM_URL, maxRetries: 0 });
  let batch = await client.messages.batches.create({ requests: texts.map((messages, i) => ({
    custom_id: `r${i}`, params: { model, max_tokens: 5, messages } })) });
  while (batch.processing_status !== "ended") {
    await later();
    batch = await client.messages.batches.retrieve(batch.id);
  }
  const results = [];
  for await (const line of await client.messages.batches.results(batch.id)) results.push([line.custom_id, line.result.type]);
  const gone = await client.messages.batches.delete(batch.id);
  return { counts: batch.request_counts, results: results.sort(), gone: gone.type };
}

console.log(JSON.stringify({ openai: await openai(), anthropic: await anthropic() }));
