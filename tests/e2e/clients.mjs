// Other people's clients for JavaScript against $FULCRUM_URL: `node clients.mjs anthropic`, `ai ai @ai-sdk/amazon-bedrock`.
// Prints one JSON object; test_clients.py looks at it.
const url = process.env.FULCRUM_URL;
const claude = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
const question = "Hello there.";
const letters = [..."abcdefghijklmnopqrstuvwxyz "]; // one of them ends a long reply of the random model soon
const schema = { type: "object", properties: { ready: { type: "boolean" } }, required: ["ready"], additionalProperties: false };

// The version of the API that this client names takes no temperature, so that a reply may end by itself.
function isWithin(reply, most) {
  const tokens = reply.usage.output_tokens;
  return reply.stop_reason === "max_tokens" ? tokens === most : reply.stop_reason === "end_turn" && tokens <= most;
}

async function anthropic() {
  const { AnthropicBedrock } = await import("@anthropic-ai/bedrock-sdk");
  const client = new AnthropicBedrock({ awsAccessKey: "AKIDJS", awsSecretKey: "secret", awsRegion: "us-east-1",
                                        baseURL: url, maxRetries: 0 });
  const same = { model: claude, max_tokens: 200, messages: [{ role: "user", content: question }] };
  const tools = [{ name: "look", description: "Looks.", input_schema: schema }];
  const result = {};
  const whole = await client.messages.create({ ...same, max_tokens: 9, metadata: { user_id: "u" } });
  result.create = isWithin(whole, 9);
  const streamed = client.messages.stream({ ...same, max_tokens: 9 });
  let text = "";
  streamed.on("text", (piece) => text += piece);
  const last = await streamed.finalMessage();
  result.stream = { within: isWithin(last, 9), same: text === last.content.map((block) => block.text).join("") };
  const called = await client.messages.create({ ...same, tools, tool_choice: { type: "any" } });
  result.tool = { stop: called.stop_reason, ready: typeof called.content.at(-1).input.ready };
  const streamedCall = await client.messages.stream({ ...same, tools, tool_choice: { type: "tool", name: "look" } }).finalMessage();
  result.streamedTool = typeof streamedCall.content.at(-1).input.ready;
  const formatted = await client.messages.create({ ...same, output_config: { format: { type: "json_schema", schema } } });
  result.format = typeof JSON.parse(formatted.content[0].text).ready;
  const beta = await client.beta.messages.create({ ...same, max_tokens: 3, betas: ["context-management-2025-06-27"],
                                                   context_management: { edits: [] } });
  result.beta = isWithin(beta, 3);
  const thinking = await client.messages.create({ ...same, thinking: { type: "adaptive" }, stop_sequences: letters });
  result.thinking = thinking.content.map((block) => block.type);
  try {
    await client.messages.create({ ...same, messages: [{ role: "user", content: "word ".repeat(5000) }] });
  } catch (error) {
    result.overflow = [error.status, /prompt is too long: \d+ tokens > \d+ maximum/.test(error.message)];
  }
  return result;
}

// Vercel's AI SDK: the two newest generations, each with the provider that belongs to it.
async function vercel(sdk, provider) {
  const ai = await import(sdk);
  const { createAmazonBedrock } = await import(provider);
  const bedrock = createAmazonBedrock({ region: "us-east-1", accessKeyId: "AKIDJS", secretAccessKey: "secret", baseURL: url });
  const same = { model: bedrock(claude), maxOutputTokens: 200, maxRetries: 0 };
  const ready = ai.jsonSchema(schema);
  const look = ai.tool({ description: "Looks.", inputSchema: ready });
  const result = {};
  globalThis.AI_SDK_LOG_WARNINGS = false;
  const whole = await ai.generateText({ ...same, maxOutputTokens: 9, prompt: question, topK: 5, temperature: 0 });
  result.generate = { finish: whole.finishReason, tokens: whole.usage.outputTokens };
  const streamed = ai.streamText({ ...same, maxOutputTokens: 9, prompt: question, temperature: 0 });
  let text = "";
  for await (const piece of streamed.textStream) text += piece;
  result.stream = { text: text.length > 0, tokens: (await streamed.usage).outputTokens };
  result.object = {};
  for (const id of [claude, "amazon.nova-lite-v1:0", "anthropic.claude-3-5-sonnet-20241022-v2:0"]) {
    const made = await ai.generateText({ ...same, model: bedrock(id), output: ai.Output.object({ schema: ready }), prompt: question });
    result.object[id] = typeof made.output.ready;
  }
  const called = await ai.generateText({ ...same, tools: { look }, toolChoice: "required", prompt: question });
  result.tool = { finish: called.finishReason, ready: typeof called.toolCalls[0].input.ready };
  const history = [...(called.response.messages),
                   { role: "tool", content: [{ type: "tool-result", toolCallId: called.toolCalls[0].toolCallId, toolName: "look",
                                               output: { type: "text", value: "" } }] }];
  const after = await ai.generateText({ ...same, maxOutputTokens: 5, tools: { look }, messages: [{ role: "user", content: question }, ...history] });
  result.history = after.usage.outputTokens > 0;
  const file = { type: "file", data: new TextEncoder().encode("Sales rose."), mediaType: "text/plain", filename: "my_report.txt" };
  const read = await ai.generateText({ ...same, maxOutputTokens: 5,
                                       messages: [{ role: "user", content: [{ type: "text", text: question }, file] }] });
  result.file = read.usage.outputTokens > 0;
  const reasoned = await ai.generateText({ ...same, prompt: question, maxOutputTokens: 1100, stopSequences: letters, providerOptions: {
    bedrock: { reasoningConfig: { type: "enabled", budgetTokens: 1024 }, anthropicBeta: ["x-2026-01-01"], serviceTier: "flex" } } });
  result.reasoning = reasoned.text.length >= 0;
  try {
    await ai.generateText({ ...same, prompt: "word ".repeat(5000) });
  } catch (error) {
    result.overflow = [error.statusCode, /prompt is too long: \d+ tokens > \d+ maximum/.test(error.message)];
  }
  return result;
}

const [suite, ...packages] = process.argv.slice(2);
const result = suite === "anthropic" ? await anthropic() : await vercel(...packages);
process.stdout.write(JSON.stringify(result));
process.exit(0);
