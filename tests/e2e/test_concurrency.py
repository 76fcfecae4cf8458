"""Many requests at once: batched, alone in their answers, and never stalled."""

import concurrent.futures

from conftest import metrics

MODEL = "tiny"


def ask(client, text, tokens=40):
    return client.converse(modelId=MODEL, messages=[{"role": "user", "content": [{"text": text}]}],
                           inferenceConfig={"maxTokens": tokens, "temperature": 0})["output"]


def test_deterministic_server_answers_the_same_under_load(server):
    client = server.client()
    alone = [ask(client, f"Question {number}?") for number in range(6)]
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        futures = [pool.submit(ask, server.client(), f"Question {number % 6}?") for number in range(24)]
        for number, future in enumerate(futures):
            assert future.result() == alone[number % 6]


def test_clients_are_batched(fast_server):
    client = fast_server.client()
    ask(client, "warm up")

    def counted():
        now = metrics(fast_server)
        return tuple(now[f'fulcrum_engine_{name}_total{{model="tiny"}}'] for name in ("steps", "generated_tokens"))

    steps, tokens = counted()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        clients = [fast_server.client() for _ in range(8)]
        list(pool.map(lambda pair: ask(pair[1], f"{pair[0]}", 200), enumerate(clients)))
    steps, tokens = (now - before for now, before in zip(counted(), (steps, tokens)))
    assert 0 < steps < tokens, "steps give tokens to several requests at once"


def test_seed_repeats_a_sampled_reply(fast_server):
    client = fast_server.client()

    def sampled(seed):
        return client.converse(modelId=MODEL, messages=[{"role": "user", "content": [{"text": "Say it."}]}],
                               inferenceConfig={"maxTokens": 20, "temperature": 1},
                               additionalModelRequestFields={"seed": seed})["output"]

    assert sampled(1) == sampled(1)
    assert sampled(1) != sampled(2)
