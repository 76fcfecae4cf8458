// One request: the way it went, what was cached and why not, who could have answered, what it was billed by, and what
// it would have cost otherwise.

import { fulcrum, together } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { count, decimalsFor, dollars, exact, millis, money, percent, pico, share, time } from "../lib/format.js";
import { ABOUT, CLASSES, LEVERS, MISSES, of, promptTokens, ROUTE_REASONS, savedOf } from "../lib/levers.js";
import { changed, elsewhere } from "../lib/place.js";
import { moneyColumn, table } from "../lib/table.js";
import { badge, copyButton, empty, facts, mono, panel, shareBar } from "../lib/widgets.js";

const filterLink = (name, value) => value && h("a", { href: elsewhere("requests", { [name]: value }) }, value);

function summary({ request }) {
  const saved = savedOf(request);
  return [
    h(
      "div",
      { class: "row" },
      badge(request.outcome),
      request.tier !== "default" && badge(request.tier, "plain"),
      mono(request.requestId),
      copyButton(request.requestId, "the request's ID"),
    ),
    facts([
      ["Came", `${time(request.time)} UTC`],
      ["Tenant", filterLink("tenant", request.tenant)],
      ["Operation", request.operation],
      ["Asked for", filterLink("model", request.modelRequested)],
      ["Answered by", request.modelInvoked],
      ["Provider", request.provider !== "engine" && request.provider],
      ["Replica", request.replica],
      ["Key", filterLink("key", request.keyId)],
      ["Session", filterLink("session", request.session)],
      ["Profile", filterLink("profile", request.profile)],
      ["Billed", h("span", exact(of(request, "cost")))],
      ["Without levers", h("span", exact(of(request, "baseline"))), ABOUT.baseline],
      [
        "Saved",
        h(
          "span",
          { class: saved < 0n ? "bad-text" : "" },
          exact(saved),
          saved !== 0n && ` (${percent(share(saved, of(request, "baseline")))})`,
        ),
        ABOUT.saved,
      ],
      ["Latency", millis(request.latencyMs), ABOUT.latency],
      [
        "First token",
        request.timeToFirstTokenMs === null ? null : millis(request.timeToFirstTokenMs),
        ABOUT.firstToken,
      ],
    ]),
  ];
}

/* --- its way -------------------------------------------------------------------------------------------- */

function way({ way: steps, request }) {
  if (!steps?.length) return empty("Its way was not kept", "");
  const whole = Math.max(1, request.latencyMs, ...steps.map((step) => step.at));
  return h(
    "ol",
    { class: "way" },
    steps.map((step, i) => {
      const next = steps[i + 1]?.at ?? step.at;
      return h(
        "li",
        h("span", { class: "way-at" }, millis(step.at)),
        h("span", { class: "way-what" }, step.what),
        h(
          "span",
          { class: "way-bar", "aria-hidden": true },
          h("span", {
            style: {
              "margin-left": `${(100 * step.at) / whole}%`,
              width: `${Math.max(0.5, (100 * (next - step.at)) / whole)}%`,
            },
          }),
        ),
      );
    }),
  );
}

/* --- the bill ------------------------------------------------------------------------------------------- */

/* Of the class in the price book; dollars per million tokens. */
const RATES = {
  costInput: "input",
  costCacheRead: "cacheRead",
  costCacheWrite: "cacheWrite5m",
  costCacheWrite1h: "cacheWrite1h",
  costOutput: "output",
};

function bill({ request, prices }) {
  const rows = CLASSES.filter((one) => request[one.tokens] > 0 || one.key === "costInput" || one.key === "costOutput");
  const columns = [
    {
      key: "class",
      label: "Tokens",
      value: (row) => row.label,
      cell: (row) => [h("span", { class: `key ${row.colour}` }), row.label],
    },
    {
      key: "tokens",
      label: "Count",
      end: true,
      value: (row) => request[row.tokens],
      cell: (row) => count(request[row.tokens]),
    },
    {
      key: "rate",
      label: "$ per million",
      end: true,
      value: (row) => prices.rates?.[RATES[row.key]],
      cell: (row) => (prices.rates ? exact(prices.rates[RATES[row.key]]) : "–"),
    },
    {
      key: "cost",
      label: "Cost",
      end: true,
      value: (row) => pico(of(request, row.key)),
      text: (row) => of(request, row.key),
      cell: (row) => exact(of(request, row.key)),
    },
  ];
  return [
    shareBar(
      rows.map((row) => ({
        label: row.label,
        value: request[row.tokens],
        className: row.colour,
        title: `${row.label}: ${count(request[row.tokens])} tokens`,
      })),
      `Of ${count(promptTokens(request))} tokens in and ${count(request.outputTokens)} out`,
    ),
    table({ caption: "What it was billed by", csv: true, columns, rows }),
    h(
      "p",
      { class: "dim" },
      "Price row ",
      mono(prices?.row ?? request.priceBook),
      ". Rounded half up, once for each class.",
    ),
    h(
      "div",
      { class: "row" },
      LEVERS.filter((lever) => pico(of(request, lever.key)) !== 0n).map((lever) =>
        h(
          "span",
          { class: "pair" },
          h("span", { class: `key ${lever.colour}` }),
          `${lever.label} ${exact(of(request, lever.key))}`,
        ),
      ),
    ),
  ];
}

/* --- cache and route ------------------------------------------------------------------------------------ */

