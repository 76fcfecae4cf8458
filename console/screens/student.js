// Parts of a customization job's page: its stages, the curve of its loss, what it costs and saves, which lines it left
// out, what it learnt from, and what to do with the model that it made.

import { getJson } from "../lib/api.js";
import { chart } from "../lib/chart.js";
import { h, replace } from "../lib/dom.js";
import { count, exact, percent, plural, time } from "../lib/format.js";
import { address } from "../lib/place.js";
import { table } from "../lib/table.js";
import { action, badge, empty, facts, failure, mono } from "../lib/widgets.js";
import { deploy, evaluate } from "./next.js";
import { makeRouter } from "./routers.js";

const ENDED = ["Completed", "Failed", "Stopped", "PartiallyCompleted", "Expired"]; // jobs of all kinds
const LOADING_MS = 1000; // between two looks at a deployment that is being made

export const isOver = (job) => ENDED.includes(job.status);

/* --- its course ----------------------------------------------------------------------------------------- */

const STAGES = {
  validation: "Reading the data",
  dataProcessing: "Asking the teacher, counting rows",
  training: "Training",
};

export function stagesPart({ details }) {
  const rows = details.stages.map((stage) =>
    h(
      "li",
      { class: stage.status === "InProgress" ? "is-now" : "" },
      badge(stage.status),
      h("span", STAGES[stage.name] ?? stage.name),
      stage.modified && h("span", { class: "dim" }, `${time(stage.modified)} UTC`),
    ),
  );
  const { counts, hyperParameters } = details;
  return [
    h("ol", { class: "stages" }, rows),
    facts([
      ["Lines taken", count(counts.acceptedLines)],
      ["Rows learnt", count(counts.trainingRows)],
      ["Rows to measure by", count(counts.validationRows)],
      [
        "Answers of the teacher",
        counts.teacherAsked > 0 && `${count(counts.teacherAnswered)} of ${count(counts.teacherAsked)}`,
      ],
      [
        "Variants kept",
        counts.variantsWritten > 0 && `${count(counts.variantsKept)} of ${count(counts.variantsWritten)}`,
      ],
      ...Object.entries(hyperParameters).map(([name, value]) => [name, value]),
    ]),
  ];
}

/* [step, loss] of training, [step, loss, loss...] of the data sets that it is measured on. */
function curves({ training, validation }) {
  const steps = [...new Set([...training, ...validation].map(([step]) => step))].sort((a, b) => a - b);
  const pick = (rows, i) => {
    const byStep = new Map(rows.map((row) => [row[0], row[i] ?? null]));
    return steps.map((step) => byStep.get(step) ?? null);
  };
  const sets = Math.max(0, ...validation.map((row) => row.length - 1));
  const measured = Array.from({ length: sets }, (none, i) => ({
    label: sets > 1 ? `Validation ${i + 1}` : "Validation",
    colour: ["tier", "distil", "shadow", "route"][i % 4],
    values: pick(validation, i + 1),
    isSparse: true,
  }));
  return { steps, series: [{ label: "Training", colour: "input", values: pick(training, 1) }, ...measured] };
}

export function lossPart({ details }) {
  const { training } = details.metrics;
  if (!training.length) return empty("No step yet", "The curve begins with the first step of training.");
  const { steps, series } = curves(details.metrics);
  return chart({
    name: "Loss by step",
    isTime: false,
    xLabel: "step",
    says: `From ${training[0][1].toFixed(3)} to ${training.at(-1)[1].toFixed(3)}.`,
    times: steps,
    series,
    min: 0,
    formatValue: (value) => (value === 0 ? "0" : value.toFixed(value < 0.1 ? 4 : 2)),
  });
}

export function worthPart({ details }) {
  const { worth } = details;
  const share = details.priceShare;
  const part = ["Costs, of its base", share === null ? null : percent(share), "A part of a model costs that part."];
  if (!worth) return [facts([part]), h("p", { class: "dim" }, "Nobody taught it: the training costs idle time alone.")];
  const after = worth.breakEvenRequests;
  return facts([
    ["Cost of the teacher", exact(worth.costDollars), "At most; the ledger has each record's exact cost."],
    part,
    ["Has paid for itself after", after === null ? null : plural(after, "request")],
    ["Each request saves", worth.savedPerRequestDollars && exact(worth.savedPerRequestDollars)],
    [`Asked of the teacher in ${worth.days} days`, worth.days && count(worth.seenRequests)],
  ]);
}

