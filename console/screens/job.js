// One job: how far it is, and what came of it. What is of customization jobs alone is in student.js.

import { fulcrum, isAdmin, send, together } from "../lib/api.js";
import { h, replace } from "../lib/dom.js";
import { bytes, count, percent, seconds, tail, time } from "../lib/format.js";
import { download, downloadPath, list, parseUri } from "../lib/objects.js";
import { changed } from "../lib/place.js";
import { table } from "../lib/table.js";
import { action, badge, confirm, copyButton, empty, facts, failure, mono } from "../lib/widgets.js";
import { panel, progressBar, toast } from "../lib/widgets.js";
import { isOver, leftOutPart, lossPart, nextPart, samplesPart, stagesPart, worthPart } from "./student.js";

const STAGES = {
  waiting: "waiting",
  validation: "reading the data",
  dataProcessing: "asking the teacher, counting rows",
  training: "training",
  answers: "answering",
  judge: "judging",
  data: "reading the data",
  stopping: "stopping",
};
const STOP_PATHS = {
  batch: (id) => `/model-invocation-job/${id}/stop`,
  "openai-batch": (id) => `/v1/batches/${id}/cancel`,
  "message-batch": (id) => `/v1/messages/batches/${id}/cancel`,
  customization: (id) => `/model-customization-jobs/${id}/stop`,
  evaluation: (id) => `/evaluation-job/${id}/stop`,
};

/** "training · 412 of 1,200 · 1 min 35 s left". */
export function progressWords(progress) {
  const parts = [STAGES[progress.stage] ?? progress.stage];
  if (progress.total > 0) parts.push(`${count(progress.done)} of ${count(progress.total)}`);
  if (progress.secondsLeft) parts.push(`${seconds(progress.secondsLeft)} left`);
  return parts.filter(Boolean).join(" · ");
}

const length = (job) => job.started && job.ended && (Date.parse(job.ended) - Date.parse(job.started)) / 1000;

/* --- what every job has --------------------------------------------------------------------------------- */

async function stop(job) {
  const text = `${job.name} ends here. What it computed until now stays, and is billed.`;
  if (!(await confirm("Stop the job", text, "Stop it"))) return;
  await send("POST", STOP_PATHS[job.kind](encodeURIComponent(job.arn)), undefined, job.tenant);
  toast("The job was asked to stop.");
}

function summary(job) {
  const { progress } = job;
  const stopButton = !isOver(job) && action("Stop", () => stop(job), { level: "small danger", id: "stop" });
  return [
    h("div", { class: "row" }, badge(job.status), mono(job.arn), copyButton(job.arn, "the job's ARN"), stopButton),
    job.message && h("p", { class: "note warn" }, job.message),
    !isOver(job) &&
      h(
        "div",
        { class: "big-progress" },
        progressBar(progress.done, progress.total ?? 0, "Progress"),
        h("span", progressWords(progress)),
      ),
    facts([
      ["Kind", job.kind],
      ["Tenant", isAdmin() && job.tenant],
      ["Model", tail(job.model)],
      ["Made", `${time(job.created)} UTC`],
      ["Began", job.started && `${time(job.started)} UTC`],
      ["Ended", job.ended && `${time(job.ended)} UTC`],
      ["Took", length(job) && seconds(length(job))],
    ]),
  ];
}

/* The objects below a URI, each to be saved. */
function filesPart(job) {
  const uri = job.details.outputUri;
  if (!parseUri(uri)) return empty("No files yet", "");
  const body = h("div", h("p", { class: "loading" }, "Looking for files…"));
  const save = (row) => download(row.uri, job.tenant).catch((error) => toast(error.message, "bad"));
  const link = (row) =>
    h("button", { type: "button", class: "link", onclick: () => save(row) }, row.uri.slice(uri.length));
  const columns = [
    { key: "key", label: "File", wide: "most", value: (row) => row.key, cell: link },
    { key: "size", label: "Bytes", end: true, value: (row) => row.size, cell: (row) => bytes(row.size) },
    { key: "time", label: "Written (UTC)", value: (row) => row.time, cell: (row) => time(row.time) },
  ];
  const none = empty("No files yet", "They are written when the job has ended.");
  list(uri, job.tenant).then(
    (rows) => replace(body, table({ caption: "Files", csv: true, columns, rows, pageSize: 20, none })),
    (error) => replace(body, failure(error)),
  );
  return body;
}

/* Of batches whose API keeps the files: each to be saved. */
function resultsPart(job) {
  const { details } = job;
  const content = (id) => id && `/v1/files/${id}/content`;
  const rows = [
    { name: "Answers", path: content(details.outputFileId), file: "answers.jsonl" },
    { name: "Errors", path: content(details.errorFileId), file: "errors.jsonl" },
    { name: "Results", path: details.hasResults && `/v1/messages/batches/${job.arn}/results`, file: "results.jsonl" },
    { name: "Records", path: content(details.inputFileId), file: "records.jsonl" },
  ].filter((row) => row.path);
  const save = (row) =>
    downloadPath(row.path, `${job.arn}-${row.file}`, job.tenant).catch((error) => toast(error.message, "bad"));
  const link = (row) => h("button", { type: "button", class: "link", onclick: () => save(row) }, row.name);
  const columns = [
    { key: "name", label: "File", value: (row) => row.name, cell: link },
    { key: "path", label: "Where", wide: true, value: (row) => row.path, cell: (row) => mono(row.path) },
  ];
  return table({ caption: "Files", columns, rows, none: empty("No results yet", "They come when the batch has ended.") });
}

