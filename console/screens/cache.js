// Cache: what is kept for whom, for how long, and what prompts cost that did not come from it.

import { fulcrum, isAdmin, path, together } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { bytes, count, dollars, percent, pico, seconds, short } from "../lib/format.js";
import { ABOUT, MISSES, promptTokens } from "../lib/levers.js";
import { elsewhere } from "../lib/place.js";
import { range } from "../lib/range.js";
import { csvTool, moneyColumn, table } from "../lib/table.js";
import { badge, code, empty, panel, tile } from "../lib/widgets.js";

function fill(used, limit, label) {
  if (!limit) return null;
  return h("meter", { min: 0, max: 1, high: 0.95, value: Math.min(1, used / limit), "aria-label": label });
}

function modelTiles(models) {
  if (!models.length)
    return empty("No model keeps anything", "cache.memory of fulcrum.yaml is 0, or every model has cache: off.");
  return h(
    "div",
    { class: "tiles" },
    models.map((model) =>
      tile(model.model, bytes(model.memoryBytes), {
        about: "Bytes of prefixes in memory, of at most cache.memory for each model.",
        note: [
          fill(model.memoryBytes, model.limitBytes, `${model.model}: memory`),
          h("div", `${short(model.tokens)} tokens`, model.limitBytes ? ` · of ${bytes(model.limitBytes)}` : ""),
          h("div", model.diskBytes ? `${bytes(model.diskBytes)} on disk · ` : "", `${count(model.evicted)} evicted`),
        ],
      }),
    ),
  );
}

function prefixColumns() {
  return [
    { key: "model", label: "Model", value: (row) => row.model },
    isAdmin() && { key: "tenant", label: "Tenant", value: (row) => row.tenant },
    { key: "tokens", label: "Tokens", end: true, value: (row) => row.tokens, cell: (row) => count(row.tokens) },
    {
      key: "bytes",
      label: "Bytes",
      end: true,
      value: (row) => row.bytes,
      cell: (row) => h("span", { title: count(row.bytes) }, bytes(row.bytes)),
    },
    {
      key: "hits",
      label: "Hits",
      end: true,
      about: "Requests that read it.",
      value: (row) => row.hits,
      cell: (row) => count(row.hits),
    },
    { key: "tier", label: "Where", value: (row) => row.tier, cell: (row) => badge(row.tier, "plain") },
    {
      key: "expiresInSeconds",
      label: "Expires in",
      about:
        "Its time to live begins anew with each use. Prefixes that nobody marked have none: they stay until " +
        "their room is needed.",
      end: true,
      value: (row) => row.expiresInSeconds,
      cell: (row) =>
        row.expiresInSeconds === null || row.expiresInSeconds === undefined
          ? "when room is needed"
          : seconds(row.expiresInSeconds),
    },
    {
      key: "idleSeconds",
      label: "Unused for",
      end: true,
      value: (row) => row.idleSeconds,
      cell: (row) => seconds(row.idleSeconds),
    },
  ].filter(Boolean);
}

const MARK = `{"system": [{"text": "...the rules..."}, {"cachePoint": {"type": "default"}}]}`;

/* --- misses --------------------------------------------------------------------------------------------- */

function missColumns(rows) {
  const most = Math.max(...rows.map((row) => dollars(row.lostDollars)), 0);
  return [
    {
      key: "reason",
      label: "Reason",
      value: (row) => row.reason,
      cell: (row) =>
        h("a", { href: elsewhere("requests", { miss: row.reason }) }, MISSES[row.reason]?.[0] ?? row.reason),
    },
    { key: "requests", label: "Requests", end: true, value: (row) => row.requests, cell: (row) => count(row.requests) },
    {
      key: "tokens",
      label: "Tokens",
      about: "Tokens of their prompts that were not read.",
      end: true,
      value: (row) => row.tokens,
      cell: (row) => h("span", { title: count(row.tokens) }, short(row.tokens)),
    },
    moneyColumn({ key: "lostDollars", label: "Lost", about: ABOUT.lost }, (row) => row.lostDollars, rows),
    {
      key: "bar",
      label: "",
      name: "As a bar",
      cell: (row) =>
        h(
          "span",
          { class: "mini long bad", "aria-hidden": true },
          h("span", { style: { width: `${most ? (100 * dollars(row.lostDollars)) / most : 0}%` } }),
        ),
    },
    {
      key: "do",
      label: "What to do",
      wide: true,
      text: (row) => MISSES[row.reason]?.[1] ?? "",
      cell: (row) => h("span", { class: "dim" }, MISSES[row.reason]?.[1] ?? ""),
    },
  ];
}

