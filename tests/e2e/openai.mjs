// OpenAI's clients for JavaScript against $FULCRUM_URL: `node openai.mjs sdk`, `ai`. Prints one JSON object;
// test_openai_clients.py looks at it.
const baseURL = `${process.env.FULCRUM_URL}/v1`;
const model = "tiny", question = "Hello there.";
const schema = { type: "object", properties: { ready: { type: "boolean" } }, required: ["ready"], additionalProperties: false };

async function sdk() {
  const { default: OpenAI } = await import("openai");
  const client = new OpenAI({ apiKey: "any", baseURL, maxRetries: 0 });
  const same = { model, max_completion_tokens: 200, temperature: 0, messages: [{ role: "user", content: question }] };
  const tools = [{ type: "function", function: { name: "look", parameters: schema, strict: true } }];
  const result = {};
  const whole = await client.chat.completions.create({ ...same, max_completion_tokens: 9 });
  result.create = { finish: whole.choices[0].finish_reason, tokens: whole.usage.completion_tokens, id: !!whole._request_id };
  const stream = client.chat.completions.stream({ ...same, max_completion_tokens: 9, stream_options: { include_usage: true } });
  let pieces = 0;
  stream.on("content", () => pieces++);
  const last = await stream.finalChatCompletion().catch((error) => error.constructor.name);
  result.stream = { pieces: pieces > 0, last: last === "LengthFinishReasonError" || last.usage.completion_tokens };
  const called = await client.chat.completions.stream({ ...same, tools, tool_choice: "required" }).finalChatCompletion();
  const call = called.choices[0].message.tool_calls[0];
  result.tool = { finish: called.choices[0].finish_reason, name: call.function.name,
                  ready: typeof JSON.parse(call.function.arguments).ready };
  const answered = await client.chat.completions.create({ ...same, max_completion_tokens: 5, tools, messages: [
    ...same.messages, called.choices[0].message, { role: "tool", tool_call_id: call.id, content: "yes" }] });
  result.answered = answered.usage.completion_tokens;
  const format = { type: "json_schema", json_schema: { name: "ready", schema, strict: true } };
  const parsed = await client.chat.completions.parse({ ...same, response_format: format });
  result.parsed = typeof JSON.parse(parsed.choices[0].message.content).ready;
  const first = await client.responses.create({ model, input: question, max_output_tokens: 9, temperature: 0 });
  result.response = { status: first.status, tokens: first.usage.output_tokens, text: first.output_text.length > 0 };
  const events = client.responses.stream({ model, input: "And?", max_output_tokens: 9, temperature: 0, previous_response_id: first.id });
  const second = await events.finalResponse();
  result.streamedResponse = { previous: second.previous_response_id === first.id, text: second.output_text.length > 0 };
  result.kept = (await client.responses.retrieve(second.id)).output_text === second.output_text;
  result.models = (await client.models.list()).data.map((one) => one.id).includes(model);
  result.completion = (await client.completions.create({ model, prompt: "Once", max_tokens: 3, temperature: 0 })).usage.completion_tokens;
  try {
    await client.chat.completions.create({ ...same, messages: [{ role: "user", content: "word ".repeat(20000) }] });
  } catch (error) {
    result.overflow = [error.status, error.code];
  }
  return result;
}

async function ai() {
  const { createOpenAI } = await import("@ai-sdk/openai");
  const { generateText, streamText, generateObject, jsonSchema, tool, stepCountIs } = await import("ai");
  const provider = createOpenAI({ apiKey: "any", baseURL });
  const result = {};
  for (const [name, of] of [["chat", provider.chat(model)], ["responses", provider.responses(model)]]) {
    const same = { model: of, maxOutputTokens: 200, temperature: 0, maxRetries: 0 };
    const whole = await generateText({ ...same, prompt: question, maxOutputTokens: 9 });
    const streamed = streamText({ ...same, prompt: question, maxOutputTokens: 9 });
    let text = "";
    for await (const piece of streamed.textStream) text += piece;
    const made = await generateObject({ ...same, prompt: question, schema: jsonSchema(schema) });
    let ran = 0;
    const tools = { look: tool({ description: "Looks.", inputSchema: jsonSchema(schema), execute: () => { ran++; return "yes"; } }) };
    const steps = await generateText({ ...same, tools, prompt: question, stopWhen: stepCountIs(2),
                                       prepareStep: ({ stepNumber }) => ({ toolChoice: stepNumber ? "none" : "required" }) });
    result[name] = { tokens: whole.usage.outputTokens, finish: whole.finishReason, text: text.length > 0,
                     streamed: (await streamed.usage).outputTokens, ready: typeof made.object.ready, ran, steps: steps.steps.length };
  }
  return result;
}

console.log(JSON.stringify(await { sdk, ai }[process.argv[2]]()));
