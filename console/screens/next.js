// What is done with a model that a job made: it is served, and compared with the one whose place it may take.

import { send } from "../lib/api.js";
import { h, replace } from "../lib/dom.js";
import { bucketField, bucketOfOurs, fileField, put, stamp } from "../lib/files.js";
import { answering, modelSelect, ROLE } from "../lib/models.js";
import { address, go } from "../lib/place.js";
import { dialog, failure, field, select, toast } from "../lib/widgets.js";

/** Serves a custom model; returns the deployment's ARN once it is made (it may still be loading). */
export async function deploy(modelArn, name) {
  const { customModelDeploymentArn } = await send("POST", "/model-customization/custom-model-deployments", {
    modelDeploymentName: name.replace(/[^0-9A-Za-z]+/g, "-").slice(0, 63),
    modelArn,
  });
  toast("It is loading, and answers in a moment.");
  return customModelDeploymentArn;
}

const TASKS = [
  ["Classification", "Classification: the same word"],
  ["QuestionAndAnswer", "Question and answer: the same words"],
  ["Summarization", "Summary: the same order of words"],
  ["Generation", "Generation: by each row's own reference"],
];

/** A form that compares a student with its teacher on rows that neither has learnt. */
export async function evaluate(student, teacher, details = {}) {
  const groups = await answering();
  const state = { file: null };
  const name = h("input", {
    id: "eval-name",
    required: true,
    pattern: "[a-z0-9](?:-*[a-z0-9])*",
    maxlength: 63,
    value: `compare-${stamp()}`,
  });
  const against = modelSelect({ id: "eval-teacher" }, groups, teacher);
  const task = select({ id: "eval-task" }, TASKS, "Classification");
  const uri = h("input", {
    id: "eval-uri",
    placeholder: "s3://bucket/held-out.jsonl",
    value: details.validationUri ?? "",
  });
  const bucket = bucketField(bucketOfOurs(), "eval-bucket");
  const progress = h("div");
  const says = h("div");
  const submit = h("button", { class: "button primary", id: "eval-submit" }, "Compare");
  const begin = async (event) => {
    event.preventDefault();
    submit.disabled = true;
    replace(says);
    try {
      const where = bucket.querySelector("input").value;
      const rows = state.file
        ? await put(where, `evaluations/${name.value}/rows.jsonl`, state.file, progress)
        : uri.value.trim();
      if (!rows) throw new Error("Choose a file of rows, or name an object that has them.");
      const { jobArn } = await send("POST", "/evaluation-jobs", {
        jobName: name.value,
        roleArn: ROLE,
        applicationType: "ModelEvaluation",
        evaluationConfig: {
          automated: {
            datasetMetricConfigs: [
              {
                taskType: task.value,
                metricNames: ["Builtin.Accuracy"],
                dataset: { name: "rows", datasetLocation: { s3Uri: rows } },
              },
            ],
          },
        },
        inferenceConfig: {
          models: [student, against.value].map((modelIdentifier) => ({ bedrockModel: { modelIdentifier } })),
        },
        outputDataConfig: { s3Uri: `s3://${where}/evaluations/` },
      });
      box.close();
      toast("The comparison has begun.");
      go(address("jobs", { job: jobArn }));
    } catch (error) {
      replace(says, failure(error));
      submit.disabled = false;
    }
  };
  const box = dialog(
    "May it take the other's place?",
    h(
      "form",
      { class: "stack", onsubmit: begin },
      fileField("Rows that it has not learnt", "evaluation", (file) => {
        state.file = file;
      }),
      field("Or an object", uri),
      field("Compared with", against),
      field("Task", task),
      field("Name", name),
      bucket,
      progress,
      says,
      h("div", { class: "row end" }, submit),
    ),
    { wide: true },
  );
}
