// Batch jobs driven by the AWS SDK for JavaScript against $FULCRUM_URL; the input lies in s3://javascript already.
// Prints one JSON object; test_batch.py looks at it.
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(path.join(process.env.FULCRUM_NODE_MODULES, "resolve.js"));
const { BedrockClient, CreateModelInvocationJobCommand, GetModelInvocationJobCommand, StopModelInvocationJobCommand,
        paginateListModelInvocationJobs } = require("@aws-sdk/client-bedrock");

const client = new BedrockClient({
  region: "us-east-1",
  endpoint: process.env.FULCRUM_URL,
  credentials: { accessKeyId: "AKIDJS", secretAccessKey: "secret" },
  maxAttempts: 1,
});
const ended = new Set(["Completed", "PartiallyCompleted", "Failed", "Expired", "Stopped"]);

const create = async (jobName, source) => (await client.send(new CreateModelInvocationJobCommand({
  jobName,
  roleArn: "arn:aws:iam::123456789012:role/batch",
  modelId: "amazon.nova-pro-v1:0",
  modelInvocationType: "Converse",
  inputDataConfig: { s3InputDataConfig: { s3Uri: `s3://javascript/${source}`, s3InputFormat: "JSONL" } },
  outputDataConfig: { s3OutputDataConfig: { s3Uri: "s3://javascript/out/" } },
  tags: [{ key: "made-by", value: "javascript" }],
}))).jobArn;

const waitForEnd = async (jobIdentifier) => {
  for (;;) {
    const job = await client.send(new GetModelInvocationJobCommand({ jobIdentifier }));
    if (ended.has(job.status)) return job;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};

const result = {};
const arn = await create("quick", "quick.jsonl");
const job = await waitForEnd(arn);
result.quick = { arn, status: job.status, total: Number(job.totalRecordCount), hasTimes: job.endTime >= job.submitTime };

const slow = await create("slow", "slow.jsonl");
await client.send(new StopModelInvocationJobCommand({ jobIdentifier: slow }));
result.slow = (await waitForEnd(slow)).status;

result.listed = [];
for await (const page of paginateListModelInvocationJobs({ client, pageSize: 1 }, { sortOrder: "Ascending" }))
  result.listed.push(...page.invocationJobSummaries.map((summary) => summary.jobName));

try {
  await client.send(new GetModelInvocationJobCommand({ jobIdentifier: "a".repeat(12) }));
} catch (error) {
  result.unknown = error.name;
}
console.log(JSON.stringify(result));
