// Routers: what each decides by, where its requests went, what its predictor is worth, and where a prompt of one's own
// would go.

import { fulcrum, getJson, path, send } from "../lib/api.js";
import { chart } from "../lib/chart.js";
import { h, replace } from "../lib/dom.js";
import { count, percent, tail } from "../lib/format.js";
import { ROUTE_REASONS } from "../lib/levers.js";
import { address, changed, go } from "../lib/place.js";
import { csvTool, moneyColumn, table } from "../lib/table.js";
import {
  action,
  badge,
  code,
  confirm,
  dialog,
  empty,
  facts,
  failure,
  field,
  mono,
  panel,
  select,
  toast,
} from "../lib/widgets.js";

const idOf = (router) => router.arn ?? router.name;
const nameOf = (router) => router.name ?? tail(router.arn);
const KINDS = { configured: "fulcrum.yaml", made: "made by the API", default: "default" };

function ruleWords(rule = {}) {
  const parts = [];
  if (rule.tolerance !== undefined && rule.tolerance !== null) parts.push(`tolerance ${rule.tolerance}`);
  if (rule.budget !== undefined && rule.budget !== null) parts.push(`budget $${rule.budget} for 1,000 requests`);
  if (rule.qualityDifference !== undefined && rule.qualityDifference !== null)
    parts.push(`better by ${rule.qualityDifference}%`);
  if (rule.escalate) parts.push(`made again below ${rule.escalate.below ?? rule.escalate}`);
  if (rule.shadow) parts.push(`learns from ${percent(rule.shadow.share ?? rule.shadow, 0)}`);
  return parts.join(", ") || "–";
}

/* --- the list ------------------------------------------------------------------------------------------- */

const CONFIGURED = `# fulcrum.yaml
routers:
  - {name: auto, models: [desk-small, desk-large], tolerance: 0.05, shadow: 0.02}`;

