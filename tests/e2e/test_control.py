"""ListFoundationModels and GetFoundationModel."""

import pytest


def test_models_are_listed(control):
    summaries = control.list_foundation_models()["modelSummaries"]
    by_id = {summary["modelId"]: summary for summary in summaries}
    claude = by_id["anthropic.claude-3-5-sonnet-20241022-v2:0"]
    assert claude["modelArn"] == "arn:aws:bedrock:us-east-1::foundation-model/" + claude["modelId"]
    assert claude["providerName"] == "Anthropic"
    assert claude["inputModalities"] == ["TEXT"] and claude["outputModalities"] == ["TEXT"]
    assert claude["responseStreamingSupported"] is True
    assert claude["modelLifecycle"]["status"] == "ACTIVE"


def test_filters(control):
    amazon = control.list_foundation_models(byProvider="Amazon")["modelSummaries"]
    assert amazon and all(summary["providerName"] == "Amazon" for summary in amazon)
    assert control.list_foundation_models(byOutputModality="IMAGE")["modelSummaries"] == []


def test_one_model(control):
    details = control.get_foundation_model(modelIdentifier="amazon.nova-pro-v1:0")["modelDetails"]
    assert details["modelId"] == "amazon.nova-pro-v1:0"


def test_unknown_model(control):
    with pytest.raises(control.exceptions.ClientError) as caught:
        control.get_foundation_model(modelIdentifier="nobody.has-this-v1:0")
    assert caught.value.response["Error"]["Code"] in ("ValidationException", "ResourceNotFoundException")


def test_operations_that_are_not_there_say_so(control):
    with pytest.raises(control.exceptions.ClientError) as caught:
        control.list_guardrails()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] < 500
