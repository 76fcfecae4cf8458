// One job: how far it is, what came of it, and what to do next with that.

import { fulcrum, getJson, isAdmin, send } from "../lib/api.js";
import { chart } from "../lib/chart.js";
import { h, replace } from "../lib/dom.js";
import { bytes, count, exact, percent, plural, seconds, tail, time } from "../lib/format.js";
import { download, list, parseUri, read } from "../lib/objects.js";
import { address, changed } from "../lib/place.js";
import { table } from "../lib/table.js";
import {
  action,
  badge,
  confirm,
  copyButton,
  empty,
  facts,
  failure,
  mono,
  panel,
  progressBar,
  toast,
} from "../lib/widgets.js";
import { deploy, evaluate } from "./next.js";
import { makeRouter } from "./routers.js";

const ENDED = ["Completed", "Failed", "Stopped", "PartiallyCompleted", "Expired"];
const STOPS = {
  batch: (arn) => ["POST", `/model-invocation-job/${encodeURIComponent(arn)}/stop`],
  customization: (arn) => ["POST", `/model-customization-jobs/${encodeURIComponent(arn)}/stop`],
  evaluation: (arn) => ["POST", `/evaluation-job/${encodeURIComponent(arn)}/stop`],
};

const isOver = (job) => ENDED.includes(job.status);

async function stop(job) {
  if (
    !(await confirm(
      "Stop the job",
      `${job.name} ends here. What it computed until now stays, and is billed.`,
      "Stop it",
    ))
  )
    return;
  await send(...STOPS[job.kind](job.arn));
  toast("The job was asked to stop.");
}

/* --- what every job has --------------------------------------------------------------------------------- */

function summary(job) {
  const { progress } = job;
  return [
    h(
      "div",
      { class: "row" },
      badge(job.status),
      mono(job.arn),
      copyButton(job.arn, "the job's ARN"),
      !isOver(job) && action("Stop", () => stop(job), { level: "small danger" }),
    ),
    job.message && h("p", { class: "note warn" }, job.message),
    !isOver(job) &&
      progress &&
      h(
        "div",
        { class: "big-progress" },
        progressBar(progress.done ?? 0, progress.total ?? 0, "Progress"),
        h(
          "span",
          [
            progress.stage,
            progress.total > 0 && `${count(progress.done)} of ${count(progress.total)}`,
            progress.secondsLeft && `${seconds(progress.secondsLeft)} left`,
          ]
            .filter(Boolean)
            .join(" · "),
        ),
      ),
    facts([
      ["Kind", job.kind],
      ["Tenant", isAdmin() && job.tenant],
      ["Model", tail(job.model)],
      ["Made", `${time(job.created)} UTC`],
      ["Began", job.started && `${time(job.started)} UTC`],
      ["Ended", job.ended && `${time(job.ended)} UTC`],
      ["Took", job.started && job.ended && seconds((Date.parse(job.ended) - Date.parse(job.started)) / 1000)],
    ]),
  ];
}

const uriLine = (label, uri) => uri && h("div", h("dt", label), h("dd", mono(uri)));

/* The objects below a URI, each to be saved. */
function objectsPart(uri, title) {
  const body = h("div", h("p", { class: "loading" }, "Looking for files…"));
  const rows = (found) =>
    table({
      caption: title,
      rows: found,
      pageSize: 20,
      columns: [
        {
          key: "key",
          label: "File",
          wide: true,
          value: (row) => row.key,
          cell: (row) =>
            h(
              "button",
              {
                type: "button",
                class: "link",
                onclick: () => download(row.uri).catch((error) => toast(error.message, "bad")),
              },
              row.uri.slice(uri.length) || row.key,
            ),
        },
        { key: "size", label: "Bytes", end: true, value: (row) => row.size, cell: (row) => bytes(row.size) },
        { key: "time", label: "Written (UTC)", value: (row) => row.time, cell: (row) => time(row.time) },
      ],
      none: empty("No files yet", "They are written when the job has ended."),
    });
  list(uri).then(
    (found) => replace(body, rows(found)),
    (error) => replace(body, failure(error)),
  );
  return body;
}

/* --- batch ---------------------------------------------------------------------------------------------- */

