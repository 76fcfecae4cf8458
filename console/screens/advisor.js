// Advisor: which lever to pull first, in dollars, by this server's own log; and what other levers would have cost.

import { getJson, path } from "../lib/api.js";
import { h, replace } from "../lib/dom.js";
import { decimalsFor, dollars, exact, money, percent, pico, plural, share, time } from "../lib/format.js";
import { address, changed, go } from "../lib/place.js";
import { moneyColumn, csvTool, table } from "../lib/table.js";
import { badge, code, empty, failure, field, panel, progressBar, select, shareBar } from "../lib/widgets.js";

const LEVERS = {
  route: { label: "Routing", colour: "route", where: "routers" },
  distill: { label: "Distillation", colour: "distil", where: "models" },
  cache: { label: "Caching", colour: "cache", where: "cache" },
  batch: { label: "Batch and tiers", colour: "tier", where: "jobs" },
};
const DAYS = [1, 3, 7, 14, 30];
const AGAIN_MS = 1000;
const FIRST = `build/fulcrum advise LOGS       # Bedrock's logs, OpenAI's and Anthropic's bodies, LiteLLM's spend log`;

const pause = (ms, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("left", "AbortError"));
    });
  });

/** Asks until the advisor is done; says how far it is in the meantime. */
async function advice(params, signal, onProgress) {
  for (;;) {
    const reply = await getJson(path("advice", params), signal);
    if (reply.state === "done") return reply;
    onProgress(reply);
    await pause(AGAIN_MS, signal);
  }
}

function waiting({ state, progress, records }) {
  const says = state === "waiting" ? "Another question is answered first…" : "Reading the log, at low priority…";
  return h(
    "div",
    { class: "stack tight" },
    h("p", { class: "loading" }, says, records ? ` ${plural(records, "request")} until now.` : ""),
    progressBar(progress ?? 0, progress ? 1 : 0, "Reading the log"),
  );
}

/* --- the report ----------------------------------------------------------------------------------------- */

function leverColumns(report) {
  const decimals = decimalsFor(report.dollars);
  const known = (row) => LEVERS[row.lever] ?? { label: row.lever, colour: "billed" };
  return [
    {
      key: "lever",
      label: "Lever",
      value: (row) => row.lever,
      cell: (row) =>
        h(
          "span",
          { class: "nowrap" },
          h("span", { class: `key ${known(row).colour}` }),
          known(row).label,
          row.lever === report.start_with && [" ", badge("start here", "good")],
        ),
    },
    moneyColumn({ key: "dollars", label: "Saves" }, (row) => row.dollars, report.levers, decimals),
    {
      key: "between",
      label: "Between",
      about:
        "A 95% interval: hours and conversations drawn again 400 times, from a careful case below and a bold " +
        "one above.",
      end: true,
      cell: (row) => h("span", { class: "nowrap" }, `${money(row.low, decimals)} and ${money(row.high, decimals)}`),
      text: (row) => `${row.low} ${row.high}`,
    },
    {
      key: "share",
      label: "Of all",
      end: true,
      value: (row) => share(row.dollars, report.dollars),
      cell: (row) => percent(share(row.dollars, report.dollars)),
    },
    moneyColumn(
      { key: "alone", label: "Alone", about: "What it would save as the only one." },
      (row) => row.alone,
      report.levers,
      decimals,
    ),
  ];
}

function stepCard(row, place, report) {
  const lever = LEVERS[row.lever] ?? { label: row.lever };
  return h(
    "li",
    { class: "card step-card" },
    h(
      "h3",
      `${place}. ${lever.label}`,
      row.lever === report.start_with && [" ", badge("start with this", "good")],
      h("span", { class: "saves" }, money(row.dollars)),
    ),
    h(
      "dl",
      { class: "plain-facts" },
      [
        ["Why", row.why],
        ["Where", row.where],
        ["Assumes", row.assumes],
      ]
        .filter(([, text]) => text)
        .map(([label, text]) => h("div", h("dt", label), h("dd", text))),
    ),
    lever.where && h("a", { class: "button small", href: address(lever.where) }, `To ${lever.where}`),
  );
}

