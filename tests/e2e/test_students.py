"""Students of a job that are not their base's size: a part of it, or a model from scratch with a vocabulary of its own."""

import json
import os
import subprocess

import botocore.exceptions
import pytest

from batch_fixture import Store, jsonl
from conftest import FULCRUM, Server, wait_until
from custom_fixture import FAST, INTENTS, intents, output, request, wait_for

pytestmark = pytest.mark.alone

CONFIG = """\
limits: {{customization_prompts_min: 8}}
models:
  - {{name: tiny, path: {path}, ids: ["amazon.nova-lite-v1:0"], context: 512}}
  - {{name: priced, path: {path}, context: 512, price: {{input: 2, output: 8}}}}
  - {{name: desk-small}}
"""
PRUNED = {**FAST, "studentLayers": "1", "studentVocabulary": "300", "trainEmbedding": "true"}
SCRATCH = {"epochCount": "40", "batchSize": "4", "copyingTokens": "8192", "studentVocabulary": "1400"}
# picodollars of a token of input and of output: of the price above, and of Nova Lite, as which desk-small is priced
PRICED, NOVA_LITE = (2000000, 8000000), (60000, 240000)


@pytest.fixture(scope="module")
def server(tmp_path_factory, random_model):
    running = Server(config=CONFIG.format(path=random_model), workdir=tmp_path_factory.mktemp("students"))
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def bedrock(server):
    return server.client("bedrock")


@pytest.fixture(scope="module")
def store(server):
    return Store(server, bucket="students")


def train(bedrock, store, name, base, hyper):
    store.put("train.jsonl", jsonl(intents()))
    job = bedrock.create_model_customization_job(**request(
        store, name, baseModelIdentifier=base, hyperParameters=hyper))["jobArn"]
    done = wait_for(bedrock, job)
    assert done["status"] == "Completed", done
    return done


def deploy(bedrock, model, name):
    arn = bedrock.create_custom_model_deployment(modelDeploymentName=name, modelArn=model)["customModelDeploymentArn"]
    assert wait_until(lambda: bedrock.get_custom_model_deployment(
        customModelDeploymentIdentifier=arn)["status"] != "Creating")
    assert bedrock.get_custom_model_deployment(customModelDeploymentIdentifier=arn)["status"] == "Active"
    return arn


def ask(server, target, word):
    reply = server.client().converse(modelId=target, inferenceConfig={"temperature": 0, "maxTokens": 20},
                                     messages=[{"role": "user", "content": [{"text": f"About my {word}."}]}])
    cost = int(reply["ResponseMetadata"]["HTTPHeaders"]["x-fulcrum-cost"])
    usage = reply["usage"]
    return reply["output"]["message"]["content"][0]["text"], usage, cost


def price(usage, rates, share=1.0):
    """As the ledger rounds it: each rate once, each class of tokens once."""
    return sum(round(tokens * rate * share) for tokens, rate in zip((usage["inputTokens"], usage["outputTokens"]), rates))


def shown(server, job, *options):
    return subprocess.run([str(FULCRUM), "distill", "show", job, "--endpoint", server.url, *options], text=True,
                          capture_output=True, check=True, env={**os.environ, "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
                                                                "AWS_SECRET_ACCESS_KEY": "secret"}).stdout


@pytest.fixture(scope="module")
def pruned(bedrock, store):
    return train(bedrock, store, "pruned", "priced", PRUNED)


@pytest.fixture(scope="module")
def deployed(bedrock, pruned):
    return deploy(bedrock, pruned["outputModelArn"], "pruned")


def test_a_part_of_the_base_learns_and_answers(server, deployed):
    for word, answer in INTENTS.items():
        text, _, _ = ask(server, deployed, word)
        assert text.startswith(answer)


def test_it_costs_its_part_of_its_bases_price(server, pruned, deployed):
    student = json.loads(shown(server, pruned["jobArn"], "--json"))["progress"]["student"]
    # the tiny model: 2 layers of 36,992 weights, a head of 512 tokens by 64 and the last norm's 64
    assert student["baseWeights"] == 2 * 36992 + 512 * 64 + 64
    assert student["weights"] == 36992 + 300 * 64 + 64
    share = student["priceShare"]
    assert 0 < share - student["weights"] / student["baseWeights"] < 1e-6
    assert f"of {student['baseWeights']} weights, {100 * share:.1f}% of its base's price" in shown(server, pruned["jobArn"])
    _, usage, cost = ask(server, deployed, "refund")
    assert cost == price(usage, PRICED, share)
    _, usage, cost = ask(server, "priced", "refund")
    assert cost == price(usage, PRICED)


def test_a_part_of_a_part_costs_a_part_of_that(server, bedrock, store, pruned):
    again = train(bedrock, store, "again", pruned["outputModelArn"], {
        **FAST, "epochCount": "1", "studentVocabulary": "300", "studentLayers": "1"})
    whole = json.loads(shown(server, again["jobArn"], "--json"))["progress"]["student"]
    assert whole["weights"] == whole["baseWeights"] == 36992 + 300 * 64 + 64
    first = json.loads(shown(server, pruned["jobArn"], "--json"))["progress"]["student"]
    assert whole["priceShare"] == first["priceShare"]


def test_a_whole_model_of_a_priced_base_costs_what_that_costs(server, bedrock, store):
    done = train(bedrock, store, "whole", "priced", {**FAST, "epochCount": "1"})
    deployment = deploy(bedrock, done["outputModelArn"], "whole")
    _, usage, cost = ask(server, deployment, "refund")
    assert cost == price(usage, PRICED) > 0
    assert "student" not in json.loads(shown(server, done["jobArn"], "--json"))["progress"]