function listColumns() {
  return [
    {
      key: "name",
      label: "Router",
      wide: true,
      value: nameOf,
      cell: (row) => h("a", { id: `router-${nameOf(row)}`, href: changed({ router: idOf(row) }) }, nameOf(row)),
    },
    { key: "kind", label: "From", value: (row) => row.kind, cell: (row) => KINDS[row.kind] ?? row.kind },
    { key: "tenant", label: "Tenant", value: (row) => row.tenant ?? "" },
    {
      key: "models",
      label: "Models",
      value: (row) => row.models.map(tail).join(" "),
      cell: (row) => row.models.map(tail).join(", "),
    },
    { key: "rule", label: "Rule", value: (row) => ruleWords(row.rule) },
    {
      key: "requests",
      label: "Requests, 7 d",
      end: true,
      value: (row) => (row.share ?? []).reduce((sum, one) => sum + one.requests, 0),
      cell: (row) => count((row.share ?? []).reduce((sum, one) => sum + one.requests, 0)),
    },
    {
      key: "labels",
      label: "Labels",
      about: "Answers of several models to the same request, from which it learns.",
      end: true,
      value: (row) => row.labels ?? 0,
      cell: (row) => count(row.labels ?? 0),
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
  return table({ caption: "Where its requests went", columns, rows, order: "-requests" });
}

function predictorPart(router) {
  const predictor = router.predictor;
  if (!predictor)
    return empty(
      "It has no predictor",
      "Requests go to its fallback until one is named.",
      code("fulcrum router train --from-ledger --router auto --out auto.predictor --svg curve.svg"),
    );
  const drift =
    router.drift &&
    (typeof router.drift === "object"
      ? Object.entries(router.drift)
          .map(([key, value]) => `${key} ${typeof value === "number" ? Number(value.toFixed(3)) : value}`)
          .join(", ")
      : String(router.drift));
  return [
    facts([
      ["Predictor", predictor.name],
      [
        "AUC",
        predictor.auc?.toFixed(3),
        "How well it tells the requests apart that the cheaper model answers well: 0.5 is chance, 1 is always right.",
      ],
      [
        "Calibration error",
        predictor.calibrationError?.toFixed(3),
        "How far predicted qualities are from those that were found, in the mean.",
      ],
      ["Labels", count(router.labels ?? 0)],
      [
        "Drift",
        drift,
        "What it said of the last labels, and what was found. A drift that chance does not explain is a note " +
          "in /readyz.",
      ],
    ]),
    curve(predictor.curve),
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
    table({ caption: "Candidates", columns, rows: reply.candidates }),
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
        decision(await send("POST", `/fulcrum/routers/${encodeURIComponent(idOf(router))}/explain`, body)),
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
  if (
    !(await confirm(
      "Delete the router",
      `${nameOf(router)} answers no more. Requests to its ARN are refused.`,
      "Delete",
    ))
  )
    return;
  await send("DELETE", `/prompt-routers/${encodeURIComponent(router.arn)}`);
  toast("The router is gone.");
  go(address("routers"));
}

/** A form that puts a router before two models; `wanted` are ARNs to begin with. */
export async function makeRouter(wanted = []) {
  const [{ modelSummaries }, { modelDeploymentSummaries = [] }] = await Promise.all([
    getJson("/foundation-models"),
    getJson("/model-customization/custom-model-deployments"),
  ]);
  const options = [
    ...modelDeploymentSummaries.map((one) => [
      one.customModelDeploymentArn,
      `${one.customModelDeploymentName} (student)`,
    ]),
    ...modelSummaries
      .filter((one) => one.inferenceTypesSupported?.length !== 0)
      .map((one) => [one.modelArn, one.modelId]),
  ];
  const name = h("input", {
    id: "make-name",
    required: true,
    maxlength: 64,
    pattern: "[0-9a-zA-Z](?:[ _\\-]?[0-9a-zA-Z])*",
  });
  const first = select({ id: "make-first" }, options, wanted[0] ?? options[0]?.[0]);
  const second = select({ id: "make-second" }, options, wanted[1] ?? options[1]?.[0]);
  const fallback = select(
    { id: "make-fallback" },
    [
      ["second", "the second"],
      ["first", "the first"],
    ],
    "second",
  );
  const difference = h("input", { id: "make-difference", type: "number", min: 0, max: 100, step: 5, value: "5" });
  const says = h("div");
  const box = dialog(
    "Put a router before two models",
    h(
      "form",
      {
        class: "stack",
        onsubmit: async (event) => {
          event.preventDefault();
          const models = [first.value, second.value];
          try {
            const { promptRouterArn } = await send("POST", "/prompt-routers", {
              promptRouterName: name.value,
              models: models.map((modelArn) => ({ modelArn })),
              fallbackModel: { modelArn: models[fallback.value === "first" ? 0 : 1] },
              routingCriteria: { responseQualityDifference: Number(difference.value) },
            });
            box.close();
            toast(`${name.value} answers under its ARN.`);
            go(address("routers", { router: promptRouterArn }));
          } catch (error) {
            replace(says, failure(error));
          }
        },
      },
      field("Name", name),
      field("First model", first),
      field("Second model", second),
      field("Fallback", fallback, "Answers unless the other is better by the difference."),
      field(
        "Response quality difference, percent",
        difference,
        "A multiple of 5: how much better the other has to be predicted.",
      ),
      says,
      h("div", { class: "row end" }, h("button", { class: "button primary", id: "make-router" }, "Make it")),
    ),
  );
  name.focus();
}

export default function routers(context) {
  const load = (signal) => fulcrum("routers", {}, signal);
  const wanted = context.params.router;
  const list = panel(context, {
    key: "routers",
    title: "Routers",
    wide: true,
    load,
    tools: [
      action("New router", () => makeRouter(), { level: "small primary", id: "new-router" }),
      csvTool("routers", { href: path("routers", { format: "csv" }) }),
    ],
    render: ({ routers: rows }) =>
      table({ caption: "Routers", columns: listColumns(), rows, sortParam: "sort", none: noRouters() }),
  });
  if (!wanted)
    return [
      h("div", { class: "grid" }, list),
      h("p", { class: "dim below" }, "Open a router to see where its requests went, and to try a prompt."),
    ];
  let asked = null;
  const one = (signal) =>
    (asked ??= load(signal).then(({ routers: rows }) => {
      const router = rows.find((row) => idOf(row) === wanted || row.name === wanted);
      if (!router) throw Object.assign(new Error("There is no such router any more."), { name: "Not found" });
      return router;
    }));
  return [
    h("p", { class: "back" }, h("a", { id: "back", href: changed({ router: "" }) }, "← All routers")),
    h(
      "div",
      { class: "grid" },
      panel(context, {
        key: "router",
        title: "Router",
        load: one,
        render: (router) => [
          facts([
            ["Name", nameOf(router)],
            ["ARN", router.arn && mono(router.arn)],
            ["From", KINDS[router.kind] ?? router.kind],
            ["Models", router.models.map(tail).join(", ")],
            ["Fallback", tail(router.fallback)],
            ["Rule", ruleWords(router.rule)],
          ]),
          h(
            "div",
            { class: "row" },
            h("a", { class: "button", href: address("playground", { ask: idOf(router) }) }, "Ask it in the playground"),
            router.kind === "made" && action("Delete", () => remove(router), { level: "danger" }),
          ),
        ],
      }),
      panel(context, { key: "router-share", title: "Share of the last 7 days", load: one, render: sharePart }),
      panel(context, {
        key: "router-try",
        title: "Try a prompt",
        about: "Where a request would go now, and what would have changed that.",
        load: one,
        render: tryPart,
      }),
      panel(context, { key: "router-predictor", title: "Predictor", load: one, render: predictorPart }),
    ),
  ];
}