function reportPart(report) {
  if (!report.records)
    return empty(
      "There is nothing to read yet",
      "The advisor reads this server's ledger, and its invocation logs where they are turned on. Logs of other " +
        "servers it reads as well:",
      code(FIRST),
    );
  const order = report.order?.length ? report.order : [];
  const byName = (name) => report.levers.find((row) => row.lever === name);
  const parts = [
    ...report.levers.map((row) => ({
      label: LEVERS[row.lever]?.label ?? row.lever,
      value: dollars(row.dollars),
      className: LEVERS[row.lever]?.colour ?? "billed",
    })),
    { label: "left", value: dollars(report.left), className: "billed" },
  ];
  const unreadable = Object.entries(report.unreadable ?? {});
  return [
    h(
      "p",
      { class: "lead" },
      h("b", plural(report.records, "request")),
      ` from ${time(report.from, false)} to ${time(report.to, false)} cost `,
      h("b", { title: exact(report.dollars) }, money(report.dollars)),
      " at list prices. All levers together would leave ",
      h("b", { title: exact(report.left) }, money(report.left)),
      ` of it.`,
    ),
    shareBar(parts, parts.map((part) => `${part.label} ${money(part.value.toFixed(12))}`).join(", ")),
    table({ caption: "Levers", columns: leverColumns(report), rows: report.levers }),
    order.length
      ? h(
          "ol",
          { class: "cards" },
          order.map((name, i) => stepCard(byName(name), i + 1, report)),
        )
      : empty("Nothing is to be gained", report.verdict ?? "No lever is worth its work in this stretch of time."),
    (unreadable.length > 0 || report.unpriced?.length > 0 || report.guessed > 0) &&
      h(
        "ul",
        { class: "plain-list dim" },
        unreadable.map(([reason, lines]) => h("li", `${plural(lines, "line")} could not be read: ${reason}`)),
        (report.unpriced ?? []).map((one) =>
          h("li", `${one.model} has no price: ${plural(one.records, "request")} left out of all dollars`),
        ),
        report.guessed > 0 &&
          h("li", `${plural(report.guessed, "request")} without a count of tokens: four bytes make one`),
      ),
  ];
}

const daysPicker = (days) =>
  field(
    "Read the last",
    select(
      { id: "advice-days", onchange: (event) => go(changed({ days: event.target.value })) },
      DAYS.map((one) => [String(one), one === 1 ? "day" : `${one} days`]),
      String(days),
    ),
  );

/* --- what if -------------------------------------------------------------------------------------------- */

const STOPS = {
  ttl: [
    ["", "as it was"],
    ["5m", "5 minutes"],
    ["best", "the best marks"],
    ["1h", "1 hour"],
  ],
  router: [
    ["", "as it was"],
    ["auto", "the cheapest of each family"],
  ],
  batch: [
    ["", "as it was"],
    ["nightly", "bursts at night"],
    ["all", "whatever can wait"],
  ],
  distill: [
    ["", "as it was"],
    ["on", "students for what comes again"],
  ],
};
const TITLES = {
  ttl: ["Caching: marks that live", "cache"],
  router: ["Routing", "route"],
  batch: ["Batch", "tier"],
  distill: ["Distillation", "distil"],
};

function slider(name, chosen, onChange) {
  const stops = STOPS[name];
  const at = Math.max(
    0,
    stops.findIndex(([value]) => value === chosen),
  );
  const says = h("output", { for: `what-${name}` }, stops[at][1]);
  const input = h("input", {
    type: "range",
    id: `what-${name}`,
    min: 0,
    max: stops.length - 1,
    step: 1,
    value: String(at),
    "aria-valuetext": stops[at][1],
  });
  input.addEventListener("input", () => {
    const [, label] = stops[Number(input.value)];
    says.textContent = label;
    input.setAttribute("aria-valuetext", label);
  });
  input.addEventListener("change", () => onChange(name, stops[Number(input.value)][0]));
  return h(
    "div",
    { class: "slider" },
    h("label", { for: `what-${name}` }, h("span", { class: `key ${TITLES[name][1]}` }), TITLES[name][0]),
    input,
    says,
  );
}