/* --- its data ------------------------------------------------------------------------------------------- */

export function leftOutPart({ details }) {
  if (!details.counts.rejectedLines && !details.insights.length) return empty("No line was left out", "");
  return [
    h("p", `${plural(details.counts.rejectedLines, "line")} left out; the first ones:`),
    table({
      caption: "Lines left out",
      csv: true,
      rows: details.insights,
      pageSize: 10,
      none: h("p", { class: "dim" }, "They are listed once the data was read."),
      columns: [
        { key: "line", label: "Line", end: true, value: (row) => row.line },
        { key: "file", label: "File", value: (row) => row.file, cell: (row) => h("span", { class: "clip" }, row.file) },
        { key: "reason", label: "Reason", wide: true, value: (row) => row.reason },
      ],
    }),
  ];
}

const words = (turn) =>
  (turn?.content ?? []).map((block) => block.text ?? JSON.stringify(block.toolUse ?? block)).join(" ");
const sample = (text) => h("span", { class: "sample", title: text }, text);
const lastOf = (row, role) => words((row.messages ?? []).filter((turn) => turn.role === role).at(-1));

export function samplesPart({ details }) {
  const text = (role) => (row) => lastOf(row, role);
  return table({
    caption: "Samples",
    csv: true,
    rows: details.samples,
    pageSize: 8,
    none: empty("No samples", "A distillation that has variants written shows some of them with their answers."),
    columns: [
      { key: "prompt", label: "Prompt", wide: true, value: text("user"), cell: (row) => sample(lastOf(row, "user")) },
      { key: "answer", label: "Learnt", value: text("assistant"), cell: (row) => sample(lastOf(row, "assistant")) },
    ],
  });
}

/* --- its model ------------------------------------------------------------------------------------------ */

const served = (deployment, tenant) =>
  h(
    "p",
    "Served as ",
    mono(deployment.customModelDeploymentName),
    " ",
    badge(deployment.status),
    " ",
    h("a", { href: address("playground", { ask: deployment.customModelDeploymentArn, as: tenant }) }, "Ask it"),
  );

function steps(job, deployment, again) {
  const { outputModelArn, outputModelName, teacher } = job.details;
  if (!deployment) {
    const begin = async () => {
      await deploy(outputModelArn, outputModelName, job.tenant);
      await again();
    };
    return action("Deploy", begin, { level: "primary", id: "deploy" });
  }
  const arn = deployment.customModelDeploymentArn;
  const compare = () => evaluate(arn, teacher ?? job.model, job.tenant);
  return [
    action("Compare with its teacher", compare, { id: "compare" }),
    deployment.status === "Active" &&
      action("Put before a router", () => makeRouter([arn, teacher], job.tenant), { id: "put-before" }),
  ];
}

export function nextPart(job) {
  const model = job.details.outputModelArn;
  if (job.status !== "Completed" || !model) {
    return isOver(job)
      ? empty("There is no model", "The job did not complete.")
      : empty("The model comes at the end", "");
  }
  const body = h("div", { class: "stack tight" }, h("p", { class: "loading" }, "Is it served?"));
  const query = `modelArnEquals=${encodeURIComponent(model)}`;
  const draw = async () => {
    const list = await getJson(`/model-customization/custom-model-deployments?${query}`, undefined, job.tenant);
    const deployment = list.modelDeploymentSummaries?.[0];
    replace(
      body,
      deployment ? served(deployment, job.tenant) : h("p", { class: "dim" }, "It is not served yet."),
      h("div", { class: "row" }, steps(job, deployment, draw)),
    );
    if (deployment?.status === "Creating") setTimeout(() => body.isConnected && draw(), LOADING_MS);
  };
  draw().catch((error) => replace(body, failure(error)));
  return [h("p", "Custom model ", mono(model)), body];
}
