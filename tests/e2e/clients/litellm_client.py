"""litellm over its three routes to Bedrock. AWS_ENDPOINT_URL says where; nothing printed is good."""

import asyncio
import base64
import json
import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm  # noqa: E402 - it looks at the line above

litellm.telemetry = False
litellm.suppress_debug_info = True
URL = os.environ["AWS_ENDPOINT_URL"]
CLAUDE, OLDER = "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic.claude-3-5-sonnet-20241022-v2:0"
ASK = [{"role": "user", "content": "Hello there."}]
LONG = "You are a helpful assistant. " * 60
SCHEMA = {"type": "object", "properties": {"ready": {"type": "boolean"}}, "required": ["ready"], "additionalProperties": False}
TOOLS = [{"type": "function", "function": {"name": "look", "description": "Looks.", "parameters": SCHEMA}}]


def complete(model=f"bedrock/converse/{CLAUDE}", messages=None, **more):
    return litellm.completion(**{"model": model, "messages": messages or ASK, "temperature": 0, "max_tokens": 9,
                                 "aws_bedrock_runtime_endpoint": URL, **more})


def routes():
    for route in (f"converse/{CLAUDE}", CLAUDE, f"invoke/{OLDER}", "invoke/us.amazon.nova-lite-v1:0",
                  "invoke/meta.llama3-1-8b-instruct-v1:0", "invoke/mistral.mistral-large-2402-v1:0",
                  "invoke/cohere.command-r-v1:0"):
        whole = complete(f"bedrock/{route}")
        assert whole.choices[0].message.content and whole.usage.prompt_tokens > 0, route
    for route in (f"converse/{CLAUDE}", f"invoke/{OLDER}", "invoke/us.amazon.nova-lite-v1:0"):
        chunks = list(complete(f"bedrock/{route}", stream=True, stream_options={"include_usage": True}))
        assert any(chunk.choices and chunk.choices[0].delta.content for chunk in chunks), route
        assert chunks[-1].usage.completion_tokens == 9, route


def tools():
    for choice in ("required", {"type": "function", "function": {"name": "look"}}):
        called = complete(tools=TOOLS, tool_choice=choice, max_tokens=100)
        call = called.choices[0].message.tool_calls[0]
        assert called.choices[0].finish_reason == "tool_calls" and call.function.name == "look"
        assert isinstance(json.loads(call.function.arguments)["ready"], bool)
        chunks = list(complete(tools=TOOLS, tool_choice=choice, max_tokens=100, stream=True))
        built = litellm.stream_chunk_builder(chunks).choices[0].message.tool_calls[0]
        assert json.loads(built.function.arguments) == json.loads(call.function.arguments)
    history = [*ASK, called.choices[0].message.model_dump(exclude_none=True),
               {"role": "tool", "tool_call_id": call.id, "content": "yes"}]
    assert complete(messages=history, tools=TOOLS, parallel_tool_calls=False).usage.completion_tokens == 9


def formats():
    wanted = {"type": "json_schema", "json_schema": {"name": "ready", "schema": SCHEMA, "strict": True}}
    for model in (CLAUDE, OLDER, "amazon.nova-lite-v1:0"):
        made = complete(f"bedrock/converse/{model}", response_format=wanted, max_tokens=100)
        assert isinstance(json.loads(made.choices[0].message.content)["ready"], bool), model


def marks():
    for route in (f"converse/{CLAUDE}", f"invoke/{OLDER}"):
        system = {"role": "system", "content": [{"type": "text", "text": f"{route} {LONG}",
                                                 "cache_control": {"type": "ephemeral"}}]}
        first, second = (complete(f"bedrock/{route}", messages=[system, *ASK]).usage for _ in range(2))
        assert first.cache_creation_input_tokens > 1024 and first.cache_read_input_tokens == 0, route
        assert second.cache_read_input_tokens == first.cache_creation_input_tokens, route
        assert first.prompt_tokens == second.prompt_tokens, route


def documents():
    data = "data:text/plain;base64," + base64.b64encode(b"Sales rose.").decode()
    content = [{"type": "text", "text": "Summarise."}, {"type": "file", "file": {"file_data": data}}]
    assert complete(messages=[{"role": "user", "content": content}]).usage.completion_tokens == 9


def options():
    for more in ({"stop": ["qqq"]}, {"serviceTier": {"type": "flex"}}, {"user": "u-1", "requestMetadata": {"a": "b"}},
                 {"api_key": "token"}, {"top_p": 0.5}, {"api_base": URL}):
        assert complete(**more).usage.completion_tokens == 9, more
    thought = complete(reasoning_effort="low", temperature=1, max_tokens=1100, stop=list("abcdefghijklmnopqrstuvwxyz "))
    assert thought.usage.completion_tokens > 0


def errors():
    for route in (f"converse/{CLAUDE}", f"invoke/{OLDER}"):
        try:
            complete(f"bedrock/{route}", messages=[{"role": "user", "content": "word " * 20000}])
            raise AssertionError(f"{route} answered")
        except litellm.ContextWindowExceededError:
            pass


async def others():
    pieces = [chunk.choices[0].delta.content async for chunk in await litellm.acompletion(
        model=f"bedrock/converse/{CLAUDE}", messages=ASK, max_tokens=9, stream=True, aws_bedrock_runtime_endpoint=URL)]
    assert any(pieces)
    message = await litellm.anthropic.messages.acreate(model=f"bedrock/{CLAUDE}", messages=ASK, max_tokens=9,
                                                       aws_bedrock_runtime_endpoint=URL)
    assert message["usage"]["output_tokens"] == 9
    response = await litellm.aresponses(model=f"bedrock/converse/{CLAUDE}", input="Hello there.", max_output_tokens=9,
                                        aws_bedrock_runtime_endpoint=URL)
    assert response.output[0].content[0].text


routes()
tools()
formats()
marks()
documents()
options()
errors()
asyncio.run(others())