const PROBLEMS = [
  { key: "line", label: "Line", end: true, value: (row) => row.line },
  { key: "code", label: "Code", value: (row) => row.code },
  { key: "message", label: "Message", wide: true, value: (row) => row.message },
];

/* --- batch ---------------------------------------------------------------------------------------------- */

function batchPart({ details }) {
  const columns = [
    { key: "record", label: "Record", end: true, value: (row) => row.record },
    { key: "code", label: "Code", end: true, value: (row) => row.code },
    { key: "message", label: "Message", wide: true, value: (row) => row.message },
  ];
  return [
    facts([
      ["Records", count(details.records.total)],
      ["Answered", count(details.records.success)],
      ["Errors", count(details.records.errors)],
      ["Tokens in", count(details.inputTokens)],
      ["Tokens out", count(details.outputTokens)],
      ["Kind of call", details.invocationType],
      ["Endpoint", details.endpoint],
      ["Time is up", details.expires && `${time(details.expires, false)} UTC`],
      ["Input", details.inputUri && mono(details.inputUri)],
      ["Output", details.outputUri && mono(details.outputUri)],
    ]),
    details.problems?.length > 0 && [
      h("h3", "What is wrong with its records"),
      table({ caption: "What is wrong with its records", csv: true, rows: details.problems, columns: PROBLEMS }),
    ],
    details.firstErrors.length > 0 && [
      h("h3", "First errors"),
      table({ caption: "First errors", csv: true, rows: details.firstErrors, columns }),
    ],
  ];
}

/* --- evaluation ----------------------------------------------------------------------------------------- */

const VERDICTS = {
  switch: "The first may take the second's place: at 95% it loses no more than the bound.",
  stay: "At 95% it loses more than the bound.",
  unsure: "The interval straddles the bound: more rows would tell.",
};

const points = (value) => (100 * value).toFixed(1).replace("-", "−");

const interval = ({ score, low, high }) =>
  score === null ? "–" : `${percent(score)} (${percent(low)} to ${percent(high)})`;

const MEASURES = [
  ["Score", (side) => interval(side.quality)],
  ["$ per 1,000 requests", (side) => (side.costPer1000 === null ? "–" : side.costPer1000.toFixed(6))],
  ["Latency, median", (side) => `${side.latencyMs.p50} ms`],
  ["Latency, 90%", (side) => `${side.latencyMs.p90} ms`],
  ["Failed", (side) => count(side.failed)],
];

function reportTable(models) {
  const cells = (of) => models.map((side) => h("td", { class: "end" }, of(side)));
  return h(
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
          models.map((side) => h("th", { scope: "col", class: "end" }, tail(side.model))),
        ),
      ),
      h(
        "tbody",
        MEASURES.map(([label, of]) => h("tr", h("th", { scope: "row" }, label), cells(of))),
      ),
    ),
  );
}

function evaluationPart(job) {
  const { summary: report, reportUri } = job.details;
  if (!report) return empty("No report yet", "It is written when the job has ended.");
  const { difference, verdict } = report;
  return [
    verdict && h("p", { class: "verdict" }, badge(verdict), " ", VERDICTS[verdict]),
    difference &&
      h(
        "p",
        "Difference ",
        h("b", `${points(difference.score)} points`),
        ` (${points(difference.low)} to ${points(difference.high)}), of ${count(report.rows)} rows;`,
        ` ${points(report.bound)} may be lost.`,
      ),
    reportTable(report.models),
    reportUri && action("Save the whole report", () => download(reportUri, job.tenant), { id: "save-report" }),
  ];
}

/* --- the page ------------------------------------------------------------------------------------------- */

const PARTS = {
  batch: [
    ["records", "Records", batchPart],
    ["files", "Results", filesPart],
  ],
  "openai-batch": [
    ["records", "Records", batchPart],
    ["files", "Results", resultsPart],
  ],
  "message-batch": [
    ["records", "Records", batchPart],
    ["files", "Results", resultsPart],
  ],
  customization: [
    ["stages", "Stages", stagesPart],
    ["next", "Next", nextPart],
    ["loss", "Loss", lossPart],
    ["worth", "What it is worth", worthPart],
    ["left-out", "Lines left out", leftOutPart],
    ["samples", "Samples", samplesPart],
    ["files", "Output", filesPart],
  ],
  evaluation: [
    ["report", "Report", evaluationPart],
    ["files", "Output", filesPart],
  ],
};

function kindOf(arn) {
  if (arn.startsWith("batch_")) return "openai-batch";
  if (arn.startsWith("msgbatch_")) return "message-batch";
  if (arn.includes(":model-customization-job/")) return "customization";
  return arn.includes(":evaluation-job/") ? "evaluation" : "batch";
}

export function jobPage(context) {
  const arn = context.params.job;
  const load = together((signal) => fulcrum(`jobs/${encodeURIComponent(arn)}`, {}, signal));
  const make = (key, title, render, wide) =>
    panel(context, { key: `job-${key}`, title, load, render, wide, every: 2000 });
  return [
    h("p", { class: "back" }, h("a", { id: "back", href: changed({ job: "" }) }, "← All jobs")),
    h(
      "div",
      { class: "grid" },
      make("summary", "Job", summary, true),
      PARTS[kindOf(arn)].map(([key, title, render]) => make(key, title, render)),
    ),
  ];
}