function cachePart({ cache, request }) {
  const what = MISSES[request.cacheMissReason];
  return [
    facts([
      ["Outcome", badge(cache.status)],
      ["Read", `${count(request.cacheReadInputTokens)} of ${count(promptTokens(request))} tokens`],
      ["Reason", what?.[0] ?? cache.reason],
    ]),
    cache.explanation && h("p", cache.explanation),
    what && h("p", { class: "dim" }, what[1]),
    cache.said && h("p", { class: "dim" }, "x-fulcrum-cache: ", mono(cache.said)),
  ];
}

function routePart({ route, request }) {
  if (!route) return empty("Nobody chose", `The client asked for ${request.modelRequested}, which answered.`);
  const candidates = route.candidates ?? [];
  const columns = [
    {
      key: "model",
      label: "Model",
      value: (row) => row.model,
      cell: (row) =>
        h(
          "span",
          row.model,
          row.chosen && [" ", badge("chosen", "good")],
          row.fits === false && [" ", badge("can't take it", "warn")],
        ),
    },
    {
      key: "quality",
      label: "Quality",
      about: "The probability that its answer is good enough, as predicted.",
      end: true,
      value: (row) => row.quality ?? null,
      cell: (row) =>
        row.quality === undefined || row.quality === null
          ? "–"
          : `${row.quality.toFixed(3)}${row.uncertainty ? ` ±${row.uncertainty.toFixed(3)}` : ""}`,
    },
    moneyColumn({ key: "cost", label: "Expected cost" }, (row) => row.costDollars, candidates),
    {
      key: "warm",
      label: "Warm",
      about: "Tokens of the prompt that it would have read from its cache.",
      end: true,
      value: (row) => row.warm,
      cell: (row) => count(row.warm),
    },
  ];
  return [
    h(
      "p",
      h("b", route.reason),
      ROUTE_REASONS[route.reason] && `: ${ROUTE_REASONS[route.reason]}`,
      route.score !== null && route.score !== undefined && ` (score ${Number(route.score).toFixed(3)})`,
      ".",
    ),
    candidates.length
      ? table({ caption: "Candidates", csv: true, columns, rows: candidates })
      : h(
          "p",
          { class: "dim" },
          "The candidates of decisions are kept in memory for a while: those of this one are gone.",
        ),
  ];
}

/* --- otherwise ------------------------------------------------------------------------------------------ */

const UNDER = {
  default: "In the tier default",
  none: "Without any lever",
  "cache-cold": "As if nothing had been cached",
  "cache-warm": "As if all of the prompt had been read from the cache",
  flex: "In the tier flex",
  batch: "In a batch job",
  priority: "In the tier priority",
};

function otherwise({ under, request }) {
  if (!under?.length) return empty("Nothing to compare with", "The model has no price.");
  const largest = Math.max(dollars(of(request, "cost")), ...under.map((row) => dollars(row.costDollars)));
  const decimals = decimalsFor(largest.toFixed(12));
  const columns = [
    {
      key: "lever",
      label: "The same request",
      wide: true,
      value: (row) => row.lever,
      cell: (row) => UNDER[row.lever] ?? row.lever.replace(/^model:/, "By "),
    },
    {
      key: "costDollars",
      label: "Would cost",
      end: true,
      value: (row) => pico(row.costDollars),
      text: (row) => row.costDollars,
      cell: (row) => h("span", { title: exact(row.costDollars) }, money(row.costDollars, decimals)),
    },
    {
      key: "differenceDollars",
      label: "Difference",
      end: true,
      value: (row) => pico(row.differenceDollars),
      text: (row) => row.differenceDollars,
      cell: (row) =>
        h(
          "span",
          { title: exact(row.differenceDollars) },
          pico(row.differenceDollars) > 0n ? "+" : "",
          money(row.differenceDollars, decimals),
        ),
    },
    {
      key: "bar",
      label: "",
      name: "As a bar",
      cell: (row) =>
        h(
          "span",
          { class: "mini long", "aria-hidden": true },
          h("span", { style: { width: `${largest ? (100 * dollars(row.costDollars)) / largest : 0}%` } }),
        ),
    },
  ];
  return [
    h("p", "It was billed ", h("b", exact(of(request, "cost"))), "."),
    table({ caption: "The same request under other levers", csv: true, columns, rows: under, order: "costDollars" }),
  ];
}

const raw = ({ request }) => h("pre", { class: "raw", tabindex: "0" }, JSON.stringify(request, null, 2));

export function requestPage(context) {
  const load = together((signal) => fulcrum(`requests/${encodeURIComponent(context.params.request)}`, {}, signal));
  const part = (key, title, render, more = {}) =>
    panel(context, { key: `request-${key}`, title, load, render, ...more });
  return [
    h("p", { class: "back" }, h("a", { id: "back", href: changed({ request: "" }) }, "← All requests")),
    h(
      "div",
      { class: "grid" },
      part("summary", "Request", summary, { wide: true }),
      part("way", "The way it went", way),
      part("cache", "Cache", cachePart),
      part("bill", "Billed by", bill),
      part("route", "Route", routePart),
      part("under", "Under other levers", otherwise, {
        wide: true,
        about: "Priced by the same functions as the bill, with this request's own tokens.",
      }),
      part("raw", "The ledger's line", raw, { wide: true }),
    ),
  ];
}
