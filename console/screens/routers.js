// Routers: what each decides by, where its requests went, what its predictor is worth, and where a prompt of one's own
// would go.

import { fulcrum, getJson, path, send, together } from "../lib/api.js";
import { chart } from "../lib/chart.js";
import { h, replace } from "../lib/dom.js";
import { count, percent, tail } from "../lib/format.js";
import { ROUTE_REASONS } from "../lib/levers.js";
import { address, changed, go } from "../lib/place.js";
import { csvTool, moneyColumn, table } from "../lib/table.js";
import { action, badge, code, confirm, dialog, empty, facts, failure, field } from "../lib/widgets.js";
import { mono, panel, select, toast } from "../lib/widgets.js";

const KINDS = { configured: "fulcrum.yaml", made: "made by the API", default: "default" };

/* What is said of each: by its name where fulcrum.yaml gave it one. */
const idOf = (router) => (router.kind === "configured" ? router.name : router.arn);

const RULES = {
  tolerance: (rule) => `tolerance ${rule.tolerance}`,
  budget: (rule) => `budget $${rule.budget} for 1,000 requests`,
  qualityDifference: (rule) => `another one if better by ${rule.qualityDifference}%`,
};

function ruleWords({ rule, shadow }) {
  const parts = [RULES[rule.kind]?.(rule) ?? rule.kind];
  if (rule.escalate) parts.push(`made again below ${rule.escalate.below}`);
  if (shadow) parts.push(`learns from ${percent(shadow.share, 0)}`);
  return parts.join(", ");
}

const requestsOf = (router) => router.share.reduce((sum, one) => sum + one.requests, 0);

/* --- the list ------------------------------------------------------------------------------------------- */

const CONFIGURED = `# fulcrum.yaml
routers:
  - {name: auto, models: [desk-small, desk-large], tolerance: 0.05, shadow: 0.02}`;

function listColumns() {
  const open = (row) => h("a", { id: `router-${row.name}`, href: changed({ router: idOf(row) }) }, row.name);
  return [
    { key: "name", label: "Router", wide: true, value: (row) => row.name, cell: open },
    { key: "kind", label: "From", value: (row) => KINDS[row.kind] },
    { key: "tenant", label: "Tenant", value: (row) => row.tenant ?? "" },
    { key: "models", label: "Models", value: (row) => row.models.map(tail).join(", ") },
    { key: "rule", label: "Rule", value: ruleWords },
    { key: "requests", label: "Requests, 7 d", end: true, value: requestsOf, cell: (row) => count(requestsOf(row)) },
    {
      key: "labels",
      label: "Labels",
      about: "Answers of several models to the same request, from which it learns.",
      end: true,
      value: (row) => row.labels,
      cell: (row) => h("span", count(row.labels), row.drifts && [" ", badge("drifts", "warn")]),
    },
  ];
}

function noRouters() {
  return empty(
    "There is no router",
    "Put one before two models in fulcrum.yaml, or make one here.",
    code(CONFIGURED, "the configuration"),
  );
}

/* --- one router ----------------------------------------------------------------------------------------- */

function sharePart(router) {
  const rows = router.share ?? [];
  const requests = rows.reduce((sum, row) => sum + row.requests, 0);
  if (!requests)
    return empty(
      "Nobody asked it in the last 7 days",
      "Send a request to it:",
      code(`curl -si ${location.origin}/model/${encodeURIComponent(idOf(router))}/converse \\
  -H 'content-type: application/json' \\
  -d '{"messages":[{"role":"user","content":[{"text":"What are your business hours?"}]}]}'`),
    );
  const columns = [
    { key: "model", label: "Model", wide: true, value: (row) => row.model, cell: (row) => tail(row.model) },
    { key: "requests", label: "Requests", end: true, value: (row) => row.requests, cell: (row) => count(row.requests) },
    {
      key: "share",
      label: "Share",
      end: true,
      value: (row) => row.requests / requests,
      cell: (row) => percent(row.requests / requests),
    },
    moneyColumn({ key: "costDollars", label: "Billed" }, (row) => row.costDollars, rows),
    {
      key: "bar",
      label: "",
      name: "As a bar",
      cell: (row) =>
        h(
          "span",
          { class: "mini long", "aria-hidden": true },
          h("span", { style: { width: `${(100 * row.requests) / requests}%` } }),
        ),
    },
  ];
  return table({ caption: "Where its requests went", csv: true, columns, rows, order: "-requests" });
}

