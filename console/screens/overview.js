// Overview: what the levers saved, what was spent on what, whether it works, and whether anything rings.

import { fulcrum, isAdmin, now, path, together } from "../lib/api.js";
import { chart } from "../lib/chart.js";
import { h, replace } from "../lib/dom.js";
import {
  count,
  decimalsFor,
  dollars,
  exact,
  millis,
  money,
  percent,
  pico,
  plural,
  share,
  short,
  sum,
  time,
} from "../lib/format.js";
import { ABOUT, CLASSES, LEVERS, numbersOf, of, promptTokens, savedOf } from "../lib/levers.js";
import { changed, elsewhere } from "../lib/place.js";
import { range } from "../lib/range.js";
import { csvTool, moneyColumn, table } from "../lib/table.js";
import { badge, code, empty, panel, tabs, tile } from "../lib/widgets.js";

const BOUND = 0.6; // of the hit rate, below which the default alarm rings
const REFRESH_MS = 60_000; // of figures over a stretch of time
const FIRST_REQUEST = () => `curl -s ${location.origin}/model/desk-small/converse -H 'content-type: application/json' \\
  -d '{"messages":[{"role":"user","content":[{"text":"How do I track my package?"}]}]}'`;

const noRequests = () =>
  empty(
    "No requests in this stretch of time",
    "Choose a longer one above, or send the first request:",
    code(FIRST_REQUEST()),
  );

/* --- the bill ------------------------------------------------------------------------------------------- */

function billBar(group) {
  const parts = [
    { label: "Billed", colour: "billed", value: dollars(of(group, "cost")) },
    ...LEVERS.map((lever) => ({ ...lever, value: dollars(of(group, lever.key)) })),
  ].filter((part) => part.value > 0);
  const whole = parts.reduce((total, part) => total + part.value, 0);
  const says = parts.map((part) => `${part.label} ${percent(part.value / whole)}`).join(", ");
  return h(
    "div",
    { class: "bill-bar", role: "img", "aria-label": says || "nothing yet" },
    parts.map((part) =>
      h("span", {
        class: `bill-part ${part.colour}`,
        style: { "flex-grow": String(part.value / whole) },
        title: `${part.label}: ${percent(part.value / whole)}`,
      }),
    ),
  );
}

function billHead(title, group) {
  const saved = savedOf(group);
  const baseline = pico(of(group, "baseline"));
  const shown = (value) => h("span", { title: exact(value) }, money(value, decimalsFor(baseline)));
  return h(
    "div",
    { class: "bill-head" },
    h("div", { class: "bill-title" }, title),
    h("div", { class: "bill-saved" }, h("b", shown(saved)), " saved"),
  );
}

function billNote(group) {
  const baseline = pico(of(group, "baseline"));
  const shown = (value) => h("span", { title: exact(value) }, money(value, decimalsFor(baseline)));
  return h(
    "div",
    { class: "bill-note" },
    baseline === 0n
      ? "No requests yet."
      : [
          h("b", percent(share(savedOf(group), baseline))),
          " of ",
          shown(baseline),
          ", which the same requests would have cost. Billed ",
          shown(of(group, "cost")),
          ".",
        ],
  );
}

function billTable(today, month) {
  const cell = (group, key) => {
    const value = pico(of(group, key));
    const decimals = decimalsFor(of(group, "baseline"));
    return h(
      "td",
      { class: "end", title: exact(value) },
      value === 0n ? "–" : money(value, decimals),
      h("span", { class: "of-all dim" }, value === 0n ? "" : percent(share(value, of(group, "baseline")))),
    );
  };
  const row = (part) =>
    h(
      "tr",
      h("th", { scope: "row" }, h("span", { class: `key ${part.colour}` }), part.label),
      cell(today, part.key),
      cell(month, part.key),
    );
  return h(
    "table",
    { class: "plain" },
    h("caption", { class: "hidden" }, "Where the bill went"),
    h(
      "thead",
      h(
        "tr",
        h("th", { scope: "col" }, "Without levers, split into"),
        h("th", { scope: "col", class: "end" }, "Today"),
        h("th", { scope: "col", class: "end" }, "This month"),
      ),
    ),
    h(
      "tbody",
      LEVERS.filter(
        (lever) => [today, month].some((group) => pico(of(group, lever.key)) !== 0n) || !lever.isRare,
      ).map(row),
      row({ label: "Billed", colour: "billed", key: "cost" }),
    ),
    h(
      "tfoot",
      h("tr", h("th", { scope: "row" }, "Without any lever"), cell(today, "baseline"), cell(month, "baseline")),
    ),
  );
}

