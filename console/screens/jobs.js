// Jobs: batches of each API, customization and evaluation jobs, newest first; a file that is dropped here becomes a batch job.

import { fulcrum, isAdmin, path, send } from "../lib/api.js";
import { h, replace } from "../lib/dom.js";
import { bucketField, bucketOfOurs, fileField, put, stamp } from "../lib/files.js";
import { ago, seconds, time } from "../lib/format.js";
import { answering, modelSelect, ROLE } from "../lib/models.js";
import { address, changed, go, here } from "../lib/place.js";
import { csvTool, serverTable } from "../lib/table.js";
import {
  action,
  badge,
  code,
  dialog,
  empty,
  failure,
  field,
  panel,
  progressBar,
  select,
  tabs,
  toast,
} from "../lib/widgets.js";
import { jobPage, progressWords } from "./job.js";

const KINDS = [
  ["", "All"],
  ["batch", "Batch"],
  ["openai-batch", "OpenAI batches"],
  ["message-batch", "Message batches"],
  ["customization", "Customization"],
  ["evaluation", "Evaluation"],
];
const STATUSES = [
  "InProgress",
  "Completed",
  "Failed",
  "Stopped",
  "Submitted",
  "Validating",
  "Scheduled",
  "PartiallyCompleted",
  "Expired",
];
const SUBMIT = `build/fulcrum batch submit --request job.json     # CreateModelInvocationJob's JSON
build/fulcrum batch wait ARN`;

/* --- a new batch job ------------------------------------------------------------------------------------ */

async function newBatch(file, found) {
  const groups = await answering();
  const state = { file, found };
  const name = h("input", {
    id: "batch-name",
    required: true,
    pattern: "[a-zA-Z0-9](?:-*\\+*\\.*[a-zA-Z0-9])*",
    maxlength: 63,
    value: `batch-${stamp()}`,
  });
  const model = modelSelect({ id: "batch-model" }, groups, "");
  const type = select(
    { id: "batch-type" },
    [
      ["Converse", "Converse: modelInput is its body"],
      ["InvokeModel", "InvokeModel: modelInput is in the model's own shape"],
    ],
    "Converse",
  );
  const bucket = bucketField(bucketOfOurs(), "batch-bucket");
  const progress = h("div");
  const says = h("div");
  const submit = h("button", { class: "button primary", id: "batch-submit" }, "Submit");
  const begin = async (event) => {
    event.preventDefault();
    if (!state.file) return replace(says, failure(new Error("Choose a file first.")));
    submit.disabled = true;
    replace(says);
    try {
      const where = bucket.querySelector("input").value;
      const input = await put(
        where,
        `batch/${name.value}/in/${state.file.name.replace(/[^\w.-]+/g, "-")}`,
        state.file,
        progress,
      );
      const { jobArn } = await send("POST", "/model-invocation-job", {
        jobName: name.value,
        roleArn: ROLE,
        modelId: model.value,
        modelInvocationType: type.value,
        inputDataConfig: { s3InputDataConfig: { s3Uri: input } },
        outputDataConfig: { s3OutputDataConfig: { s3Uri: `s3://${where}/batch/${name.value}/out/` } },
      });
      box.close();
      toast(`${name.value} was submitted.`);
      go(address("jobs", { job: jobArn }));
    } catch (error) {
      replace(says, failure(error));
      submit.disabled = false;
    }
  };
  const box = dialog(
    "New batch job",
    h(
      "form",
      { class: "stack", onsubmit: begin },
      fileField(
        "Records",
        "batch",
        (chosen, what) => Object.assign(state, { file: chosen, found: what }),
        file && { file, found },
      ),
      field("Name", name),
      field("Model", model),
      field("Kind of call", type),
      bucket,
      progress,
      says,
      h(
        "div",
        { class: "row end" },
        h("span", { class: "dim" }, "Half the price; computed when nobody else wants the machine."),
        submit,
      ),
    ),
    { wide: true },
  );
}

function dropHere() {
  return h(
    "div",
    { class: "wide" },
    fileField("New batch job from a file", "batch", (file, found) =>
      newBatch(file, found).catch((error) => toast(`${error.name}: ${error.message}`, "bad")),
    ),
  );
}

/* --- the list ------------------------------------------------------------------------------------------- */

function progressCell(job) {
  const { progress } = job;
  if (!progress.total && !progress.stage) return "";
  return h(
    "div",
    { class: "progress-cell" },
    progress.total > 0 && progressBar(progress.done, progress.total, `${job.name}: progress`),
    h("span", { class: "dim" }, progressWords(progress)),
  );
}

function columns() {
  const open = (job) => address("jobs", { ...here().params, job: job.arn, cursor: "" });
  return [
    {
      key: "name",
      label: "Job",
      wide: true,
      cell: (job) =>
        h(
          "div",
          { class: "two" },
          h("a", { id: `job-${job.name}`, href: open(job) }, job.name),
          job.message && h("span", { class: "dim clip", title: job.message }, job.message),
        ),
    },
    { key: "kind", label: "Kind", cell: (job) => job.kind },
    isAdmin() && { key: "tenant", label: "Tenant", cell: (job) => job.tenant },
    { key: "status", label: "Status", cell: (job) => badge(job.status) },
    { key: "progress", label: "Progress", cell: progressCell },
    {
      key: "model",
      label: "Model",
      cell: (job) => h("span", { class: "clip", title: job.model }, (job.model ?? "").replace(/^arn:.*\//, "")),
    },
    {
      key: "created",
      label: "Made",
      cell: (job) => h("span", { class: "nowrap", title: `${time(job.created)} UTC` }, ago(job.created)),
    },
    {
      key: "took",
      label: "Took",
      end: true,
      cell: (job) =>
        job.started && job.ended
          ? h("span", { class: "nowrap" }, seconds((Date.parse(job.ended) - Date.parse(job.started)) / 1000))
          : "–",
    },
  ];
}

export default function jobs(context) {
  const { params } = context;
  if (params.job) return jobPage(context);
  const ask = { kind: params.kind, status: params.status, tenant: params.tenant };
  return [
    h(
      "div",
      { class: "row between" },
      tabs("Kind of job", KINDS, params.kind ?? "", (value) => changed({ kind: value, cursor: "" })),
      h(
        "div",
        field(
          "Status",
          select(
            { id: "job-status", onchange: (event) => go(changed({ status: event.target.value, cursor: "" })) },
            [["", "any"], ...STATUSES],
            params.status ?? "",
          ),
        ),
      ),
    ),
    h(
      "div",
      { class: "grid" },
      dropHere(),
      panel(context, {
        key: `jobs-${params.kind ?? ""}`,
        title: "Jobs",
        wide: true,
        every: 3000,
        tools: [
          action("New batch job", () => newBatch(), { level: "small", id: "new-batch" }),
          h("a", { class: "button small", href: address("models", { new: "1" }) }, "New distillation"),
          csvTool("jobs", { href: path("jobs", { ...ask, limit: 500, format: "csv" }) }),
        ],
        load: (signal) => fulcrum("jobs", { ...ask, limit: 50, cursor: params.cursor }, signal),
        render: ({ jobs: rows, next }) =>
          serverTable({
            caption: "Jobs",
            columns: columns(),
            rows,
            next,
            none: empty("There are no jobs", "Drop a file above, or submit one from the command line:", code(SUBMIT)),
          }),
      }),
    ),
  ];
}