function learningPart({ shadow }) {
  if (!shadow) return null;
  const number = (value) => (value === undefined ? "–" : value.toFixed(3));
  const columns = [
    { key: "model", label: "Learnt of", wide: true, value: (row) => row.model, cell: (row) => tail(row.model) },
    { key: "labels", label: "Labels", end: true, value: (row) => row.labels },
    { key: "predicted", label: "Said", end: true, value: (row) => row.predicted, cell: (row) => number(row.predicted) },
    { key: "found", label: "Found", end: true, value: (row) => row.found, cell: (row) => number(row.found) },
    {
      key: "drifts",
      label: "Drift",
      about: "Whether what it said of the last labels is off by more than chance allows; then it is a note in /readyz.",
      value: (row) => (row.drifts ? "drifts" : "no"),
      cell: (row) => (row.drifts ? badge("drifts", "warn") : "no"),
    },
  ];
  return table({ caption: "What it said of qualities, and what was found", csv: true, columns, rows: shadow.models });
}

const ABOUT_AUC =
  "How well it tells the requests apart that a cheaper model answers well: 0.5 is chance, 1 is always right.";
const ABOUT_ERROR = "How far predicted qualities are from those that were found, in the mean.";

function predictorPart(router) {
  const { predictor } = router;
  if (!predictor) {
    const train = "build/fulcrum router train --from-ledger --router auto --out auto.predictor --svg curve.svg";
    return empty("It has no predictor", "Requests go to its fallback until one is named.", code(train));
  }
  return [
    facts([
      ["Predictor", predictor.name],
      ["Rows", count(predictor.rows)],
      [
        "AUC",
        `${predictor.auc.toFixed(3)} (${predictor.aucLow.toFixed(3)} to ${predictor.aucHigh.toFixed(3)})`,
        ABOUT_AUC,
      ],
      ["Calibration error", predictor.calibrationError.toFixed(3), ABOUT_ERROR],
      ["Knows nothing of", predictor.unknown?.map(tail).join(", ")],
    ]),
    curve(predictor.curve),
    learningPart(router),
  ];
}

function curve(points) {
  if (!points?.length)
    return h("p", { class: "dim" }, "The predictor has no curve: it was not measured on rows of its own.");
  const sorted = [...points].sort((a, b) => a.cost - b.cost);
  const best = sorted.reduce((most, point) => Math.max(most, point.quality), 0);
  const low = Math.min(...sorted.map((point) => point.quality));
  return chart({
    name: "Quality by cost",
    isTime: false,
    xLabel: "cost",
    times: sorted.map((point) => point.cost),
    min: Math.max(0, low - 0.05),
    max: Math.min(1, best + 0.03),
    says: `From ${percent(sorted[0].quality)} at the least cost to ${percent(sorted.at(-1).quality)} at the most.`,
    formatValue: (value) => percent(value, 0),
    series: [
      {
        label: "Quality, by what requests cost (1: all by the strongest)",
        colour: "route",
        values: sorted.map((point) => point.quality),
      },
    ],
  });
}

/* --- try a prompt --------------------------------------------------------------------------------------- */