function batchPart(job) {
  const { details = {} } = job;
  const counts = details.counts ?? {};
  const errors = details.errors ?? details.firstErrors ?? [];
  return [
    facts(
      Object.entries(counts).map(([key, value]) => [
        key.replace(/([A-Z])/g, " $1").toLowerCase(),
        typeof value === "number" ? count(value) : value,
      ]),
    ),
    h(
      "dl",
      { class: "facts" },
      uriLine("Input", details.inputUri ?? details.input),
      uriLine("Output", details.outputUri ?? details.output),
    ),
    errors.length > 0 && [
      h("h3", "First errors"),
      table({
        caption: "First errors",
        rows: errors,
        columns: [
          { key: "recordId", label: "Record", value: (row) => row.recordId },
          { key: "errorCode", label: "Code", value: (row) => row.errorCode ?? row.code },
          { key: "errorMessage", label: "Message", wide: true, value: (row) => row.errorMessage ?? row.message },
        ],
      }),
    ],
  ];
}

/* --- customization -------------------------------------------------------------------------------------- */

const STAGES = [
  ["validationDetails", "Reading the data"],
  ["dataProcessingDetails", "Asking the teacher, counting rows"],
  ["trainingDetails", "Training"],
];

function stagesPart(details) {
  const stages = details.stages ?? details.statusDetails ?? {};
  return h(
    "ol",
    { class: "stages" },
    STAGES.map(([key, label]) => {
      const stage = Array.isArray(stages) ? stages.find((one) => one.name === key || one.stage === key) : stages[key];
      const status = stage?.status ?? "NotStarted";
      return h(
        "li",
        { class: status === "InProgress" ? "is-now" : "" },
        badge(status),
        h("span", label),
        stage?.lastModifiedTime &&
          status !== "NotStarted" &&
          h("span", { class: "dim" }, `${time(stage.lastModifiedTime)} UTC`),
      );
    }),
  );
}

