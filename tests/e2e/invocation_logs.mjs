// Invocation logging by the AWS SDK for JavaScript against $FULCRUM_URL. Prints one JSON object;
// test_invocation_logs.py looks at it.
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(path.join(process.env.FULCRUM_NODE_MODULES, "resolve.js"));
const { BedrockRuntimeClient, ConverseCommand, ConverseStreamCommand } = require("@aws-sdk/client-bedrock-runtime");
const { BedrockClient, DeleteModelInvocationLoggingConfigurationCommand,
        GetModelInvocationLoggingConfigurationCommand,
        PutModelInvocationLoggingConfigurationCommand } = require("@aws-sdk/client-bedrock");

const settings = {
  region: "us-east-1",
  endpoint: process.env.FULCRUM_URL,
  credentials: { accessKeyId: process.env.FULCRUM_KEY, secretAccessKey: "secret" },
  maxAttempts: 1,
};
const control = new BedrockClient(settings);
const runtime = new BedrockRuntimeClient(settings);
const messages = [{ role: "user", content: [{ text: "hello" }] }];
const request = { modelId: "amazon.nova-pro-v1:0", messages, inferenceConfig: { maxTokens: 3 } };
const put = (bucketName) => control.send(new PutModelInvocationLoggingConfigurationCommand({
  loggingConfig: { s3Config: { bucketName, keyPrefix: "js" }, textDataDeliveryEnabled: true } }));
const get = async () => (await control.send(new GetModelInvocationLoggingConfigurationCommand({}))).loggingConfig;
const result = {};

result.none = (await get()) === undefined;
await put(process.env.FULCRUM_BUCKET);
result.shown = (await get()).s3Config;
await runtime.send(new ConverseCommand(request));
const streamed = await runtime.send(new ConverseStreamCommand(request));
for await (const event of streamed.stream) void event;
await control.send(new DeleteModelInvocationLoggingConfigurationCommand({}));
result.gone = (await get()) === undefined;
result.refused = await put("no-such-bucket-here").then(() => "none", (error) => error.name);
await runtime.send(new ConverseCommand(request));
console.log(JSON.stringify(result));
