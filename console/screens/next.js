// What is done with a model that a job made: it is served, and compared with the one whose place it may take.

import { send } from "../lib/api.js";
import { h, replace } from "../lib/dom.js";
import { bucketField, bucketOfOurs, fileField, put, stamp } from "../lib/files.js";
import { answering, modelSelect, ROLE } from "../lib/models.js";
import { address, go } from "../lib/place.js";
import { dialog, failure, field, select, toast } from "../lib/widgets.js";

/** Serves a custom model of the tenant; it may still be loading when this returns. */
export async function deploy(modelArn, name, tenant) {
  const modelDeploymentName = name.replace(/[^0-9A-Za-z]+/g, "-").slice(0, 63);
  await send("POST", "/model-customization/custom-model-deployments", { modelDeploymentName, modelArn }, tenant);
  toast("It is loading, and answers in a moment.");
}

const TASKS = [
  ["Classification", "Classification: the same word"],
  ["QuestionAndAnswer", "Question and answer: the same words"],
  ["Summarization", "Summary: the same order of words"],
  ["Generation", "Generation: by each row's own reference"],
];

function evaluationRequest({ name, task, rows, models, output }) {
  const dataset = { name: "rows", datasetLocation: { s3Uri: rows } };
  const metrics = { taskType: task, metricNames: ["Builtin.Accuracy"], dataset };
  return {
    jobName: name,
    roleArn: ROLE,
    applicationType: "ModelEvaluation",
    evaluationConfig: { automated: { datasetMetricConfigs: [metrics] } },
    inferenceConfig: { models: models.map((modelIdentifier) => ({ bedrockModel: { modelIdentifier } })) },
    outputDataConfig: { s3Uri: output },
  };
}

const NAME = { required: true, pattern: "[a-z0-9](?:-*[a-z0-9])*", maxlength: 63 };

/** A form that compares a student with its teacher on rows that neither has learnt. */
export async function evaluate(student, teacher, tenant) {
  const groups = await answering(undefined, tenant);
  let file = null;
  const name = h("input", { id: "eval-name", ...NAME, value: `compare-${stamp()}` });
  const against = modelSelect({ id: "eval-teacher" }, groups, teacher);
  const task = select({ id: "eval-task" }, TASKS, "Classification");
  const uri = h("input", { id: "eval-uri", placeholder: "s3://bucket/held-out.jsonl" });
  const bucket = bucketField(bucketOfOurs(tenant), "eval-bucket");
  const progress = h("div");
  const says = h("div");
  const submit = h("button", { class: "button primary", id: "eval-submit" }, "Compare");
  const begin = async (event) => {
    event.preventDefault();
    submit.disabled = true;
    replace(says);
    try {
      const where = bucket.querySelector("input").value;
      const key = `evaluations/${name.value}/rows.jsonl`;
      const rows = file ? await put(where, key, file, progress, tenant) : uri.value.trim();
      if (!rows) throw new Error("Choose a file of rows, or name an object that has them.");
      const models = [student, against.value];
      const output = `s3://${where}/evaluations/`;
      const request = evaluationRequest({ name: name.value, task: task.value, rows, models, output });
      const { jobArn } = await send("POST", "/evaluation-jobs", request, tenant);
      box.close();
      toast("The comparison has begun.");
      go(address("jobs", { job: jobArn }));
    } catch (error) {
      replace(says, failure(error));
      submit.disabled = false;
    }
  };
  const rowsField = fileField("Rows that it has not learnt", "evaluation", (chosen) => {
    file = chosen;
  });
  const fields = [
    rowsField,
    field("Or an object", uri),
    field("Compared with", against),
    field("Task", task),
    field("Name", name),
    bucket,
  ];
  const form = h(
    "form",
    { class: "stack", onsubmit: begin },
    fields,
    progress,
    says,
    h("div", { class: "row end" }, submit),
  );
  const box = dialog("May it take the other's place?", form, { wide: true });
}
