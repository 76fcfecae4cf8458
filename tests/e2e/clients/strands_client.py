"""Strands' agents: streaming, tools, structured output, marks. AWS_ENDPOINT_URL says where; nothing printed is good."""

import asyncio

from pydantic import BaseModel
from strands import Agent, tool
from strands.models import BedrockModel
from strands.types.exceptions import ContextWindowOverflowException

MODEL = "us.anthropic.claude-3-7-sonnet-20250219-v1:0"
LETTERS = list("abcdefghijklmnopqrstuvwxyz ")  # one of them ends a long reply of the random model soon
LONG = "You are a helpful assistant. " * 60


class Ready(BaseModel):
    ready: bool


@tool
def weather(city: str) -> str:
    """The weather of a city.

    Args:
        city: its name
    """
    return f"sunny in {city}"


def agent(tools=(), system=None, **more):
    model = BedrockModel(**{"model_id": MODEL, "max_tokens": 200, "temperature": 0.0, "stop_sequences": LETTERS, **more})
    return Agent(model=model, tools=list(tools), system_prompt=system, callback_handler=None)


def conversations():
    for streaming in (True, False):
        talk = agent(streaming=streaming)
        result = talk("Hello there.")
        assert result.stop_reason in ("end_turn", "stop_sequence") and len(talk.messages) == 2
        assert result.metrics.accumulated_usage["inputTokens"] > 0
        talk("And now?")
        assert len(talk.messages) == 4


def tools():
    talk = agent([weather])
    talk.tool.weather(city="Oslo")  # its call and result are in the history from here on
    before = len(talk.messages)
    talk("And now say goodbye.")
    assert before >= 3 and len(talk.messages) == before + 2


async def structured_output():
    """As an agent asks for it once the model has said what it had to say: by a call that it must make."""
    model, asked = agent(stop_sequences=None).model, [{"role": "user", "content": [{"text": "Are you ready?"}]}]
    made = [event["output"] async for event in model.structured_output(Ready, asked) if "output" in event]
    assert len(made) == 1 and isinstance(made[0], Ready)


async def events():
    names = []
    async for event in agent().stream_async("Hello there."):
        names += list(event.get("event", {}))
    assert names[0] == "messageStart" and names[-1] == "metadata" and "messageStop" in names


def marks():
    used = []
    for _ in range(2):
        result = agent([weather], [{"text": LONG}, {"cachePoint": {"type": "default"}}])("Hi")
        used.append(result.metrics.accumulated_usage)
    assert used[0]["cacheWriteInputTokens"] > 1024 and used[1]["cacheReadInputTokens"] == used[0]["cacheWriteInputTokens"]


def documents():
    document = {"name": "my_report", "format": "txt", "source": {"bytes": b"Sales rose."}}
    assert agent()([{"text": "Summarise."}, {"document": document}]).metrics.accumulated_usage["inputTokens"] > 0


def overflow():
    talk = agent()
    seen = []

    def reduce_context(*_arguments, **options):
        seen.append(options.get("e"))
        raise ContextWindowOverflowException("seen")

    talk.conversation_manager.reduce_context = reduce_context
    try:
        talk("word " * 20000)
        raise AssertionError("answered")
    except ContextWindowOverflowException:
        assert isinstance(seen[0], ContextWindowOverflowException)


conversations()
tools()
asyncio.run(structured_output())
asyncio.run(events())
marks()
documents()
overflow()