const dayStart = () => new Date().toISOString().slice(0, 10);
const monthStart = () => `${new Date().toISOString().slice(0, 7)}-01`;

function billPanel(context) {
  const { tenant } = context.params;
  return panel(context, {
    key: "bill",
    title: "Saved against doing nothing",
    about: ABOUT.saved,
    wide: true,
    every: 30_000,
    tools: csvTool("savings by day", { href: path("usage", { by: "day", from: monthStart(), tenant, format: "csv" }) }),
    load: (signal) =>
      Promise.all(
        [dayStart(), monthStart()].map((from) =>
          fulcrum("usage", { by: "total", from, tenant }, signal).then((reply) => reply.total),
        ),
      ),
    render: ([today, month]) =>
      h(
        "div",
        { class: "bill" },
        h(
          "div",
          { class: "bill-bars" },
          billHead("Today", today),
          billBar(today),
          billNote(today),
          billHead("This month", month),
          billBar(month),
          billNote(month),
        ),
        h(
          "div",
          { class: "scroll", tabindex: "0", role: "group", "aria-label": "Where the bill went" },
          billTable(today, month),
        ),
      ),
  });
}

/* --- alarms and conditions ------------------------------------------------------------------------------ */

const noted = (word, name, text) => h("li", badge(word), h("div", h("b", name), h("div", { class: "dim" }, text)));

/* All tenants have one of the same name, so an admin wants to know whose. */
function alarmRow(alarm) {
  const whose = isAdmin() ? ` · ${alarm.tenant}` : "";
  const since = alarm.since && h("div", `Since ${time(alarm.since, false)} UTC`);
  return noted(alarm.state, [alarm.name, h("span", { class: "dim" }, whose)], [alarm.reason, since]);
}

function alarmList(alarms) {
  if (!alarms.length) return h("p", { class: "dim" }, "There are no alarms. PutMetricAlarm makes one.");
  const [ringing, silent, fine] = ["ALARM", "INSUFFICIENT_DATA", "OK"].map((state) =>
    alarms.filter((alarm) => alarm.state === state),
  );
  const list = (rows) => h("ul", { class: "conditions" }, rows.map(alarmRow));
  return [
    list(ringing),
    list(silent),
    fine.length > 0 && h("details", h("summary", `${plural(fine.length, "alarm")} in state OK`), list(fine)),
  ];
}

function alarmPanel(context) {
  const { tenant } = context.params;
  const holder = h("ul", { class: "conditions" });
  const conditions = () => {
    const present = (now.value?.conditions ?? []).filter((one) => one.level !== "clear");
    replace(
      holder,
      present.map((one) => noted(one.level, one.name, one.text)),
    );
  };
  context.start(conditions);
  const section = panel(context, {
    key: "alarms",
    title: "Alarms",
    every: 10_000,
    about:
      "Each minute every alarm is decided by its last periods. Every tenant has one from the start: less than " +
      "60 percent of the prompts' tokens read from the cache.",
    tools: csvTool("alarms", { href: path("alarms", { tenant, format: "csv" }) }),
    load: (signal) => fulcrum("alarms", { tenant }, signal),
    render: ({ alarms }) => [holder, alarmList(alarms)],
  });
  let counts = "";
  const follow = () => {
    conditions();
    const known = counts;
    counts = JSON.stringify(now.value.alarms);
    if (known && known !== counts) section.reload(); // at once, not with the next turn
  };
  document.addEventListener("now", follow, { signal: context.signal });
  return section;
}

