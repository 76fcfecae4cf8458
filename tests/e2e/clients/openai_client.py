"""Frameworks over OpenAI's API: litellm, pydantic-ai, Strands, LangChain. OPENAI_BASE_URL says where; nothing printed is
good."""

import asyncio
import json
import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm  # noqa: E402 - it looks at the line above
from langchain_core.tools import tool as langchain_tool  # noqa: E402
from langchain_openai import ChatOpenAI  # noqa: E402
from pydantic import BaseModel  # noqa: E402
from pydantic_ai import Agent  # noqa: E402
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel  # noqa: E402
from pydantic_ai.settings import ModelSettings  # noqa: E402
from strands import Agent as StrandsAgent  # noqa: E402
from strands.models.openai import OpenAIModel  # noqa: E402

litellm.telemetry = False
litellm.suppress_debug_info = True
URL = os.environ["OPENAI_BASE_URL"]
MODEL = "tiny"
ASK = [{"role": "user", "content": "Hello there."}]
SCHEMA = {"type": "object", "properties": {"ready": {"type": "boolean"}}, "required": ["ready"], "additionalProperties": False}
TOOLS = [{"type": "function", "function": {"name": "look", "description": "Looks.", "parameters": SCHEMA}}]


class Ready(BaseModel):
    ready: bool


def over_litellm():
    def complete(**more):
        return litellm.completion(**{"model": f"openai/{MODEL}", "messages": ASK, "max_tokens": 9, "temperature": 0, "api_base": URL, **more})
    assert complete().usage.completion_tokens == 9
    chunks = list(complete(stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].usage.completion_tokens == 9 and any(chunk.choices[0].delta.content for chunk in chunks if chunk.choices)
    called = complete(tools=TOOLS, tool_choice="required", max_tokens=100).choices[0]
    call = called.message.tool_calls[0]
    assert called.finish_reason == "tool_calls" and isinstance(json.loads(call.function.arguments)["ready"], bool)
    built = litellm.stream_chunk_builder(list(complete(tools=TOOLS, tool_choice="required", max_tokens=100, stream=True)))
    assert isinstance(json.loads(built.choices[0].message.tool_calls[0].function.arguments)["ready"], bool)
    assert complete(messages=[*ASK, called.message.model_dump(exclude_none=True),
                              {"role": "tool", "tool_call_id": call.id, "content": "yes"}], tools=TOOLS).choices
    response = litellm.responses(model=f"openai/{MODEL}", input="Hello there.", max_output_tokens=16, temperature=0, api_base=URL)
    assert response.output[0].content[0].text and response.usage.output_tokens == 16  # its least
    try:
        complete(messages=[{"role": "user", "content": "word " * 20000}])
        raise AssertionError("answered")
    except litellm.ContextWindowExceededError:
        pass


def over_langchain():
    @langchain_tool
    def look(ready: bool) -> str:
        """Looks."""
        return str(ready)

    for more in ({}, {"use_responses_api": True}):
        model = ChatOpenAI(model=MODEL, max_retries=0, max_tokens=200, temperature=0, **more)
        short = ChatOpenAI(model=MODEL, max_retries=0, max_tokens=9, temperature=0, stream_usage=True, **more)
        assert short.invoke("Hello there.").usage_metadata["output_tokens"] == 9
        whole = None
        for piece in short.stream("Hello there."):
            whole = piece if whole is None else whole + piece
        assert whole.text and whole.usage_metadata["output_tokens"] == 9
        call = model.bind_tools([look], tool_choice="look").invoke("Hello there.")
        assert call.tool_calls[0]["name"] == "look" and isinstance(call.tool_calls[0]["args"]["ready"], bool)
        answer = look.invoke(call.tool_calls[0])
        assert short.bind_tools([look]).invoke([("user", "Hello there."), call, answer]).usage_metadata["output_tokens"] > 0
        assert isinstance(model.with_structured_output(Ready).invoke("Hello there.").ready, bool)


def over_pydantic_ai():
    settings = ModelSettings(max_tokens=200, temperature=0.0)
    for kind in (OpenAIChatModel, OpenAIResponsesModel):
        result = Agent(kind(MODEL), output_type=Ready, model_settings=settings).run_sync("Hello there.")
        assert isinstance(result.output.ready, bool) and result.usage().output_tokens > 0


async def stream_pydantic_ai():
    for kind in (OpenAIChatModel, OpenAIResponsesModel):
        agent = Agent(kind(MODEL), output_type=Ready, model_settings=ModelSettings(max_tokens=200, temperature=0.0))
        async with agent.run_stream("Hello there.") as stream:
            assert isinstance((await stream.get_output()).ready, bool)


def over_strands():
    model = OpenAIModel(client_args={"base_url": URL, "api_key": "any"}, model_id=MODEL,
                        params={"max_tokens": 200, "temperature": 0, "stop": list("abcdefghijklmnopqrstuvwxyz ")})
    result = StrandsAgent(model=model, callback_handler=None)("Hello there.")
    assert result.stop_reason == "end_turn" and result.metrics.accumulated_usage["outputTokens"] > 0
    assert isinstance(StrandsAgent(model=model, callback_handler=None).structured_output(Ready, "Hello there.").ready, bool)


over_litellm()
over_langchain()
over_pydantic_ai()
asyncio.run(stream_pydantic_ai())
over_strands()