function missPart({ misses }) {
  const rows = misses.filter((row) => row.reason);
  const lost = rows.reduce((sum, row) => sum + pico(row.lostDollars), 0n);
  const worst = [...rows].sort((a, b) => Number(pico(b.lostDollars) - pico(a.lostDollars)))[0];
  if (!rows.length)
    return empty(
      "Nothing was missed",
      "Every prompt of this stretch of time came from the cache whole, or there was none.",
    );
  document.getElementById("miss-csv")?.replaceChildren(csvTool("misses", { columns: missColumns(rows), rows }));
  return [
    lost > 0n &&
      worst &&
      h(
        "p",
        h("b", MISSES[worst.reason]?.[0] ?? worst.reason),
        ` costs most: ${percent(dollars(worst.lostDollars) / dollars(lost), 0)} of what was lost.`,
      ),
    table({
      caption: "Misses by reason",
      columns: missColumns(rows),
      rows,
      order: "-lostDollars",
      sortParam: "misses",
    }),
  ];
}

/* --- the hit rate --------------------------------------------------------------------------------------- */

function rateColumns(groups, by) {
  return [
    {
      key: by,
      label: by === "model" ? "Model" : "Tenant",
      wide: true,
      value: (row) => row.key,
      cell: (row) => h("a", { href: elsewhere("requests", { [by]: row.key }) }, row.key),
    },
    {
      key: "hitRate",
      label: "Hit rate",
      about: ABOUT.hitRate,
      end: true,
      value: (row) => row.hitRate,
      cell: (row) =>
        h("span", { class: row.hitRate !== null && row.hitRate < 0.6 ? "bad-text" : "" }, percent(row.hitRate)),
    },
    {
      key: "cacheReadInputTokens",
      label: "Tokens read",
      end: true,
      value: (row) => row.cacheReadInputTokens,
      cell: (row) =>
        h(
          "span",
          { title: `${count(row.cacheReadInputTokens)} of ${count(promptTokens(row))}` },
          `${short(row.cacheReadInputTokens)} of ${short(promptTokens(row))}`,
        ),
    },
    moneyColumn(
      { key: "savedCacheDollars", label: "Saved", about: "What reads saved, less what writes cost." },
      (row) => row.savedCacheDollars,
      groups,
    ),
  ];
}

function ratePanel(context, by) {
  const { from, to } = range(context.params);
  const ask = { by, from, to, tenant: context.params.tenant, limit: 200 };
  return panel(context, {
    key: `rate-${by}`,
    title: `Hit rate by ${by}`,
    tools: csvTool(`hit rate by ${by}`, { href: path("usage", { ...ask, format: "csv" }) }),
    load: (signal) => fulcrum("usage", ask, signal),
    render: ({ groups }) =>
      table({
        caption: `Hit rate by ${by}`,
        columns: rateColumns(groups, by),
        rows: groups,
        order: "hitRate",
        none: empty("No requests in this stretch of time", ""),
      }),
  });
}

export default function cache(context) {
  const { tenant } = context.params;
  const { from, to, words } = range(context.params);
  const load = together((signal) => fulcrum("cache", { tenant, from, to }, signal));
  return h(
    "div",
    { class: "grid" },
    panel(context, {
      key: "cache-models",
      title: "Kept now",
      wide: true,
      load,
      render: ({ models }) => modelTiles(models),
    }),
    panel(context, {
      key: "cache-misses",
      title: "Money lost to misses",
      about: ABOUT.lost,
      wide: true,
      load,
      render: missPart,
      tools: [h("span", { class: "dim" }, `in ${words}`), h("span", { id: "miss-csv" })],
    }),
    ratePanel(context, "model"),
    isAdmin() && ratePanel(context, "tenant"),
    panel(context, {
      key: "cache-prefixes",
      title: "Prefixes",
      wide: true,
      load,
      tools: csvTool("prefixes", { href: path("cache", { tenant, format: "csv" }) }),
      about:
        "The largest prefixes of each model. Who shares one: requests of the same tenant, model, template and salt.",
      render: ({ prefixes }) =>
        table({
          caption: "Prefixes",
          columns: prefixColumns(),
          rows: prefixes,
          order: "-bytes",
          sortParam: "sort",
          none: empty(
            "Nothing is kept yet",
            "A prompt of the model's least length is kept by itself; a mark keeps one to the token:",
            code(MARK, "the mark"),
          ),
        }),
    }),
  );
}
