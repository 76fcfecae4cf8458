"""What FOCUS 1.2 asks of a cost and usage file, as far as this program's files go: columns, types, nulls, allowed
values, and how columns of one row and rows of one file hang together. Written from the specification's requirements."""

import csv
import io
import json
import re
from collections import namedtuple
from datetime import datetime, timedelta
from decimal import Decimal

Column = namedtuple("Column", "kind nullable values", defaults=(False, None))

MANDATORY = {
    "BilledCost": Column("decimal"),
    "BillingAccountId": Column("string"),
    "BillingAccountName": Column("string", True),
    "BillingCurrency": Column("string", False, {"USD"}),
    "BillingPeriodEnd": Column("time"),
    "BillingPeriodStart": Column("time"),
    "ChargeCategory": Column("string", False, {"Usage", "Purchase", "Tax", "Credit", "Adjustment"}),
    "ChargeClass": Column("string", True, {"Correction"}),
    "ChargeDescription": Column("string", True),
    "ChargePeriodEnd": Column("time"),
    "ChargePeriodStart": Column("time"),
    "ContractedCost": Column("decimal"),
    "EffectiveCost": Column("decimal"),
    "InvoiceIssuerName": Column("string"),
    "ListCost": Column("decimal"),
    "PricingQuantity": Column("decimal", True),
    "PricingUnit": Column("unit", True),
    "ProviderName": Column("string"),
    "PublisherName": Column("string"),
    "ServiceCategory": Column("string", False, {
        "AI and Machine Learning", "Analytics", "Business Applications", "Compute", "Databases", "Developer Tools",
        "Identity", "Integration", "Internet of Things", "Management and Governance", "Media", "Migration", "Mobile",
        "Multicloud", "Networking", "Security", "Storage", "Web", "Other"}),
    "ServiceName": Column("string"),
}
OTHERS = {
    "ChargeFrequency": Column("string", False, {"One-Time", "Recurring", "Usage-Based"}),
    "ConsumedQuantity": Column("decimal", True),
    "ConsumedUnit": Column("unit", True),
    "ContractedUnitPrice": Column("price", True),
    "InvoiceId": Column("string", True),
    "ListUnitPrice": Column("price", True),
    "PricingCategory": Column("string", True, {"Standard", "Dynamic", "Committed", "Other"}),
    "RegionId": Column("string", True),
    "RegionName": Column("string", True),
    "ResourceId": Column("string", True),
    "ResourceName": Column("string", True),
    "ResourceType": Column("string", True),
    "ServiceSubcategory": Column("string", False, {
        "AI Platforms", "Bots", "Generative AI", "Machine Learning", "Natural Language Processing",
        "Other (AI and Machine Learning)"}),
    "SkuId": Column("string", True),
    "SkuMeter": Column("string", True),
    "SkuPriceDetails": Column("object", True),
    "SkuPriceId": Column("string", True),
    "SubAccountId": Column("string", True),
    "SubAccountName": Column("string", True),
    "Tags": Column("object", True),
}
CUSTOM = {
    "x_Batch": Column("string", False, {"true", "false"}),
    "x_CostAfterSavings": Column("decimal", True),
    "x_HitRate": Column("decimal", True),
    "x_Lever": Column("string", True, {"route", "distil", "cache", "tier", "shadow"}),
    "x_Model": Column("string"),
    "x_RequestCount": Column("decimal", True),
    "x_Tier": Column("string", False, {"default", "priority", "flex", "batch"}),
    "x_Upstream": Column("string", True),
}
COLUMNS = {**MANDATORY, **OTHERS, **CUSTOM}
COSTS = ("BilledCost", "ContractedCost", "EffectiveCost", "ListCost")
NOT_NULL_IN_USAGE = ("PricingQuantity", "PricingUnit", "ConsumedQuantity", "ConsumedUnit", "ListUnitPrice",
                     "ContractedUnitPrice", "PricingCategory", "SkuId", "SkuPriceId")
TOGETHER = (("PricingQuantity", "PricingUnit"), ("ConsumedQuantity", "ConsumedUnit"), ("RegionId", "RegionName"),
            ("ResourceId", "ResourceType"), ("SubAccountId", "SubAccountName"))
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")
UNIT = re.compile(r"(\d+ )?[A-Z][A-Za-z]*s")


def read(text):
    """Rows with None for null; numbers as Decimal, times as datetime."""
    return [{name: value_of(COLUMNS[name].kind, value) for name, value in row.items()}
            for row in csv.DictReader(io.StringIO(text))]


def value_of(kind, text):
    if text == "":
        return None
    if kind in ("decimal", "price"):
        return Decimal(text)
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ") if kind == "time" else text


def is_object(text):
    pairs = json.loads(text, object_pairs_hook=list)
    keys = [key for key, _ in pairs]
    return len(keys) == len(set(keys)) and not any(isinstance(value, (list, dict)) for _, value in pairs)


