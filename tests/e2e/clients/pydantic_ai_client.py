"""pydantic-ai's agents: text, streams, tools, typed output, marks. AWS_ENDPOINT_URL says where; nothing printed is good."""

import asyncio

import boto3
from pydantic import BaseModel
from pydantic_ai import Agent, BinaryContent, ModelHTTPError, NativeOutput, ToolOutput
from pydantic_ai.messages import (ModelRequest, ModelResponse, TextPart, ThinkingPart, ToolCallPart, ToolReturnPart,
                                  UserPromptPart)
from pydantic_ai.models.bedrock import BedrockConverseModel, BedrockModelSettings
from pydantic_ai.providers.bedrock import BedrockProvider

CLAUDE, NOVA = "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "us.amazon.nova-lite-v1:0"
LONG = "You are a helpful assistant. " * 60
PROVIDER = BedrockProvider(bedrock_client=boto3.client("bedrock-runtime"))


class Ready(BaseModel):
    ready: bool


def agent(name=CLAUDE, settings=None, **more):
    given = {"max_tokens": 9, "temperature": 0.0, **(settings or {})}
    return Agent(BedrockConverseModel(name, provider=PROVIDER), model_settings=BedrockModelSettings(**given), retries=0, **more)


def text():
    for name in (CLAUDE, NOVA):
        result = agent(name, instructions="Be brief.").run_sync("Hello there.")
        assert result.output and result.usage.output_tokens > 0
        assert agent(name).run_sync("And now?", message_history=result.all_messages()).output


async def streams():
    async with agent().run_stream("Hello there.") as result:
        pieces = [piece async for piece in result.stream_text(delta=True)]
    assert pieces and result.usage.output_tokens > 0


def typed_output():
    for name in (CLAUDE, NOVA):
        made = agent(name, {"max_tokens": 100}, output_type=ToolOutput(Ready)).run_sync("Are you ready?")
        assert isinstance(made.output, Ready), name
    made = agent(CLAUDE, {"max_tokens": 100}, output_type=NativeOutput(Ready)).run_sync("Are you ready?")
    assert isinstance(made.output, Ready)


def histories():
    """What a tool said, a thought that was signed, an empty text: as other models have left them."""
    talk = agent()

    @talk.tool_plain
    def weather(city: str) -> str:
        """The weather of a city."""
        return f"sunny in {city}"

    history = [
        ModelRequest(parts=[UserPromptPart("Weather in Oslo?")]),
        ModelResponse(parts=[ThinkingPart("Hm.", signature="c2ln", provider_name="bedrock"), TextPart(""),
                             ToolCallPart("weather", {"city": "Oslo"}, tool_call_id="call_1")]),
        ModelRequest(parts=[ToolReturnPart("weather", {"sky": None}, tool_call_id="call_1")]),
    ]
    assert talk.run_sync("And now?", message_history=history).usage.output_tokens > 0


def marks():
    settings = {"bedrock_cache_instructions": True, "bedrock_cache_tool_definitions": True}
    first, second = (agent(settings=settings, instructions=LONG).run_sync("Hi").usage for _ in range(2))
    assert first.cache_write_tokens > 1024 and second.cache_read_tokens == first.cache_write_tokens


def documents():
    file = BinaryContent(b"Sales rose.", media_type="text/plain")
    assert agent().run_sync(["Summarise.", file]).usage.input_tokens > 0


def options():
    more = {"bedrock_service_tier": {"type": "flex"}, "bedrock_request_metadata": {"a": "b"}, "top_p": 0.5,
            "bedrock_additional_model_requests_fields": {"top_k": 5},
            "bedrock_performance_configuration": {"latency": "standard"}}
    assert agent(settings=more).run_sync("Hello there.").usage.output_tokens > 0


def errors():
    try:
        agent().run_sync("word " * 20000)
        raise AssertionError("answered")
    except ModelHTTPError as error:
        assert error.status_code == 400 and "prompt is too long" in str(error.body)


text()
asyncio.run(streams())
typed_output()
histories()
marks()
documents()
options()
errors()
