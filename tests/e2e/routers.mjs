// Prompt routers by the AWS SDK for JavaScript against $FULCRUM_URL. Prints one JSON object; test_routers.py looks at it.
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(path.join(process.env.FULCRUM_NODE_MODULES, "resolve.js"));
const { BedrockRuntimeClient, ConverseCommand, ConverseStreamCommand, CountTokensCommand, InvokeModelCommand,
        InvokeModelWithResponseStreamCommand } = require("@aws-sdk/client-bedrock-runtime");
const { BedrockClient, CreatePromptRouterCommand, DeletePromptRouterCommand, GetPromptRouterCommand,
        ListPromptRoutersCommand, ListTagsForResourceCommand, TagResourceCommand, UntagResourceCommand,
        paginateListPromptRouters } = require("@aws-sdk/client-bedrock");

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
const request = { promptRouterName: "js", models, fallbackModel: models[0], description: "By JavaScript.",
                  routingCriteria: { responseQualityDifference: 20 }, clientRequestToken: "js-1",
                  tags: [{ key: "made", value: "1" }] };
const result = {};
const nameOf = (promise) => promise.then(() => "none", (error) => error.name);

// The resource.
const { promptRouterArn } = await control.send(new CreatePromptRouterCommand(request));
result.made = /:prompt-router\/[a-z0-9]{12}$/.test(promptRouterArn);
result.again = (await control.send(new CreatePromptRouterCommand(request))).promptRouterArn === promptRouterArn;
const shown = await control.send(new GetPromptRouterCommand({ promptRouterArn }));
result.shown = shown.promptRouterName;
result.description = shown.description;
result.difference = shown.routingCriteria.responseQualityDifference;
result.status = `${shown.status} ${shown.type}`;
const rows = [];
result.pages = 0;
for await (const page of paginateListPromptRouters({ client: control, pageSize: 1 }, {})) {
  if (page.promptRouterSummaries.length) result.pages++;
  rows.push(...page.promptRouterSummaries);
}
// Routers of fulcrum.yaml are everybody's.
result.pages -= rows.filter((row) => row.type === "custom" && row.promptRouterName !== "js").length;
result.rows = rows.filter((row) => row.type === "default" || row.promptRouterArn === promptRouterArn).length;
const typed = async (type) => (await control.send(new ListPromptRoutersCommand({ type }))).promptRouterSummaries;
result.defaults = (await typed("default")).length;
result.customs = (await typed("custom")).map((row) => row.promptRouterName).filter((name) => name === "js");

// Requests.
const isOne = (arn) => models.some((model) => model.modelArn === arn);
const modelId = promptRouterArn;
const reply = await runtime.send(new ConverseCommand({ modelId, messages, inferenceConfig }));
result.trace = isOne(reply.trace.promptRouter.invokedModelId);
const streamed = await runtime.send(new ConverseStreamCommand({ modelId, messages, inferenceConfig }));
for await (const event of streamed.stream) {
  if (event.metadata) result.streamed = isOne(event.metadata.trace.promptRouter.invokedModelId);
}
const body = JSON.stringify({ messages, inferenceConfig });
const invoked = await runtime.send(new InvokeModelCommand({ modelId, body }));
result.invoked = JSON.parse(new TextDecoder().decode(invoked.body)).output.message.role === "assistant";
const chunked = await runtime.send(new InvokeModelWithResponseStreamCommand({ modelId, body }));
let last;
for await (const event of chunked.body) last = JSON.parse(new TextDecoder().decode(event.chunk.bytes));
result.chunks = "metadata" in last;
const counted = await runtime.send(new CountTokensCommand({ modelId, input: { converse: { messages } } }));
result.counted = counted.inputTokens > 0;

// Tags.
const tags = async () => (await control.send(new ListTagsForResourceCommand({ resourceARN: promptRouterArn }))).tags
  .map((tag) => `${tag.key}=${tag.value}`).sort((a, b) => b.localeCompare(a));
await control.send(new TagResourceCommand({ resourceARN: promptRouterArn, tags: [{ key: "a", value: "b" }] }));
result.tags = await tags();
await control.send(new UntagResourceCommand({ resourceARN: promptRouterArn, tagKeys: ["made"] }));
result.untagged = await tags();

// What is refused.
const make = (more) => nameOf(control.send(new CreatePromptRouterCommand({
  ...request, clientRequestToken: undefined, ...more })));
result.taken = await make({});
result.refused = await make({ promptRouterName: "js2", routingCriteria: { responseQualityDifference: 3 } });
result.token = await nameOf(control.send(new ListPromptRoutersCommand({ nextToken: "another call's" })));
result.kept = await nameOf(control.send(new DeletePromptRouterCommand({
  promptRouterArn: "arn:aws:bedrock:us-east-1:000000000000:default-prompt-router/meta.llama:1" })));
await control.send(new DeletePromptRouterCommand({ promptRouterArn }));
result.deleted = await nameOf(control.send(new GetPromptRouterCommand({ promptRouterArn })));
result.gone = await nameOf(control.send(new DeletePromptRouterCommand({ promptRouterArn })));
console.log(JSON.stringify(result));
