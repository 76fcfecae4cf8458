// Requests: the ledger's lines, newest first, and one of them in full.

import { fulcrum, isAdmin, path } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { count, decimalsFor, exact, millis, money, pico, time } from "../lib/format.js";
import { ABOUT, MISSES, of, promptTokens, ROUTE_REASONS, savedOf } from "../lib/levers.js";
import { address, changed, go, here } from "../lib/place.js";
import { range } from "../lib/range.js";
import { csvTool, serverTable } from "../lib/table.js";
import { action, badge, code, empty, field, mono, panel, select } from "../lib/widgets.js";
import { requestPage } from "./request.js";

const FILTERS = ["tenant", "model", "operation", "tier", "outcome", "miss", "router", "key", "session", "profile", "id"];
const TIERS = ["default", "priority", "flex", "batch"];
const OUTCOMES = ["completed", "failed", "cancelled"];

const query = (params) => {
  const { from, to } = range(params);
  const chosen = Object.fromEntries(FILTERS.filter((name) => params[name]).map((name) => [name, params[name]]));
  return { from, to, ...chosen, sort: params.sort };
};

/* --- filters -------------------------------------------------------------------------------------------- */

const setFilter = (name, value) => go(changed({ [name]: value, cursor: "" }));

function choice(name, label, values, current) {
  const known = current && !values.includes(current) ? [current, ...values] : values;
  return field(
    label,
    select(
      { id: `filter-${name}`, onchange: (event) => setFilter(name, event.target.value) },
      [
        ["", "any"],
        ...known.filter(Boolean).map((value) => [value, name === "miss" ? (MISSES[value]?.[0] ?? value) : value]),
      ],
      current ?? "",
    ),
  );
}

function typed(name, label, current) {
  const apply = (event) => event.target.value !== (current ?? "") && setFilter(name, event.target.value.trim());
  return field(
    label,
    h("input", { id: `filter-${name}`, type: "search", autocomplete: "off", value: current ?? "", onchange: apply }),
  );
}

/* What the ledger has in this stretch of time, to choose from. */
async function choices(params, signal) {
  const { from, to } = range(params);
  const names = ["model", "operation", "router", ...(isAdmin() ? ["tenant"] : [])];
  const replies = await Promise.all(
    names.map((by) => fulcrum("usage", { by, from, to, limit: 100 }, signal).catch(() => ({ groups: [] }))),
  );
  return Object.fromEntries(names.map((name, i) => [name, replies[i].groups.map((group) => group.key)]));
}

function filters(params, known) {
  const set = FILTERS.filter((name) => params[name]);
  return h(
    "form",
    { class: "filters", role: "search", "aria-label": "Filters", onsubmit: (event) => event.preventDefault() },
    isAdmin() && choice("tenant", "Tenant", known.tenant ?? [], params.tenant),
    choice("model", "Model", known.model, params.model),
    choice("operation", "Operation", known.operation, params.operation),
    choice("tier", "Tier", TIERS, params.tier),
    choice("outcome", "Outcome", OUTCOMES, params.outcome),
    choice("miss", "Not cached because", Object.keys(MISSES), params.miss),
    choice("router", "Routed because", known.router, params.router),
    h(
      "details",
      { open: ["key", "session", "profile", "id"].some((name) => params[name]) },
      h("summary", "More"),
      typed("key", "Key", params.key),
      typed("session", "Session", params.session),
      typed("profile", "Profile", params.profile),
      typed("id", "Request ID", params.id),
    ),
    set.length > 0 &&
      h(
        "a",
        {
          class: "button",
          id: "filters-clear",
          href: address("requests", { from: params.from, to: params.to, sort: params.sort }),
        },
        "Clear",
      ),
  );
}

function filterPanel(context) {
  const body = h(
    "div",
    { class: "filter-holder" },
    filters(context.params, { model: [], operation: [], router: [], tenant: [] }),
  );
  context.start(async () => {
    const known = await choices(context.params, context.signal);
    if (context.signal.aborted) return;
    const focused = document.activeElement?.id;
    body.replaceChildren(filters(context.params, known));
    if (focused) document.getElementById(focused)?.focus();
  });
  return body;
}

/* --- the list ------------------------------------------------------------------------------------------- */

function tokensCell(row) {
  const read = row.cacheReadInputTokens;
  const written = row.cacheWriteInputTokens + (row.cacheWrite1hInputTokens ?? 0);
  const says = `${count(row.inputTokens)} fresh, ${count(read)} read, ${count(written)} written`;
  return h(
    "div",
    { class: "two end", title: says },
    h("span", { class: "nowrap" }, `${count(promptTokens(row))} in`),
    h("span", { class: "dim nowrap" }, `${count(row.outputTokens)} out`),
  );
}