def test_the_ledger_can_compute_its_lines_again(server, deployed):
    ask(server, deployed, "refund")

    def is_sound():
        out = subprocess.run([str(FULCRUM), "ledger", "check", "--data", str(server.workdir / "data")], text=True,
                             capture_output=True, check=False)
        return out.returncode == 0

    assert wait_until(is_sound)


@pytest.fixture(scope="module")
def scratch(bedrock, store):
    return train(bedrock, store, "scratch", "fulcrum.scratch-small", SCRATCH)


def test_a_model_from_scratch_is_served(server, bedrock, store, scratch):
    assert ":custom-model/fulcrum.scratch-small/" in scratch["outputModelArn"]
    assert scratch["baseModelArn"].endswith("foundation-model/fulcrum.scratch-small")
    deployment = deploy(bedrock, scratch["outputModelArn"], "scratch")
    known = 0
    for word, answer in INTENTS.items():
        text, usage, cost = ask(server, deployment, word)
        known += text.startswith(answer)
        assert cost == price(usage, NOVA_LITE)
    assert known > 0 and scratch["trainingMetrics"]["trainingLoss"] < 3
    steps = output(store, scratch["jobArn"], "training_artifacts/step_wise_training_metrics.csv").splitlines()[1:]
    # four steps of 2,048 tokens of copying come before the first epoch
    assert [row.split(",")[:2] for row in steps[:5]] == [[str(step), "0"] for step in range(1, 5)] + [["5", "1"]]
    assert steps[-1].split(",")[1] == SCRATCH["epochCount"]


def test_what_was_made_from_scratch_is_a_model_to_begin_with(server, bedrock, store, scratch):
    done = train(bedrock, store, "onward", scratch["outputModelArn"], {**FAST, "epochCount": "2", "adapterRank": "2"})
    assert ":custom-model/fulcrum.scratch-small/" in done["outputModelArn"]
    assert done["trainingMetrics"]["trainingLoss"] < scratch["trainingMetrics"]["trainingLoss"] + 1
    with pytest.raises(botocore.exceptions.ClientError, match="ValidationException.*copyingTokens"):
        bedrock.create_model_customization_job(**request(
            store, "copying", baseModelIdentifier=scratch["outputModelArn"], hyperParameters={"copyingTokens": "1000"}))
    _, usage, cost = ask(server, deploy(bedrock, done["outputModelArn"], "onward"), "refund")
    assert cost == price(usage, NOVA_LITE)


@pytest.mark.parametrize("base, hyper, part", [
    ("priced", {"studentLayers": "3"}, "hyperParameters.studentLayers: the base model has 2"),
    ("priced", {"studentVocabulary": "20"}, "hyperParameters.studentVocabulary: expected 0, or at least 300"),
    ("priced", {"copyingTokens": "1000"}, "hyperParameters.copyingTokens: is of models from scratch"),
    ("priced", {"studentLayers": "few"}, "hyperParameters.studentLayers: expected a number"),
    ("fulcrum.scratch-large", {"adapterRank": "4"}, "hyperParameters.adapterRank: "),
    ("fulcrum.scratch-large", {"studentLayers": "4"}, "hyperParameters.studentLayers: "),
    ("fulcrum.scratch-large", {"studentVocabulary": "9000"}, "hyperParameters.studentVocabulary: expected 1400 to 8192"),
    ("fulcrum.scratch-large", {"studentVocabulary": "1000"}, "hyperParameters.studentVocabulary: expected 1400 to 8192"),
    ("fulcrum.scratch-large", {"trainEmbedding": "false"}, "hyperParameters.trainEmbedding: must be true"),
    ("fulcrum.scratch-huge", {}, "baseModelIdentifier"),
])
def test_what_goes_with_no_such_student_is_refused_by_its_key(bedrock, store, base, hyper, part):
    with pytest.raises(botocore.exceptions.ClientError, match=f"ValidationException.*{part}"):
        bedrock.create_model_customization_job(**request(store, "wrong", baseModelIdentifier=base, hyperParameters=hyper))


def test_layers_of_an_embedded_base_are_counted_by_the_job(bedrock, store):
    store.put("train.jsonl", jsonl(intents()))
    job = bedrock.create_model_customization_job(**request(
        store, "embedded", baseModelIdentifier="desk-small", hyperParameters={"studentLayers": "4"}))["jobArn"]
    assert "hyperParameters.studentLayers: the base model has 3" in wait_for(bedrock, job, "Failed")["failureMessage"]


def test_models_that_jobs_may_begin_with_are_listed(bedrock):
    ours = {"fulcrum.scratch-small", "fulcrum.scratch-large"}

    def listed(**filters):
        return {row["modelId"]: row for row in bedrock.list_foundation_models(**filters)["modelSummaries"]}

    assert not ours & set(listed())
    assert listed()["priced"]["customizationsSupported"] == ["FINE_TUNING", "DISTILLATION"]
    for kind in ("FINE_TUNING", "DISTILLATION"):
        assert ours | {"priced", "amazon.nova-lite-v1:0"} <= set(listed(byCustomizationType=kind))
    assert not listed(byCustomizationType="CONTINUED_PRE_TRAINING")
    assert set(listed(byCustomizationType="FINE_TUNING", byProvider="Fulcrum")) >= ours
    card = bedrock.get_foundation_model(modelIdentifier="fulcrum.scratch-small")["modelDetails"]
    assert card["customizationsSupported"] == ["FINE_TUNING", "DISTILLATION"] and not card["inferenceTypesSupported"]