function modelRow(model) {
  return h(
    "tr",
    h("th", { scope: "row" }, h("span", { class: ["dot", model.ready ? "good" : "bad"] }), " ", model.name),
    h("td", { class: "end" }, count(model.running)),
    h("td", { class: "end" }, count(model.queued)),
    h(
      "td",
      { class: "end" },
      model.tokensPerSecond === undefined || model.tokensPerSecond === null ? "–" : short(model.tokensPerSecond),
    ),
  );
}

function livePanel(context) {
  const body = h("div", h("p", { class: "loading" }, "Loading…"));
  const draw = () => {
    const value = now.value;
    if (!value) return;
    replace(
      body,
      h(
        "table",
        { class: "plain" },
        h("caption", { class: "hidden" }, "Models now"),
        h(
          "thead",
          h(
            "tr",
            h("th", { scope: "col" }, "Model"),
            h("th", { scope: "col", class: "end" }, "Running"),
            h("th", { scope: "col", class: "end" }, "Queued"),
            h("th", { scope: "col", class: "end" }, "Tokens/s"),
          ),
        ),
        h("tbody", (value.models ?? []).map(modelRow)),
      ),
    );
  };
  document.addEventListener("now", draw, { signal: context.signal });
  context.start(draw);
  return h(
    "section",
    { class: "panel", "aria-labelledby": "panel-live" },
    h("div", { class: "panel-head" }, h("h2", { id: "panel-live" }, "Now")),
    h("div", { class: "panel-body" }, body),
  );
}

/* --- the stretch of time -------------------------------------------------------------------------------- */

function tiles(total) {
  const saved = savedOf(total);
  const bad = total.failed + total.cancelled;
  const hitLevel = total.hitRate === null ? "" : total.hitRate < BOUND ? "low" : "fine";
  return h(
    "div",
    { class: "tiles" },
    tile("Spent", sum(of(total, "cost")), {
      exact: exact(of(total, "cost")),
      about: ABOUT.spend,
      note: `${sum(of(total, "baseline"))} without levers`,
    }),
    tile("Saved", sum(saved), {
      exact: exact(saved),
      about: ABOUT.saved,
      note: `${percent(share(saved, of(total, "baseline")))} of the baseline`,
      level: saved > 0n ? "fine" : "",
    }),
    tile("Hit rate", percent(total.hitRate), {
      about: ABOUT.hitRate,
      level: hitLevel,
      note:
        total.hitRate !== null && total.hitRate < BOUND
          ? h("a", { href: elsewhere("cache") }, "below 60%: why?")
          : `${short(total.cacheReadInputTokens)} of ${short(promptTokens(total))} tokens`,
    }),
    tile("Requests", short(total.requests), {
      exact: count(total.requests),
      note: `${short(promptTokens(total))} tokens in, ${short(total.outputTokens)} out`,
    }),
    tile("Failed or left", count(bad), {
      about: ABOUT.errors,
      level: bad > 0.05 * total.requests ? "low" : "",
      note: bad
        ? h(
            "a",
            { href: elsewhere("requests", { outcome: "failed" }) },
            `${count(total.failed)} failed, ${count(total.cancelled)} left`,
          )
        : "none",
    }),
    tile("Latency", millis(total.latencyMs), { about: ABOUT.latency, note: "mean" }),
    tile("First token", millis(total.timeToFirstTokenMs), { about: ABOUT.firstToken, note: "mean" }),
  );
}

const seconds = (key, by) =>
  Date.parse(
    by === "day" ? `${key}T00:00:00Z` : by === "hour" ? `${key.slice(0, 13)}:00:00Z` : `${key.slice(0, 16)}:00Z`,
  ) / 1000;
const LENGTHS = { minute: 60, hour: 3600, day: 86_400 };

/* All periods of the stretch of time: those without requests are no rows of the reply, and zeros here. */
function filled({ groups, from, to }, by) {
  const step = LENGTHS[by];
  const byTime = new Map(groups.map((group) => [seconds(group.key, by), group]));
  const times = [];
  for (let at = Math.floor(Date.parse(from) / 1000 / step) * step; at < Date.parse(to) / 1000; at += step)
    times.push(at);
  return { times, groups: times.map((at) => byTime.get(at) ?? {}) };
}