function decision(reply) {
  const largest = reply.candidates;
  const columns = [
    {
      key: "model",
      label: "Model",
      value: (row) => row.model,
      cell: (row) =>
        h(
          "span",
          tail(row.model),
          row.model === reply.chosen && [" ", badge("chosen", "good")],
          row.fits === false && [" ", badge("can't take it", "warn")],
        ),
    },
    {
      key: "quality",
      label: "Quality",
      end: true,
      value: (row) => row.quality ?? null,
      cell: (row) =>
        row.quality === undefined ? "–" : `${row.quality.toFixed(3)} ±${(row.uncertainty ?? 0).toFixed(3)}`,
    },
    moneyColumn(
      { key: "cost", label: "$ per 1,000", about: "What a thousand such requests would cost there." },
      (row) => BigInt(row.expectedCostPicodollars ?? 0) * 1000n,
      largest,
    ),
    {
      key: "promptTokens",
      label: "Prompt",
      end: true,
      value: (row) => row.promptTokens,
      cell: (row) => count(row.promptTokens),
    },
    {
      key: "warmTokens",
      label: "Warm",
      end: true,
      about: "Tokens of the prompt that it would read from its cache now.",
      value: (row) => row.warmTokens,
      cell: (row) => count(row.warmTokens),
    },
    {
      key: "expectedOutputTokens",
      label: "Reply",
      end: true,
      about: "As long as its replies have been lately.",
      value: (row) => row.expectedOutputTokens,
      cell: (row) => count(row.expectedOutputTokens),
    },
  ];
  return [
    h(
      "p",
      { class: "verdict" },
      h("b", tail(reply.chosen)),
      " would answer: ",
      ROUTE_REASONS[reply.reason] ?? reply.reason,
      ".",
    ),
    table({ caption: "Candidates", csv: true, columns, rows: reply.candidates }),
    reply.changes?.length > 0 &&
      h(
        "ul",
        { class: "plain-list" },
        reply.changes.map((change) => h("li", h("b", tail(change.then)), ` would, if ${change.when}`)),
      ),
  ];
}