def problems_of_text(name, column, text):
    """As it stands in the file."""
    if text == "":
        return [] if column.nullable else ["is null"]
    if column.values and text not in column.values:
        return [f"has no such value: {text}"]
    form = {"decimal": NUMBER, "price": NUMBER, "time": TIME, "unit": UNIT}.get(column.kind)
    if form and not form.fullmatch(text):
        return [f"is no {column.kind}: {text}"]
    if column.kind == "price" and text.startswith("-"):
        return [f"is below zero: {text}"]
    if column.kind == "object" and not is_object(text):
        return [f"is no object of scalars: {text}"]
    return ["is blank"] if not text.strip() else []


def problems_of_nulls(row):
    found = [f"{a} without {b}, or the other way" for a, b in TOGETHER if (row[a] is None) != (row[b] is None)]
    if row["ChargeCategory"] == "Usage":
        found += [f"{name} is null in usage" for name in NOT_NULL_IN_USAGE if row[name] is None]
    else:
        found += [f"{name} in a charge that is no usage" for name in ("ConsumedQuantity", "ConsumedUnit")
                  if row[name] is not None]
    if row["SkuId"] is None and row["SkuMeter"] is not None:
        found.append("SkuMeter without SkuId")
    if row["SkuPriceId"] is None and row["SkuPriceDetails"] is not None:
        found.append("SkuPriceDetails without SkuPriceId")
    return found


def problems_of_money(row):
    found = []
    for price, cost in (("ListUnitPrice", "ListCost"), ("ContractedUnitPrice", "ContractedCost")):
        if row[price] is not None and row["PricingQuantity"] is not None:
            if row[price] * row["PricingQuantity"] != row[cost]:
                found.append(f"{cost} is not the quantity times {price}")
        elif row[cost] != row["BilledCost"]:
            found.append(f"{cost} of a charge without a price is not BilledCost")
    if row["ChargeCategory"] in ("Credit", "Adjustment") and row["EffectiveCost"] != row["BilledCost"]:
        found.append("EffectiveCost is not BilledCost")
    if row["ChargeCategory"] == "Credit" and row["BilledCost"] >= 0:
        found.append("a credit that costs something")
    if row["ChargeCategory"] == "Usage" and row["BilledCost"] != row["ListCost"]:
        found.append("usage is not billed at its list price")
    return found


def problems_of_times(row):
    start, end = row["BillingPeriodStart"], row["BillingPeriodEnd"]
    found = []
    if start.day != 1 or end != (start + timedelta(days=32)).replace(day=1):
        found.append("the billing period is no month")
    if not start <= row["ChargePeriodStart"] < row["ChargePeriodEnd"] <= end:
        found.append("the charge period is not within the billing period")
    return found


def problems_of_file(rows):
    """One parent for each SKU price, one meter and one category of services for each name; no row twice."""
    found, seen = [], {}
    for child, parent in (("SkuPriceId", "SkuId"), ("SkuId", "SkuMeter"), ("SkuPriceId", "SkuPriceDetails"),
                          ("SkuPriceId", "ListUnitPrice"), ("ServiceName", "ServiceCategory"),
                          ("ServiceName", "ServiceSubcategory")):
        for row in rows:
            if row[child] is not None and seen.setdefault((child, parent, row[child]), row[parent]) != row[parent]:
                found.append(f"{child} {row[child]} has more than one {parent}")
    keys = [tuple(row[name] for name in COLUMNS if COLUMNS[name].kind not in ("decimal", "price")) for row in rows]
    return found + (["a row is there twice"] if len(keys) != len(set(keys)) else [])


def problems(text):
    """All that is wrong with a file, as sentences."""
    table = list(csv.reader(io.StringIO(text), strict=True))
    names = table[0]
    found = [f"{name} is missing" for name in MANDATORY if name not in names]
    found += [f"{name} is no column of FOCUS and has no x_" for name in names
              if name not in COLUMNS and not name.startswith("x_")]
    first = next((i for i, name in enumerate(names) if name.startswith("x_")), len(names))
    found += ["columns of one's own stand among the others"] if any(n[:2] != "x_" for n in names[first:]) else []
    found += [f"row {i}: {len(row)} fields" for i, row in enumerate(table) if len(row) != len(names)]
    if found:
        return found
    for i, fields in enumerate(table[1:], 1):
        found += [f"row {i}: {name} {what}" for name, text_of in zip(names, fields)
                  for what in problems_of_text(name, COLUMNS[name], text_of)]
    if found:
        return found
    rows = read(text)
    for i, row in enumerate(rows, 1):
        found += [f"row {i}: {what}" for check in (problems_of_nulls, problems_of_money, problems_of_times)
                  for what in check(row)]
    return found + problems_of_file(rows)
