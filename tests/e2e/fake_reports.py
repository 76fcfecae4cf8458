"""What a fake provider says it has served, as providers say it: OpenAI's usage and costs and Anthropic's usage and cost
report, page by page, for an administrator's key alone, and AWS's bill. It counts for itself what it answered
(`Served`), so that the ledger can be held against it."""

import csv
import dataclasses
import datetime
import gzip
import io
import itertools
import json
import urllib.parse

ADMIN_KEY = "sk-admin-nobody-elses"
CLASSES = ("input", "read", "write", "write_1h", "output")
PRICES = {"input": 2, "read": 0.2, "write": 2.5, "write_1h": 4, "output": 10}  # dollars a million; upstream_fixture.PRICE


@dataclasses.dataclass
class Served:
    api: str
    model: str
    usage: dict  # as provider_usage.py has it: "write" is the sum of both lifetimes
    tier: str = "default"
    time: float = 0
    key: str = "key_fulcrum"

    def counts(self):
        """By class, each token once."""
        long_lived = self.usage.get("write_1h", 0)
        return {**{kind: self.usage[kind] for kind in ("input", "read", "output")},
                "write": self.usage["write"] - long_lived, "write_1h": long_lived}


def day_of(served):
    return datetime.datetime.fromtimestamp(served.time, datetime.UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def groups(all_served, by):
    """Of each day and group: its sums by class, and requests."""
    for day, of_day in itertools.groupby(sorted(all_served, key=lambda one: one.time), day_of):
        ordered = sorted(of_day, key=by)
        yield day, [(key, {**{kind: sum(one.counts()[kind] for one in same) for kind in CLASSES}, "requests": len(same)})
                    for key, same in ((key, list(same)) for key, same in itertools.groupby(ordered, by))]


def dollars(sums, prices, kind, tier="default"):
    return round(sums[kind] * prices[kind] * (0.5 if tier in ("flex", "batch") else 1) / 1e6, 12)


# --- OpenAI ------------------------------------------------------------------------------------------------


def openai_usage_result(key, sums):
    model, tier, api_key = key
    return {"object": "organization.usage.completions.result", "num_model_requests": sums["requests"],
            "input_tokens": sum(sums[kind] for kind in CLASSES[:4]), "input_uncached_tokens": sums["input"],
            "input_cached_tokens": sums["read"], "input_cache_write_tokens": sums["write"] + sums["write_1h"],
            "input_cache_write_30m_tokens": sums["write"], "input_cache_write_12h_tokens": sums["write_1h"],
            "output_tokens": sums["output"], "model": model, "batch": tier == "batch",
            "service_tier": None if tier == "batch" else tier, "api_key_id": api_key, "project_id": "proj_1",
            "user_id": None, "input_audio_tokens": 0, "output_audio_tokens": 0}


def openai_bucket(day, results):
    return {"object": "bucket", "start_time": int(day.timestamp()), "end_time": int(day.timestamp()) + 86400,
            "results": results}


def openai_usage(served):
    return [openai_bucket(day, [openai_usage_result(key, sums) for key, sums in found])
            for day, found in groups(served, lambda one: (one.model, one.tier, one.key))]


WORDS = {"input": "input", "read": "cached input", "write": "cache write", "write_1h": "cache write 12h",
         "output": "output"}


def openai_costs(served, prices=None):
    return [openai_bucket(day, [{"object": "organization.costs.result", "line_item": f"{model}, {WORDS[kind]}",
                                 "amount": {"value": dollars(sums, prices or PRICES, kind, tier), "currency": "usd"},
                                 "project_id": None, "quantity": sums[kind]}
                                for (model, tier), sums in found for kind in CLASSES])
            for day, found in groups(served, lambda one: (one.model, one.tier))]


# --- Anthropic ---------------------------------------------------------------------------------------------


def anthropic_bucket(day, results):
    return {"starting_at": f"{day:%Y-%m-%dT%H:%M:%SZ}", "ending_at": f"{day + datetime.timedelta(1):%Y-%m-%dT%H:%M:%SZ}",
            "results": results}


def anthropic_usage(served):
    return [anthropic_bucket(day, [
        {"uncached_input_tokens": sums["input"], "cache_read_input_tokens": sums["read"],
         "cache_creation": {"ephemeral_5m_input_tokens": sums["write"], "ephemeral_1h_input_tokens": sums["write_1h"]},
         "output_tokens": sums["output"], "server_tool_use": {"web_search_requests": 0}, "model": model,
         "service_tier": "standard" if tier == "default" else tier, "api_key_id": api_key, "workspace_id": None,
         "context_window": None, "inference_geo": None}
        for (model, tier, api_key), sums in found])
        for day, found in groups(served, lambda one: (one.model, one.tier, one.key))]


TOKEN_TYPES = {"input": "uncached_input_tokens", "read": "cache_read_input_tokens", "output": "output_tokens",
               "write": "cache_creation.ephemeral_5m_input_tokens",
               "write_1h": "cache_creation.ephemeral_1h_input_tokens"}


def anthropic_costs(served, prices=None):
    return [anthropic_bucket(day, [
        {"amount": f"{100 * dollars(sums, prices or PRICES, kind):.10f}", "currency": "USD", "cost_type": "tokens",
         "model": model, "token_type": TOKEN_TYPES[kind], "service_tier": "standard", "context_window": "0-200k",
         "description": f"{model} usage", "workspace_id": None}
        for model, sums in found for kind in CLASSES])
        for day, found in groups(served, lambda one: one.model)]


# --- AWS ---------------------------------------------------------------------------------------------------

METERS = {"input": "input-tokens", "read": "cache-read-input-token-count", "write": "cache-write-input-token-count",
          "write_1h": "cache-write-1h-input-token-count", "output": "output-tokens"}
TAGS = [f"resource_tags_user_{i}" for i in range(300)]  # as many as large organisations have
CUR_COLUMNS = ["identity_line_item_id", "line_item_line_item_type", "line_item_product_code",
               "line_item_usage_account_id", "line_item_usage_start_date", "line_item_usage_end_date",
               "line_item_usage_type", "line_item_usage_amount", "pricing_unit", "line_item_unblended_cost", "product",
               *TAGS]


def bedrock_cur(served, names, prices=None):
    """CUR 2.0, compressed; `names`: what the bill calls each model."""
    text = io.StringIO()
    out = csv.DictWriter(text, CUR_COLUMNS, restval="")
    out.writeheader()
    for day, found in groups(served, lambda one: one.model):
        for model, sums in found:
            for kind in CLASSES:
                out.writerow({"line_item_line_item_type": "Usage", "line_item_product_code": "AmazonBedrock",
                              "line_item_usage_account_id": "111122223333", "pricing_unit": "1K tokens",
                              "line_item_usage_start_date": f"{day:%Y-%m-%dT%H:%M:%S.000Z}",
                              "line_item_usage_end_date": f"{day + datetime.timedelta(1):%Y-%m-%dT%H:%M:%S.000Z}",
                              "line_item_usage_type": f"EUC1-{names[model]}-{METERS[kind]}",
                              "line_item_usage_amount": sums[kind] / 1000, "product": '{"product_name":"Amazon Bedrock"}',
                              "line_item_unblended_cost": f"{dollars(sums, prices or PRICES, kind):.12f}",
                              TAGS[7]: 'a "quoted", tag'})
            out.writerow({"line_item_line_item_type": "Tax", "line_item_product_code": "AmazonBedrock",
                          "line_item_usage_start_date": f"{day:%Y-%m-%dT%H:%M:%S.000Z}",
                          "line_item_usage_type": f"EUC1-{names[model]}-input-tokens", "line_item_usage_amount": 9,
                          "line_item_unblended_cost": 12})
    return gzip.compress(text.getvalue().encode())


# --- the API -----------------------------------------------------------------------------------------------

PATHS = {"/v1/organization/usage/completions": ("openai", openai_usage), "/v1/organization/costs": ("openai", openai_costs),
         "/v1/organizations/usage_report/messages": ("anthropic", anthropic_usage),
         "/v1/organizations/cost_report": ("anthropic", anthropic_costs)}


def answer(handler):
    """Whether the request is one for a report. Pages of one bucket, the first after a 429."""
    url = urllib.parse.urlsplit(handler.path)
    if url.path not in PATHS:
        return False
    provider = handler.server.provider
    api, make = PATHS[url.path]
    given = handler.headers.get("authorization" if api == "openai" else "x-api-key", "")
    provider.asked.append(urllib.parse.parse_qs(url.query))
    if given.removeprefix("Bearer ") != ADMIN_KEY:
        handler.send(401, {"error": {"message": f"wrong key: {given}"}})
    elif len(provider.asked) == 1:
        handler.send(429, {"error": {"message": "slowly"}}, {"headers": {"retry-after-ms": "5"}})
    else:
        buckets = make([one for one in provider.served if one.api == api])
        page = int(provider.asked[-1].get("page", ["0"])[0])
        handler.send(200, {"object": "page", "data": buckets[page:page + 1], "has_more": page + 1 < len(buckets),
                           "next_page": str(page + 1) if page + 1 < len(buckets) else None})
    return True


def write(path, buckets):
    path.write_text(json.dumps({"object": "page", "data": buckets, "has_more": False, "next_page": None}))
    return path
