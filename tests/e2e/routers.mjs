// Prompt routers by the AWS SDK for JavaScript against $FULCRUM_URL. Prints one JSON object; test_routers.py looks at it.
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(path.join(process.env.FULCRUM_NODE_MODULES, "resolve.js"));
const { BedrockRuntimeClient, ConverseCommand, ConverseStreamCommand } = require("@aws-sdk/client-bedrock-runtime");
const { BedrockClient, CreatePromptRouterCommand, DeletePromptRouterCommand, GetPromptRouterCommand,
        ListPromptRoutersCommand, ListTagsForResourceCommand, TagResourceCommand } = require("@aws-sdk/client-bedrock");

const settings = {
  region: "us-east-1",
  endpoint: process.env.FULCRUM_URL,
  credentials: { accessKeyId: process.env.FULCRUM_KEY, secretAccessKey: "secret" },
  maxAttempts: 1,
};
const control = new BedrockClient(settings);
const runtime = new BedrockRuntimeClient(settings);
const arnOf = (model) => `arn:aws:bedrock:us-east-1::foundation-model/${model}`;
const models = [{ modelArn: arnOf("amazon.nova-lite-v1:0") }, { modelArn: arnOf("amazon.nova-pro-v1:0") }];
const messages = [{ role: "user", content: [{ text: "What are your business hours?" }] }];
const inferenceConfig = { maxTokens: 4 };
const request = { promptRouterName: "js", models, fallbackModel: models[0],
                  routingCriteria: { responseQualityDifference: 20 } };
const result = {};

const { promptRouterArn } = await control.send(new CreatePromptRouterCommand(request));
result.made = /:prompt-router\/[a-z0-9]{12}$/.test(promptRouterArn);
result.shown = (await control.send(new GetPromptRouterCommand({ promptRouterArn }))).promptRouterName;
const listed = await control.send(new ListPromptRoutersCommand({ type: "custom" }));
result.listed = listed.promptRouterSummaries.some((row) => row.promptRouterArn === promptRouterArn);
const reply = await runtime.send(new ConverseCommand({ modelId: promptRouterArn, messages, inferenceConfig }));
result.trace = models.some((model) => model.modelArn === reply.trace.promptRouter.invokedModelId);
const streamed = await runtime.send(new ConverseStreamCommand({ modelId: promptRouterArn, messages, inferenceConfig }));
for await (const event of streamed.stream) {
  if (event.metadata) result.streamed = event.metadata.trace.promptRouter.invokedModelId.startsWith("arn:");
}
await control.send(new TagResourceCommand({ resourceARN: promptRouterArn, tags: [{ key: "a", value: "b" }] }));
result.tags = (await control.send(new ListTagsForResourceCommand({ resourceARN: promptRouterArn }))).tags.length;
await control.send(new DeletePromptRouterCommand({ promptRouterArn }));
const nameOf = (promise) => promise.then(() => "none", (error) => error.name);
result.deleted = await nameOf(control.send(new GetPromptRouterCommand({ promptRouterArn })));
result.refused = await nameOf(control.send(new CreatePromptRouterCommand({
  ...request, routingCriteria: { responseQualityDifference: 3 } })));
console.log(JSON.stringify(result));