function lossChart(metrics) {
  const training = metrics?.training ?? [];
  const validation = metrics?.validation ?? [];
  if (!training.length) return empty("No step yet", "The curve begins with the first step of training.");
  const steps = [...new Set([...training, ...validation].map(([step]) => step))].sort((a, b) => a - b);
  const valuesOf = (points) => {
    const byStep = new Map(points);
    return steps.map((step) => byStep.get(step) ?? null);
  };
  const series = [{ label: "Training", colour: "input", values: valuesOf(training) }];
  if (validation.length) series.push({ label: "Validation", colour: "tier", values: valuesOf(validation) });
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

function worthPart(worth, details) {
  const breakEven = worth?.breakEven ?? worth;
  const teacher = details.teacher ?? details.progress?.teacher;
  const student = details.student ?? details.progress?.student;
  const saves = breakEven?.savedPerRequestDollars;
  return facts([
    [
      "Cost of the teacher",
      (teacher?.costDollars && exact(teacher.costDollars)) ?? (worth?.costDollars && exact(worth.costDollars)),
      "At most; the ledger has each record's exact cost.",
    ],
    ["Answers of the teacher", teacher?.prompts && `${count(teacher.answers)} of ${count(teacher.prompts)}`],
    [
      "Costs, of its base",
      student?.priceShare !== undefined && student?.priceShare !== null ? percent(student.priceShare) : null,
      "A part of a model costs that part of its base's price.",
    ],
    [
      "Has paid for itself after",
      breakEven?.requests !== undefined && breakEven?.requests !== null ? plural(breakEven.requests, "request") : null,
    ],
    ["Each saves", saves && exact(saves)],
    ["Asked in the last 30 days", breakEven?.seenRequests !== undefined ? count(breakEven.seenRequests) : null],
  ]);
}

function insightsPart(details) {
  const insights = details.insights ?? {};
  const dropped = insights.dropped ?? insights.rejected ?? [];
  const counts = Object.entries(insights).filter(([, value]) => typeof value === "number");
  return [
    counts.length > 0 &&
      facts(counts.map(([key, value]) => [key.replace(/([A-Z])/g, " $1").toLowerCase(), count(value)])),
    dropped.length > 0
      ? table({
          caption: "Lines that were left out",
          rows: dropped,
          pageSize: 10,
          columns: [
            { key: "line", label: "Line", end: true, value: (row) => row.line ?? "" },
            { key: "file", label: "File", value: (row) => row.file ?? "" },
            { key: "reason", label: "Reason", wide: true, value: (row) => row.reason ?? row.message ?? "" },
            { key: "count", label: "Count", end: true, value: (row) => row.count ?? row.lines ?? "" },
          ],
        })
      : h("p", { class: "dim" }, "No line was left out."),
  ];
}

const textOf = (value) =>
  typeof value === "string" ? value : value === null || value === undefined ? "" : JSON.stringify(value);

function samplesPart(samples) {
  return table({
    caption: "Samples",
    rows: samples,
    pageSize: 5,
    none: empty("No samples", "They are there when the job has ended."),
    columns: [
      {
        key: "prompt",
        label: "Prompt",
        wide: true,
        cell: (row) => h("span", { class: "sample" }, textOf(row.prompt)),
        value: (row) => textOf(row.prompt),
      },
      {
        key: "answer",
        label: "Learnt",
        cell: (row) => h("span", { class: "sample" }, textOf(row.answer ?? row.reference)),
        value: (row) => textOf(row.answer ?? row.reference),
      },
    ],
  });
}

/** ARN of the custom model that a job made. */
const madeModel = (details) => details.outputModelArn ?? details.outputModel ?? details.model?.arn;

function nextSteps(job) {
  const { details = {} } = job;
  const model = madeModel(details);
  if (job.status !== "Completed" || !model) return null;
  const teacher = details.teacherModelIdentifier ?? details.teacher?.model ?? job.teacher ?? "desk-large";
  const serving = h("div", { class: "stack tight" }, h("p", { class: "loading" }, "Is it served?"));
  const draw = async () => {
    const { modelDeploymentSummaries = [] } = await getJson(
      `/model-customization/custom-model-deployments?modelArnEquals=${encodeURIComponent(model)}`,
    );
    const deployment = modelDeploymentSummaries[0];
    replace(
      serving,
      deployment
        ? h(
            "p",
            "Served as ",
            mono(deployment.customModelDeploymentName),
            " ",
            badge(deployment.status),
            " ",
            h("a", { href: address("playground", { ask: deployment.customModelDeploymentArn }) }, "Ask it"),
          )
        : h("p", { class: "dim" }, "It is not served yet."),
      h(
        "div",
        { class: "row" },
        !deployment &&
          action(
            "Deploy",
            async () => {
              await deploy(model, job.details?.outputModelName ?? job.name);
              await draw();
            },
            { level: "primary", id: "deploy" },
          ),
        deployment &&
          action("Compare with its teacher", () => evaluate(deployment.customModelDeploymentArn, teacher, details), {
            id: "compare",
          }),
        deployment?.status === "Active" &&
          action("Put before a router", () => makeRouter([deployment.customModelDeploymentArn]), { id: "put-before" }),
      ),
    );
    if (deployment?.status === "Creating") setTimeout(() => serving.isConnected && draw(), 1000);
  };
  draw().catch((error) => replace(serving, failure(error)));
  return [h("p", "Custom model ", mono(model)), serving];
}

/* --- evaluation ----------------------------------------------------------------------------------------- */

const interval = (estimate) =>
  estimate && estimate.score !== null
    ? `${percent(estimate.score)} (${percent(estimate.low)} to ${percent(estimate.high)})`
    : "–";

const points = (value) => (100 * value).toFixed(1).replace("-", "−");

const VERDICTS = {
  switch: "The first may take the second's place: at 95% it loses no more than the bound.",
  stay: "At 95% it loses more than the bound.",
  unsure: "The interval straddles the bound: more rows would tell.",
};

function reportPart(summary) {
  const [first, second] = summary.models ?? [];
  if (!first) return empty("No summary", "");
  const rows = [
    ["Score", interval(first.quality), second && interval(second.quality)],
    ["$ per 1,000 requests", first.costPer1000, second?.costPer1000],
    [
      "Latency, median",
      first.latencyMs && `${first.latencyMs.p50} ms`,
      second?.latencyMs && `${second.latencyMs.p50} ms`,
    ],
    ["Failed", count(first.failed), second && count(second.failed)],
  ];
  const text = (value) => (typeof value === "number" ? value.toFixed(6) : (value ?? "–"));
  return [
    summary.verdict && h("p", { class: "verdict" }, badge(summary.verdict), " ", VERDICTS[summary.verdict]),
    summary.difference &&
      h(
        "p",
        "Difference ",
        h("b", `${points(summary.difference.score)} points`),
        ` (${points(summary.difference.low)} to ${points(summary.difference.high)})`,
        `, bound ${summary.bound ?? 2}.`,
      ),
    h(
      "div",
      { class: "scroll", tabindex: "0", role: "group", "aria-label": "Scores" },
      h(
        "table",
        { class: "plain" },
        h("caption", { class: "hidden" }, "Scores"),
        h(
          "thead",
          h(
            "tr",
            h("th", { scope: "col" }, "Measure"),
            h("th", { scope: "col", class: "end" }, tail(first.model)),
            second && h("th", { scope: "col", class: "end" }, tail(second.model)),
          ),
        ),
        h(
          "tbody",
          rows.map(([label, one, other]) =>
            h(
              "tr",
              h("th", { scope: "row" }, label),
              h("td", { class: "end" }, text(one)),
              second && h("td", { class: "end" }, text(other)),
            ),
          ),
        ),
      ),
    ),
  ];
}

function evaluationPart(job) {
  const { details = {} } = job;
  const body = h("div");
  const folder = details.reportUri?.replace(/[^/]*$/, "");
  const show = (summary) =>
    replace(
      body,
      reportPart(summary),
      details.reportUri &&
        h(
          "p",
          action("Save the whole report", () => download(details.reportUri)),
        ),
    );
  if (details.summary) show(typeof details.summary === "string" ? JSON.parse(details.summary) : details.summary);
  else if (folder && job.status === "Completed")
    read(`${folder}summary.json`)
      .then((reply) => reply.json())
      .then(show, (error) => replace(body, failure(error)));
  else replace(body, empty("No report yet", "It is written when the job has ended."));
  return body;
}

/* --- the page ------------------------------------------------------------------------------------------- */

const PARTS = {
  batch: (make) => [
    make("records", "Records", batchPart),
    make("files", "Results", (job) => {
      const uri = job.details?.outputUri ?? job.details?.output;
      return parseUri(uri) ? objectsPart(uri, "Results") : empty("No files yet", "");
    }),
  ],
  customization: (make) => [
    make("stages", "Stages", (job) => stagesPart(job.details ?? {})),
    make(
      "next",
      "Next",
      (job) =>
        nextSteps(job) ??
        empty(
          isOver(job) ? "There is no model" : "The model comes at the end",
          isOver(job) ? "The job did not complete." : "",
        ),
    ),
    make("loss", "Loss", (job) => lossChart(job.details?.metrics)),
    make("worth", "What it is worth", (job) => worthPart(job.details?.worth, job.details ?? {})),
    make("insights", "Lines left out", (job) => insightsPart(job.details ?? {})),
    make("samples", "Samples", (job) => samplesPart(job.details?.samples ?? [])),
  ],
  evaluation: (make) => [make("report", "Report", evaluationPart, true)],
};

export function jobPage(context) {
  const arn = context.params.job;
  const kind = /customization-job/.test(arn) ? "customization" : /evaluation-job/.test(arn) ? "evaluation" : "batch";
  let asked = { at: 0, reply: null };
  const load = (signal) => {
    // all panels show one reply
    if (Date.now() - asked.at > 1000)
      asked = { at: Date.now(), reply: fulcrum(`jobs/${encodeURIComponent(arn)}`, {}, signal) };
    return asked.reply;
  };
  const make = (key, title, render, wide) =>
    panel(context, { key: `job-${key}`, title, load, render, wide, every: 2000 });
  return [
    h("p", { class: "back" }, h("a", { id: "back", href: changed({ job: "" }) }, "← All jobs")),
    h("div", { class: "grid" }, make("summary", "Job", summary, true), PARTS[kind](make)),
  ];
}