function whatIfResult(report, days) {
  if (!report.records) return empty("Nothing to price again", "There were no requests in these days.");
  const saved = pico(report.dollars) - pico(report.left);
  const parts = [
    ...report.levers
      .filter((row) => dollars(row.dollars) > 0)
      .map((row) => ({
        label: LEVERS[row.lever]?.label ?? row.lever,
        value: dollars(row.dollars),
        className: LEVERS[row.lever]?.colour ?? "billed",
      })),
    { label: "left", value: dollars(report.left), className: "billed" },
  ];
  return [
    h(
      "p",
      { class: "lead" },
      `The last ${days === 1 ? "day" : `${days} days`} would have cost `,
      h("b", { title: exact(report.left) }, money(report.left)),
      " instead of ",
      h("span", { title: exact(report.dollars) }, money(report.dollars)),
      ": ",
      h("b", { title: exact(saved) }, money(saved)),
      ` saved, ${percent(share(saved, report.dollars))}.`,
    ),
    shareBar(parts, parts.map((part) => `${part.label} ${money(part.value.toFixed(12))}`).join(", ")),
    table({
      caption: "What if, by lever",
      csv: true,
      columns: leverColumns({ ...report, start_with: null }),
      rows: report.levers.filter((row) => dollars(row.dollars) !== 0),
      none: h("p", { class: "dim" }, "These levers would have changed nothing."),
    }),
  ];
}

function whatIf(context, days) {
  const { params } = context;
  const chosen = Object.fromEntries(
    Object.keys(STOPS)
      .filter((name) => params[name])
      .map((name) => [name, params[name]]),
  );
  const result = h("div", { "aria-live": "polite" });
  const set = (name, value) => go(changed({ [name]: value }));
  const command = Object.entries(chosen)
    .map(([name, value]) => `${name}=${value}`)
    .join(",");
  context.start(async () => {
    if (!command)
      return replace(
        result,
        h(
          "p",
          { class: "dim" },
          "Move a slider: the days are priced again with the levers that you pull, and no others.",
        ),
      );
    replace(result, waiting({}));
    try {
      const report = await advice({ days, tenant: params.tenant, ...chosen }, context.signal, (progress) =>
        replace(result, waiting(progress)),
      );
      replace(result, whatIfResult(report, days), code(`build/fulcrum advise --what-if ${command} --days ${days}`));
    } catch (error) {
      if (error.name !== "AbortError") replace(result, failure(error));
    }
    return undefined;
  });
  return h(
    "section",
    { class: "panel wide", "aria-labelledby": "panel-what-if" },
    h("div", { class: "panel-head" }, h("h2", { id: "panel-what-if" }, "What if")),
    h(
      "div",
      { class: "panel-body" },
      h(
        "div",
        { class: "sliders" },
        Object.keys(STOPS).map((name) => slider(name, params[name] ?? "", set)),
      ),
      result,
    ),
  );
}

export default function advisor(context) {
  const days = DAYS.includes(Number(context.params.days)) ? Number(context.params.days) : 30;
  const progress = h("div");
  const report = panel(context, {
    key: "advice",
    title: "Which lever first",
    wide: true,
    tools: [daysPicker(days), h("span", { id: "advice-csv" })],
    about:
      "Levers are taken in the ledger's order, each from what those before it have left: nothing counts twice, " +
      "and the shares and what is left add up to the bill.",
    load: (signal) =>
      advice({ days, tenant: context.params.tenant }, signal, (reply) => replace(progress, waiting(reply))).finally(
        () => replace(progress),
      ),
    render: (reply) => {
      document
        .getElementById("advice-csv")
        ?.replaceChildren(
          ...(reply.records ? [csvTool("advice", { columns: leverColumns(reply), rows: reply.levers })] : []),
        );
      return reportPart(reply);
    },
  });
  report.insertBefore(progress, report.lastChild);
  return h("div", { class: "grid" }, report, whatIf(context, days));
}