function moneyChart(name, parts, reply, by) {
  const all = filled(reply, by);
  const series = parts
    .map((part) => ({ label: part.label, colour: part.colour, values: numbersOf(all.groups, part.key) }))
    .filter((one) => one.values.some((value) => value !== 0));
  const whole = series.flatMap((one) => one.values).reduce((a, b) => a + b, 0);
  return chart({
    name,
    says: `${money(whole.toFixed(12))} in all, by ${by}: ${series.map((one) => one.label).join(", ") || "nothing"}.`,
    times: all.times,
    series,
    isStacked: true,
    period: LENGTHS[by],
    formatValue: dollarAxis,
  });
}

const dollarAxis = (value) => {
  if (value === 0) return "$0";
  const size = Math.abs(value);
  const sign = value < 0 ? "−$" : "$";
  if (size >= 1000) return sign + short(size);
  return sign + (size >= 0.01 ? size.toFixed(size >= 1 ? 2 : 3) : size.toPrecision(2));
};

function countChart(reply, by) {
  const all = filled(reply, by);
  const values = (key) => all.groups.map((group) => group[key] ?? 0);
  const series = [
    { label: "Completed", colour: "read", values: values("completed") },
    { label: "Failed", colour: "bad", values: values("failed") },
    { label: "Left", colour: "write", values: values("cancelled") },
  ];
  return chart({
    name: "Requests",
    says: `by ${by}`,
    times: all.times,
    series: series.filter((one, i) => i === 0 || one.values.some(Boolean)),
    isStacked: true,
    period: LENGTHS[by],
  });
}

function hitChart(reply, by) {
  const all = filled(reply, by);
  const values = all.groups.map((group) => group.hitRate ?? null);
  return chart({
    name: "Hit rate",
    says: `by ${by}, with a line at 60%`,
    times: all.times,
    series: [{ label: "Hit rate", colour: "read", values }],
    period: LENGTHS[by],
    min: 0,
    max: 1,
    mark: { value: BOUND, label: "60%: below it the alarm rings" },
    formatValue: (value) => percent(value, 0),
  });
}

function periodPanels(context) {
  const { from, to, by, words } = range(context.params);
  const { tenant } = context.params;
  const usage = together((signal) => fulcrum("usage", { by, from, to, tenant }, signal));
  const every = to ? undefined : REFRESH_MS; // what has ended does not change
  const series = (metric) => (signal) =>
    fulcrum("series", { metric, from, to, tenant, period: range(context.params).period }, signal);
  const csv = (name) => csvTool(name, { href: path("usage", { by, from, to, tenant, format: "csv" }) });
  const one = (key, title, about, draw) =>
    panel(context, {
      key,
      title,
      about,
      tools: csv(`${title} by ${by}`),
      load: usage,
      every,
      render: (reply) => (reply.groups.length ? draw(reply) : noRequests()),
    });
  return [
    panel(context, {
      key: "tiles",
      title: `In ${words}`,
      wide: true,
      load: usage,
      every,
      render: ({ total }) => tiles(total),
    }),
    one("spend", "Spend by class of tokens", ABOUT.spend, (reply) =>
      moneyChart("Spend by class of tokens", CLASSES, reply, by),
    ),
    one("saved", "Saved by lever", ABOUT.saved, (reply) => moneyChart("Saved by lever", LEVERS, reply, by)),
    one("hits", "Hit rate", ABOUT.hitRate, (reply) => hitChart(reply, by)),
    one("count", "Requests and errors", ABOUT.errors, (reply) => countChart(reply, by)),
    latencyPanel(context, "latency", "Latency", ABOUT.latency, series("latency")),
    latencyPanel(context, "first", "Time to first token", ABOUT.firstToken, series("timeToFirstToken")),
  ];
}

const PERCENTILES = { p50: "read", p90: "input", p99: "output" };