function cacheCell(row) {
  const share = promptTokens(row) ? row.cacheReadInputTokens / promptTokens(row) : 0;
  const why = MISSES[row.cacheMissReason]?.[0] ?? row.cacheMissReason;
  return h(
    "span",
    { class: "cache-cell" },
    h("span", { class: "mini", "aria-hidden": true }, h("span", { style: { width: `${100 * share}%` } })),
    h("span", `${Math.round(100 * share)}%`),
    why && h("div", { class: "dim" }, why),
  );
}

function modelCell(row) {
  const asked = row.modelInvoked && row.modelInvoked !== row.modelRequested ? `as ${row.modelRequested}` : "";
  const why = row.router && ROUTE_REASONS[row.router];
  return h(
    "div",
    { class: "two" },
    h("span", { class: "clip", title: row.modelInvoked }, row.modelInvoked || row.modelRequested),
    (asked || row.router) &&
      h(
        "span",
        { class: "dim clip", title: [asked, why].filter(Boolean).join(": ") },
        [asked, row.router].filter(Boolean).join(", "),
      ),
  );
}

function latencyCell(row) {
  const first = row.timeToFirstTokenMs;
  return h(
    "div",
    { class: "two end" },
    h("span", { class: "nowrap" }, millis(row.latencyMs)),
    first !== null && h("span", { class: "dim nowrap" }, `first ${millis(first)}`),
  );
}

function columns(rows) {
  const largest = rows.reduce((most, row) => (pico(of(row, "cost")) > most ? pico(of(row, "cost")) : most), 0n);
  const decimals = decimalsFor(largest);
  const open = (row) => address("requests", { ...here().params, request: row.requestId, cursor: "" });
  const sum = (value) => h("span", { title: exact(value) }, money(value, decimals));
  return [
    {
      key: "time",
      label: "Time (UTC)",
      serverSort: "time",
      cell: (row) =>
        h(
          "div",
          { class: "two" },
          h("a", { class: "nowrap", id: `row-${row.requestId}`, href: open(row) }, time(row.time)),
          isAdmin() && h("span", { class: "dim" }, row.tenant),
        ),
    },
    { key: "model", label: "Model", cell: modelCell },
    {
      key: "operation",
      label: "Operation",
      cell: (row) =>
        h(
          "div",
          { class: "two" },
          h("span", row.operation),
          row.tier !== "default" && h("span", { class: "dim" }, row.tier),
        ),
    },
    {
      key: "outcome",
      label: "Outcome",
      cell: (row) => (row.outcome === "completed" ? h("span", { class: "dim" }, row.outcome) : badge(row.outcome)),
    },
    { key: "cost", label: "Billed", end: true, serverSort: "cost", cell: (row) => sum(of(row, "cost")) },
    { key: "saved", label: "Saved", end: true, about: ABOUT.saved, cell: (row) => sum(savedOf(row)) },
    { key: "tokens", label: "Tokens", end: true, cell: tokensCell },
    { key: "cache", label: "From the cache", cell: cacheCell },
    { key: "latency", label: "Latency", end: true, serverSort: "latency", cell: latencyCell },
  ];
}

function nothing(params, hasMore) {
  if (hasMore)
    return empty("None in this part of the ledger", "What you look for is rare: the search goes on further back.");
  const isFiltered = FILTERS.some((name) => params[name]);
  if (isFiltered) return empty("No request is like that", "Take a filter away, or choose a longer stretch of time.");
  return empty(
    "No requests in this stretch of time",
    "Choose a longer one, or send one:",
    code(`fulcrum ledger export --json | tail -1    # the last one that there was`),
    h("p", h("a", { href: address("playground") }, "Or ask a model in the playground.")),
  );
}

function list(context) {
  const { params } = context;
  return panel(context, {
    key: "requests",
    title: "Requests",
    wide: true,
    tools: [
      csvTool("requests", {
        href: path("requests", { ...query(params), limit: 5000, cursor: params.cursor, format: "csv" }),
      }),
      action("Reload", () => section(), { level: "small", id: "reload" }),
    ],
    load: (signal) => fulcrum("requests", { ...query(params), limit: 50, cursor: params.cursor }, signal),
    render: ({ requests, next }) =>
      serverTable({
        caption: "Requests",
        columns: columns(requests),
        rows: requests,
        sort: params.sort || "time",
        next,
        none: nothing(params, next),
      }),
  });
  function section() {
    return document.querySelector("#panel-requests").closest("section").reload();
  }
}

export default function requests(context) {
  if (context.params.request) return requestPage(context);
  return [
    filterPanel(context),
    h("div", { class: "grid" }, list(context)),
    h(
      "p",
      { class: "dim below" },
      "A session is the request's metadata ",
      mono("session"),
      ", ",
      mono("sessionId"),
      " or the like. Prompts and replies are not in the ledger: ",
      mono("PutModelInvocationLoggingConfiguration"),
      " keeps them in a bucket of yours.",
    ),
  ];
}