function tryPart(router) {
  const system = h("textarea", { rows: 2, id: "try-system", spellcheck: false });
  const prompt = h("textarea", {
    rows: 4,
    id: "try-prompt",
    required: true,
    placeholder: "What are your business hours?",
  });
  const result = h("div", { class: "result", "aria-live": "polite" });
  const ask = async (event) => {
    event?.preventDefault();
    if (!prompt.value.trim()) return prompt.focus();
    const body = { messages: [{ role: "user", content: [{ text: prompt.value }] }] };
    if (system.value.trim()) body.system = [{ text: system.value }];
    replace(result, h("p", { class: "loading" }, "Asking…"));
    try {
      replace(
        result,
        decision(
          await send("POST", `/fulcrum/routers/${encodeURIComponent(idOf(router))}/explain`, body, router.tenant),
        ),
      );
    } catch (error) {
      replace(result, failure(error));
    }
  };
  prompt.addEventListener("keydown", (event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && ask());
  return h(
    "form",
    { class: "stack", onsubmit: ask },
    field("System prompt", system, "May stay empty."),
    field("Message", prompt),
    h(
      "div",
      { class: "row" },
      h("button", { class: "button primary", id: "try-ask" }, "Where would it go?"),
      h("span", { class: "dim" }, "Nothing is generated, nothing is charged."),
    ),
    result,
  );
}

/* --- made and taken away -------------------------------------------------------------------------------- */

async function remove(router) {
  const text = `${router.name} answers no more. Requests to its ARN are refused.`;
  if (!(await confirm("Delete the router", text, "Delete"))) return;
  await send("DELETE", `/prompt-routers/${encodeURIComponent(router.arn)}`, undefined, router.tenant);
  toast("The router is gone.");
  go(address("routers"));
}

/* ARNs of what may stand behind a router, with names for people, and what each is called besides. */
async function candidates(tenant) {
  const [{ modelSummaries }, deployments, served] = await Promise.all([
    getJson("/foundation-models", undefined, tenant),
    getJson("/model-customization/custom-model-deployments", undefined, tenant),
    fulcrum("models"),
  ]);
  const namesOf = (id) => served.models.filter((model) => model.ids.includes(id)).map((model) => model.name);
  const students = (deployments.modelDeploymentSummaries ?? []).map((one) => ({
    arn: one.customModelDeploymentArn,
    label: `${one.customModelDeploymentName} (student)`,
    names: [],
  }));
  const models = modelSummaries.filter((one) => one.inferenceTypesSupported?.length !== 0);
  return [
    ...students,
    ...models.map((one) => ({ arn: one.modelArn, label: one.modelId, names: [one.modelId, ...namesOf(one.modelId)] })),
  ];
}

/** A form that puts a router before two models of the tenant; `wanted` are ARNs or IDs to begin with. */
export async function makeRouter(wanted = [], tenant = "") {
  const known = await candidates(tenant);
  const options = known.map(({ arn, label }) => [arn, label]);
  const find = (id, other) => (known.find(({ arn, names }) => arn === id || names.includes(tail(id))) ?? other)?.arn;
  const pattern = "[0-9a-zA-Z](?:[ _\\-]?[0-9a-zA-Z])*";
  const name = h("input", { id: "make-name", required: true, maxlength: 64, pattern });
  const first = select({ id: "make-first" }, options, find(wanted[0], known[0]));
  const second = select({ id: "make-second" }, options, find(wanted[1], known[1]));
  const places = [["second", "the second"], ["first", "the first"]]; // prettier-ignore
  const fallback = select({ id: "make-fallback" }, places, "second");
  const difference = h("input", { id: "make-difference", type: "number", min: 0, max: 100, step: 5, value: "5" });
  const says = h("div");
  const submit = async (event) => {
    event.preventDefault();
    const models = [first.value, second.value].map((modelArn) => ({ modelArn }));
    const request = {
      promptRouterName: name.value,
      models,
      fallbackModel: models[fallback.value === "first" ? 0 : 1],
      routingCriteria: { responseQualityDifference: Number(difference.value) },
    };
    try {
      const { promptRouterArn } = await send("POST", "/prompt-routers", request, tenant);
      box.close();
      toast(`${name.value} answers under its ARN.`);
      go(address("routers", { router: promptRouterArn }));
    } catch (error) {
      replace(says, failure(error));
    }
  };
  const fields = [
    field("Name", name),
    field("First model", first),
    field("Second model", second),
    field("Fallback", fallback, "Answers unless the other is better by the difference."),
    field("Quality difference, percent", difference, "A multiple of 5: how much better the other has to be predicted."),
  ];
  const button = h("button", { class: "button primary", id: "make-router" }, "Make it");
  const form = h("form", { class: "stack", onsubmit: submit }, fields, says, h("div", { class: "row end" }, button));
  const box = dialog("Put a router before two models", form);
  name.focus();
}

/* --- the screen ----------------------------------------------------------------------------------------- */

function aboutPart(router) {
  const playground = address("playground", { ask: idOf(router), as: router.tenant });
  return [
    facts([
      ["Name", router.name],
      ["ARN", mono(router.arn)],
      ["From", KINDS[router.kind]],
      ["Tenant", router.tenant],
      ["Models", router.models.map(tail).join(", ")],
      ["Fallback", tail(router.fallback)],
      ["Rule", ruleWords(router)],
      ["Description", router.description],
    ]),
    h(
      "div",
      { class: "row" },
      h("a", { class: "button", href: playground }, "Ask it in the playground"),
      router.kind === "made" && action("Delete", () => remove(router), { level: "danger" }),
    ),
  ];
}

function listPanel(context) {
  const { tenant } = context.params;
  return panel(context, {
    key: "routers",
    title: "Routers",
    wide: true,
    load: (signal) => fulcrum("routers", { tenant }, signal),
    tools: [
      action("New router", () => makeRouter(), { level: "small primary", id: "new-router" }),
      csvTool("routers", { href: path("routers", { tenant, format: "csv" }) }),
    ],
    render: ({ routers: rows }) =>
      table({ caption: "Routers", columns: listColumns(), rows, sortParam: "sort", none: noRouters() }),
  });
}

async function findRouter(wanted, signal) {
  const { routers: rows } = await fulcrum("routers", {}, signal);
  const router = rows.find((row) => row.arn === wanted || row.name === wanted);
  if (!router) throw Object.assign(new Error("There is no such router any more."), { name: "Not found" });
  return router;
}

export default function routers(context) {
  const wanted = context.params.router;
  const note = "Open a router to see where its requests went, and to try a prompt.";
  if (!wanted) return [h("div", { class: "grid" }, listPanel(context)), h("p", { class: "dim below" }, note)];
  const load = together((signal) => findRouter(wanted, signal));
  const part = (key, title, render, about) => panel(context, { key: `router-${key}`, title, about, load, render });
  return [
    h("p", { class: "back" }, h("a", { id: "back", href: changed({ router: "" }) }, "← All routers")),
    h(
      "div",
      { class: "grid" },
      part("about", "Router", aboutPart),
      part("share", "Share of the last 7 days", sharePart),
      part("try", "Try a prompt", tryPart, "Where a request would go now, and what would have changed that."),
      part("predictor", "Predictor", predictorPart),
    ),
  ];
}