function latencyPanel(context, key, title, about, load) {
  return panel(context, {
    key,
    title,
    about,
    load,
    every: context.params.to ? undefined : REFRESH_MS,
    render: ({ times, series, period }) => {
      if (!series.some((one) => one.values.some((value) => value !== null)))
        return empty(
          "Nothing was measured",
          key === "first" ? "Streams are: send one with ConverseStream, or use the playground." : "Send a request.",
        );
      return chart({
        name: title,
        says: "percentiles",
        times,
        period,
        formatValue: millis,
        series: series.map((one) => ({
          label: one.label,
          values: one.values,
          colour: PERCENTILES[one.label] ?? "input",
        })),
      });
    },
  });
}

/* --- who and what --------------------------------------------------------------------------------------- */

const BY = [
  ["model", "Model"],
  ["tenant", "Tenant"],
  ["tier", "Tier"],
  ["operation", "Operation"],
  ["router", "Routed"],
  ["key", "Key"],
  ["profile", "Profile"],
  ["provider", "Provider"],
];
const FILTERS = {
  model: "model",
  tenant: "tenant",
  tier: "tier",
  operation: "operation",
  router: "router",
  key: "key",
  profile: "profile",
};

function groupColumns(by, groups) {
  const name = BY.find(([value]) => value === by)[1];
  const link = (row) =>
    FILTERS[by] && row.key
      ? h("a", { href: elsewhere("requests", { [FILTERS[by]]: row.key }) }, row.key)
      : h("span", row.key || "(none)");
  return [
    { key: by, label: name, wide: true, value: (row) => row.key, cell: link },
    { key: "requests", label: "Requests", end: true, value: (row) => row.requests, cell: (row) => count(row.requests) },
    { key: "failed", label: "Failed", end: true, value: (row) => row.failed, cell: (row) => count(row.failed) },
    {
      key: "promptTokens",
      label: "Tokens in",
      end: true,
      value: promptTokens,
      cell: (row) => h("span", { title: count(promptTokens(row)) }, short(promptTokens(row))),
    },
    {
      key: "outputTokens",
      label: "Out",
      end: true,
      value: (row) => row.outputTokens,
      cell: (row) => h("span", { title: count(row.outputTokens) }, short(row.outputTokens)),
    },
    {
      key: "hitRate",
      label: "Hit rate",
      about: ABOUT.hitRate,
      end: true,
      value: (row) => row.hitRate,
      cell: (row) => percent(row.hitRate),
    },
    {
      key: "latencyMs",
      label: "Latency",
      about: "The mean.",
      end: true,
      value: (row) => row.latencyMs,
      cell: (row) => millis(row.latencyMs),
    },
    moneyColumn({ key: "costDollars", label: "Billed" }, (row) => of(row, "cost"), groups),
    moneyColumn({ key: "savedDollars", label: "Saved", about: ABOUT.saved }, savedOf, groups),
  ];
}

function groupPanel(context) {
  const { from, to } = range(context.params);
  const { tenant } = context.params;
  const by = BY.some(([value]) => value === context.params.by) ? context.params.by : "model";
  const ask = { by, from, to, tenant, limit: 500 };
  return panel(context, {
    key: "groups",
    title: "Who and what",
    wide: true,
    tools: [
      tabs(
        "Add up by",
        BY.filter(([value]) => isAdmin() || value !== "tenant"),
        by,
        (value) => changed({ by: value === "model" ? "" : value }),
      ),
      csvTool(`usage by ${by}`, { href: path("usage", { ...ask, format: "csv" }) }),
    ],
    load: (signal) => fulcrum("usage", ask, signal),
    render: ({ groups }) =>
      table({
        caption: `Usage by ${by}`,
        columns: groupColumns(by, groups),
        rows: groups,
        order: "-costDollars",
        sortParam: "sort",
        none: noRequests(),
      }),
  });
}

export default function overview(context) {
  const panels = [
    billPanel(context),
    alarmPanel(context),
    livePanel(context),
    periodPanels(context),
    groupPanel(context),
  ];
  return h("div", { class: "grid" }, panels);
}
