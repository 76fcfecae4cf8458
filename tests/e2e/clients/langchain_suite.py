"""The suite that LangChain has for chat models, over Converse and over InvokeModel with Anthropic's body.

    AWS_ENDPOINT_URL=http://127.0.0.1:8080 python -m pytest --noconftest -o asyncio_mode=auto langchain_suite.py

The model is a random one. Where a test wants wit it may miss the right answer (AssertionError) and nothing else: what goes
over the wire has to be good there too.
"""

import os

import boto3
import botocore.config
import httpx
import pytest
from langchain_aws import ChatBedrock, ChatBedrockConverse
from langchain_tests.integration_tests import ChatModelIntegrationTests

URL = os.environ["AWS_ENDPOINT_URL"]
MODEL = "anthropic.claude-3-5-sonnet-20241022-v2:0"
CLIENTS = {name: boto3.client(service, endpoint_url=URL, config=botocore.config.Config(retries={"total_max_attempts": 1}))
           for name, service in (("client", "bedrock-runtime"), ("bedrock_client", "bedrock"))}
WIT = {
    "test_tool_calling": "has to call a tool on its own, with the right number",
    "test_tool_calling_async": "has to call a tool on its own, with the right number",
    "test_agent_loop": "has to call a tool on its own",
    "test_unicode_tool_call_integration": "has to write the customer's name",
}


def pdf(text):
    """A page that says `text`."""
    stream = b"BT /F1 24 Tf 72 700 Td (%s) Tj ET" % text.encode()
    bodies = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
              b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
              b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
              b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(bodies, 1):
        offsets.append(len(out))
        out += b"%d 0 obj%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return out + b"xref\n0 6\n0000000000 65535 f \n" + table + b"trailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % len(out)


@pytest.fixture(autouse=True)
def without_the_web(monkeypatch):
    """The suite's PDF is one that it fetches."""
    def get(url, **_options):
        return httpx.Response(200, content=pdf("Dummy PDF file"), request=httpx.Request("GET", url))

    monkeypatch.setattr(httpx, "get", get)


@pytest.fixture(autouse=True)
def without_wit(request):
    reason = WIT.get(request.node.originalname)
    if reason:
        request.applymarker(pytest.mark.xfail(raises=AssertionError, strict=False, reason=reason))


class Suite(ChatModelIntegrationTests):
    """What both routes have in common."""

    @property
    def has_tool_choice(self):
        return True

    @property
    def supports_anthropic_inputs(self):
        return True

    @property
    def supported_usage_metadata_details(self):
        details = ["cache_read_input", "cache_creation_input"]
        return {"invoke": details, "stream": details}

    def invoke_with_cache_creation_input(self, *, stream=False):
        return self.answer_with_mark(stream, "once")

    def invoke_with_cache_read_input(self, *, stream=False):
        self.answer_with_mark(stream, "twice")
        return self.answer_with_mark(stream, "twice")

    def answer_with_mark(self, stream, word):
        text = f"{type(self).__name__} {stream} {word}. " + "The quick brown fox jumps over the lazy dog. " * 40
        model = self.chat_model_class(**self.chat_model_params)
        messages = [{"role": "system", "content": self.marked(text)}, {"role": "user", "content": "Hello"}]
        if not stream:
            return model.invoke(messages)
        whole = None
        for chunk in model.stream(messages):
            whole = chunk if whole is None else whole + chunk
        return whole

    @property
    def chat_model_params(self):
        return {"model": MODEL, "region_name": "us-east-1", "temperature": 0, "max_tokens": 100, **CLIENTS}


class TestConverse(Suite):
    """Of Bedrock's own API."""

    @property
    def chat_model_class(self):
        return ChatBedrockConverse

    @property
    def supports_pdf_inputs(self):
        return True

    # Its second document is called test_file.pdf: the service takes no dot in a name, and says so.
    @pytest.mark.xfail(raises=CLIENTS["client"].exceptions.ValidationException, strict=True, reason="a name with a dot")
    def test_pdf_inputs(self, model):
        super().test_pdf_inputs(model)

    @staticmethod
    def marked(text):
        return [{"type": "text", "text": text}, {"cachePoint": {"type": "default"}}]


class TestInvokeModel(Suite):
    """Of Anthropic's body."""

    @property
    def chat_model_class(self):
        return ChatBedrock

    @staticmethod
    def marked(text):
        return [{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]
