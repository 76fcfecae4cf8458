// The AWS SDK for JavaScript with its default handler (HTTP/2) against $FULCRUM_URL.
// Prints one JSON object; test_javascript.py looks at it.
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(path.join(process.env.FULCRUM_NODE_MODULES, "resolve.js"));
const { BedrockRuntimeClient, ConverseCommand, ConverseStreamCommand, CountTokensCommand, InvokeModelCommand,
        InvokeModelWithResponseStreamCommand } = require("@aws-sdk/client-bedrock-runtime");
const { BedrockClient, ListFoundationModelsCommand } = require("@aws-sdk/client-bedrock");

const settings = {
  region: "us-east-1",
  endpoint: process.env.FULCRUM_URL,
  credentials: { accessKeyId: process.env.FULCRUM_KEY ?? "AKIDJS", secretAccessKey: process.env.FULCRUM_SECRET ?? "secret" },
  maxAttempts: 1,
};
const modelId = "anthropic.claude-3-5-sonnet-20241022-v2:0";
const messages = [{ role: "user", content: [{ text: "Hello there." }] }];
const inferenceConfig = { maxTokens: 12, temperature: 0 };
const body = JSON.stringify({ anthropic_version: "bedrock-2023-05-31", max_tokens: 12, temperature: 0,
                              messages: [{ role: "user", content: "Hello there." }] });
const client = new BedrockRuntimeClient(settings);
const decode = (bytes) => JSON.parse(new TextDecoder().decode(bytes));
const result = {};

const reply = await client.send(new ConverseCommand({ modelId, messages, inferenceConfig }));
result.converse = { text: reply.output.message.content[0].text, usage: reply.usage, stopReason: reply.stopReason };

const streamed = await client.send(new ConverseStreamCommand({ modelId, messages, inferenceConfig }));
result.stream = { names: [], text: "" };
for await (const event of streamed.stream) {
  result.stream.names.push(Object.keys(event)[0]);
  result.stream.text += event.contentBlockDelta?.delta?.text ?? "";
}

const counted = await client.send(new CountTokensCommand({ modelId, input: { converse: { messages } } }));
result.count = counted.inputTokens;

const invoked = await client.send(new InvokeModelCommand({ modelId, body }));
result.invoke = decode(invoked.body);

const chunks = await client.send(new InvokeModelWithResponseStreamCommand({ modelId, body,
                                                                            contentType: "application/json" }));
result.invokeStream = [];
for await (const event of chunks.body) result.invokeStream.push(decode(event.chunk.bytes).type);

const models = await new BedrockClient(settings).send(new ListFoundationModelsCommand({}));
result.models = models.modelSummaries.map((summary) => summary.modelId);

result.errors = {};
for (const [name, input] of Object.entries({
  unknown: { modelId: "nobody.has-this-v1:0", messages },
  image: { modelId, messages: [{ role: "user", content: [{ image: { format: "png", source: { bytes: new Uint8Array([1]) } } }] }] },
})) {
  try {
    await client.send(new ConverseCommand(input));
    result.errors[name] = "none";
  } catch (error) {
    result.errors[name] = error.name;
  }
}

const many = await Promise.all(Array.from({ length: 16 }, () =>
  client.send(new ConverseCommand({ modelId, messages, inferenceConfig }))));
result.parallel = many.filter((one) => one.usage.outputTokens === 12).length;
console.log(JSON.stringify(result));
