// The way to a model of one's own, in four steps: the data, who teaches whom, how it is trained, and what it is called.
// What was filled in stays until the job is started, also when somebody looks at another screen meanwhile.

import { getJson, send } from "../lib/api.js";
import { h, replace } from "../lib/dom.js";
import { bucketField, bucketOfOurs, fileField, put, stamp } from "../lib/files.js";
import { plural } from "../lib/format.js";
import { ensureBucket } from "../lib/objects.js";
import { answering, bases, modelSelect, ROLE } from "../lib/models.js";
import { address, go } from "../lib/place.js";
import { action, check, code, failure, field, select, toast } from "../lib/widgets.js";

const STEPS = ["Data", "Teacher and student", "Training", "Name and start"];
const LOG_BUCKET = "traffic";
const EXAMPLE =
  '{"schemaVersion": "bedrock-conversation-2024", "system": [{"text": "You sort tickets."}], ' +
  '"messages": [{"role": "user", "content": [{"text": "Where is my parcel?"}]}, ' +
  '{"role": "assistant", "content": [{"text": "shipping"}]}]}';

const fresh = () => ({
  step: 0,
  source: "file",
  file: null,
  found: null,
  uri: "",
  logUri: "",
  usesLogged: true,
  filterKey: "",
  filterValue: "",
  type: "DISTILLATION",
  teacher: "",
  base: "",
  hyper: {},
  maxReply: "",
  name: `student-${stamp()}`,
  bucket: "",
});
let draft = fresh();

/* --- the first step: data ------------------------------------------------------------------------------- */

async function logging() {
  const { loggingConfig } = await getJson("/logging/modelinvocations").catch(() => ({}));
  const place = loggingConfig?.s3Config;
  return place ? `s3://${place.bucketName}/${place.keyPrefix ? `${place.keyPrefix.replace(/\/$/, "")}/` : ""}` : "";
}

async function turnLoggingOn() {
  const bucket = `${LOG_BUCKET}-${bucketOfOurs().replace(/^console-/, "")}`;
  await ensureBucket(bucket);
  await send("PUT", "/logging/modelinvocations", {
    loggingConfig: { s3Config: { bucketName: bucket, keyPrefix: "requests" }, textDataDeliveryEnabled: true },
  });
  return logging();
}

function logPart() {
  const body = h("div", { class: "stack" }, h("p", { class: "loading" }, "Is traffic logged?"));
  const uri = h("input", {
    id: "log-uri",
    value: draft.logUri,
    oninput: (event) => {
      draft.logUri = event.target.value;
    },
  });
  const draw = (found) => {
    if (!draft.logUri) draft.logUri = found;
    uri.value = draft.logUri;
    replace(
      body,
      found
        ? h("p", { class: "dim" }, "Requests and replies are kept at ", h("b", found), ".")
        : h(
            "div",
            { class: "note" },
            h(
              "p",
              "Nothing is logged yet. Once it is, every request and reply of yours is kept in a bucket of " +
                "yours, in the service's form.",
            ),
            action(
              "Turn logging on",
              async () => {
                draw(await turnLoggingOn());
                toast("Logging is on, from the next request.");
              },
              { id: "logging-on" },
            ),
          ),
      field("Records below", uri, "s3://BUCKET/PREFIX/"),
      check(
        "Learn the logged answers of the teacher as they are",
        {
          id: "log-uses",
          checked: draft.usesLogged,
          onchange: (event) => {
            draft.usesLogged = event.target.checked;
          },
        },
        "Without it the prompts are asked again, at the batch price.",
      ),
      h(
        "div",
        { class: "pair-fields" },
        field(
          "Only with metadata",
          h("input", {
            id: "log-key",
            placeholder: "task",
            value: draft.filterKey,
            oninput: (event) => {
              draft.filterKey = event.target.value;
            },
          }),
        ),
        field(
          "equal to",
          h("input", {
            id: "log-value",
            placeholder: "tickets",
            value: draft.filterValue,
            oninput: (event) => {
              draft.filterValue = event.target.value;
            },
          }),
        ),
      ),
    );
  };
  logging().then(draw, (error) => replace(body, failure(error)));
  return body;
}

const SOURCES = [
  ["file", "A file", "JSON lines, a conversation each"],
  ["logs", "The log of your traffic", "prompts and answers as they were"],
  ["object", "An object", "that is in a bucket already"],
];

function dataStep(redraw) {
  const choose = (value) => () => {
    draft.source = value;
    if (value === "logs") draft.type = "DISTILLATION";
    redraw();
  };
  const radio = ([value, label, about]) =>
    h(
      "label",
      { class: ["choice", draft.source === value && "is-on"] },
      h("input", {
        type: "radio",
        name: "source",
        id: `source-${value}`,
        checked: draft.source === value,
        onchange: choose(value),
      }),
      h("span", h("b", label), h("span", { class: "dim" }, about)),
    );
  const parts = {
    file: () =>
      fileField(
        "Training data",
        "training",
        (file, found) => {
          Object.assign(draft, { file, found, type: found.answered === found.lines ? draft.type : "DISTILLATION" });
        },
        draft.file && { file: draft.file, found: draft.found },
      ),
    logs: logPart,
    object: () =>
      field(
        "Object or folder",
        h("input", {
          id: "data-uri",
          placeholder: "s3://mine/train.jsonl",
          value: draft.uri,
          oninput: (event) => {
            draft.uri = event.target.value;
          },
        }),
      ),
  };
  return [
    h("fieldset", { class: "choices" }, h("legend", "Where do the prompts come from?"), SOURCES.map(radio)),
    parts[draft.source](),
    h("details", h("summary", "What a line looks like"), code(EXAMPLE, "the line")),
  ];
}

const dataFlaw = () => {
  if (draft.source === "file")
    return !draft.file
      ? "Choose a file first."
      : draft.found.lines === draft.found.flawed
        ? "No line of the file can be read."
        : "";
  const uri = draft.source === "logs" ? draft.logUri : draft.uri;
  return /^s3:\/\/[a-z0-9]/.test(uri.trim()) ? "" : "Name a place that begins with s3://";
};

/* --- the second: who teaches whom ----------------------------------------------------------------------- */

function teacherStep(redraw) {
  const body = h("div", { class: "stack" }, h("p", { class: "loading" }, "Who could teach?"));
  const isTaught = draft.type === "DISTILLATION";
  Promise.all([answering(), bases(draft.type)]).then(
    ([teachers, students]) => {
      if (!draft.base) draft.base = students.find(([id]) => /small|lite/.test(id))?.[0] ?? students[0]?.[0] ?? "";
      const teacher = modelSelect(
        {
          id: "teacher",
          onchange: (event) => {
            draft.teacher = event.target.value;
          },
        },
        teachers,
        draft.teacher || teachers[0]?.items.find(([, name]) => /large|pro/.test(name))?.[0],
      );
      draft.teacher = teacher.value;
      const base = select(
        {
          id: "base",
          onchange: (event) => {
            draft.base = event.target.value;
          },
        },
        students,
        draft.base,
      );
      draft.base = base.value;
      replace(
        body,
        draft.source !== "logs" &&
          h(
            "fieldset",
            { class: "choices" },
            h("legend", "Who answers the prompts?"),
            [
              ["DISTILLATION", "A teacher", "a large model answers those that have no answer, at half the price"],
              ["FINE_TUNING", "My data", "every line has its answer"],
            ].map(([value, label, about]) =>
              h(
                "label",
                { class: ["choice", draft.type === value && "is-on"] },
                h("input", {
                  type: "radio",
                  name: "type",
                  id: `type-${value}`,
                  checked: draft.type === value,
                  onchange: () => {
                    draft.type = value;
                    redraw();
                  },
                }),
                h("span", h("b", label), h("span", { class: "dim" }, about)),
              ),
            ),
          ),
        isTaught && field("Teacher", teacher, "A model, a router, or another student."),
        field(
          "The student begins with",
          base,
          "Of the llama architecture, speaking ChatML. Models from scratch know nothing and want ten thousand " +
            "rows and more.",
        ),
      );
    },
    (error) => replace(body, failure(error)),
  );
  return body;
}

/* --- the third: training -------------------------------------------------------------------------------- */

const HYPER = [
  ["epochCount", "Epochs", "3", "how often each row is learnt; from scratch 20"],
  ["batchSize", "Rows of a step", "16", ""],
  ["learningRate", "Learning rate", "0.002", "of base files under 32 MiB, else 0.0002"],
  ["adapterRank", "Rank of an adapter", "0", "0: all weights are trained; 8 to 32: an adapter beside the base"],
];
const MORE = [
  ["validationShare", "Held back to measure by", "0.1", "of the lines"],
  ["maxLength", "Tokens of a row", "4096", "longer rows are left out"],
  ["learningRateWarmupSteps", "Warm-up steps", "", "a twentieth of the steps"],
  ["studentLayers", "Layers kept", "0", "0: all"],
  ["studentVocabulary", "Tokens kept", "0", "0: all"],
  ["seed", "Seed", "0", ""],
];

function hyperField([key, label, standard, about]) {
  return field(
    label,
    h("input", {
      id: `hyper-${key}`,
      inputmode: "decimal",
      placeholder: standard,
      value: draft.hyper[key] ?? "",
      oninput: (event) => {
        draft.hyper[key] = event.target.value.trim();
      },
    }),
    about,
  );
}

const hyperCheck = (key, label, about) =>
  check(
    label,
    {
      id: `hyper-${key}`,
      checked: draft.hyper[key] === "true",
      onchange: (event) => {
        draft.hyper[key] = event.target.checked ? "true" : "";
      },
    },
    about,
  );

function trainingStep() {
  const isTaught = draft.type === "DISTILLATION";
  return [
    h(
      "p",
      { class: "dim" },
      "What stays empty is the standard value. One job is trained at a time, on CPUs that nobody else wants.",
    ),
    h("div", { class: "fields" }, HYPER.map(hyperField)),
    isTaught &&
      h(
        "div",
        { class: "fields" },
        hyperField(["syntheticPrompts", "Further prompts", "0", "variants that the teacher writes of yours"]),
        field(
          "Longest answer of the teacher",
          h("input", {
            id: "max-reply",
            inputmode: "numeric",
            placeholder: "1000",
            value: draft.maxReply,
            oninput: (event) => {
              draft.maxReply = event.target.value.trim();
            },
          }),
          "tokens",
        ),
      ),
    isTaught &&
      hyperCheck(
        "softLabels",
        "Soft labels",
        "The teacher's probabilities are learnt, too. Wants a teacher of the same vocabulary; trains slower.",
      ),
    hyperCheck("freshValues", "Fresh values", "Numbers and codes that answers copy are others in each epoch."),
    h(
      "details",
      { open: MORE.some(([key]) => draft.hyper[key]) },
      h("summary", "More"),
      h("div", { class: "fields" }, MORE.map(hyperField)),
    ),
  ];
}

/* --- the last: the request ------------------------------------------------------------------------------ */

function trainingData(uri) {
  if (draft.source !== "logs") return { s3Uri: uri ?? draft.uri.trim() };
  const logs = { invocationLogSource: { s3Uri: draft.logUri.trim() }, usePromptResponse: draft.usesLogged };
  if (draft.filterKey && draft.filterValue)
    logs.requestMetadataFilters = { equals: { [draft.filterKey]: draft.filterValue } };
  return { invocationLogsConfig: logs };
}

function requestOf(uri) {
  const hyper = Object.fromEntries(Object.entries(draft.hyper).filter(([, value]) => value !== ""));
  const teacher = { teacherModelIdentifier: draft.teacher };
  if (draft.maxReply) teacher.maxResponseLengthForInference = Number(draft.maxReply);
  return {
    jobName: draft.name,
    customModelName: draft.name.replace(/[^0-9a-zA-Z]+/g, "-"),
    roleArn: ROLE,
    baseModelIdentifier: draft.base,
    customizationType: draft.type,
    trainingDataConfig: trainingData(uri),
    outputDataConfig: { s3Uri: `s3://${draft.bucket}/models/` },
    ...(Object.keys(hyper).length ? { hyperParameters: hyper } : {}),
    ...(draft.type === "DISTILLATION"
      ? { customizationConfig: { distillationConfig: { teacherModelConfig: teacher } } }
      : {}),
  };
}

const plannedUri = () => `s3://${draft.bucket}/data/${draft.name}.jsonl`;

function lastStep() {
  draft.bucket ||= bucketOfOurs();
  const shown = h("div");
  const draw = () =>
    replace(
      shown,
      code(JSON.stringify(requestOf(draft.source === "file" ? plannedUri() : undefined), null, 2), "the request"),
    );
  const name = h("input", {
    id: "job-name",
    value: draft.name,
    required: true,
    pattern: "[a-zA-Z0-9](?:-*[a-zA-Z0-9])*",
    maxlength: 63,
    oninput: (event) => {
      draft.name = event.target.value.trim();
      draw();
    },
  });
  const bucket = bucketField(draft.bucket, "job-bucket");
  bucket.querySelector("input").addEventListener("input", (event) => {
    draft.bucket = event.target.value.trim();
    draw();
  });
  draw();
  return [
    field("Name of job and model", name, "Both names are taken once."),
    bucket,
    h("details", h("summary", "The request, for build/fulcrum distill submit --request job.json"), shown),
  ];
}

async function start(progress) {
  const uri =
    draft.source === "file" ? await put(draft.bucket, `data/${draft.name}.jsonl`, draft.file, progress) : undefined;
  if (!uri) await ensureBucket(draft.bucket);
  const { jobArn } = await send("POST", "/model-customization-jobs", requestOf(uri));
  draft = fresh();
  toast("The job has begun.");
  go(address("jobs", { job: jobArn }));
}

/* --- the frame ------------------------------------------------------------------------------------------ */

const BODIES = [dataStep, teacherStep, trainingStep, lastStep];

function stepList() {
  return h(
    "ol",
    { class: "steps", "aria-label": "Steps" },
    STEPS.map((label, i) =>
      h(
        "li",
        {
          class: [i === draft.step && "is-on", i < draft.step && "is-done"],
          "aria-current": i === draft.step ? "step" : null,
        },
        label,
      ),
    ),
  );
}

function outlook() {
  if (draft.step !== 1 || draft.source !== "file" || !draft.found) return null;
  const missing = draft.found.lines - draft.found.answered;
  return (
    draft.type === "FINE_TUNING" &&
    missing > 0 &&
    h(
      "p",
      { class: "note warn" },
      `${plural(missing, "line")} of the file have no answer and would be left out: let a teacher answer them.`,
    )
  );
}

export function wizard() {
  const holder = h("section", { class: "panel wide wizard", "aria-labelledby": "wizard-title" });
  const says = h("div");
  const progress = h("div", { "aria-live": "polite" });
  const turn = (step) => {
    draft.step = step;
    redraw();
    holder.querySelector("h2").focus();
  };
  const next = async (event) => {
    event.preventDefault();
    const flaw = draft.step === 0 ? dataFlaw() : "";
    if (flaw) return replace(says, failure(new Error(flaw)));
    if (draft.step < STEPS.length - 1) return turn(draft.step + 1);
    const button = holder.querySelector("#wizard-next");
    button.disabled = true;
    replace(says);
    try {
      await start(progress);
    } catch (error) {
      replace(says, failure(error));
      button.disabled = false;
    }
  };
  const redraw = () => {
    replace(says);
    const focused = holder.contains(document.activeElement) ? document.activeElement.id : "";
    replace(
      holder,
      h(
        "div",
        { class: "panel-head" },
        h("h2", { id: "wizard-title", tabindex: "-1" }, `A model of your own: ${STEPS[draft.step].toLowerCase()}`),
        h("div", { class: "tools" }, h("a", { class: "button small", href: address("models") }, "Close")),
      ),
      h(
        "div",
        { class: "panel-body stack" },
        stepList(),
        h(
          "form",
          { class: "stack", onsubmit: next },
          h("div", { class: "stack" }, BODIES[draft.step](redraw), outlook()),
          progress,
          says,
          h(
            "div",
            { class: "row between" },
            draft.step > 0
              ? h(
                  "button",
                  { type: "button", class: "button", id: "wizard-back", onclick: () => turn(draft.step - 1) },
                  "Back",
                )
              : h("span"),
            h(
              "button",
              { class: "button primary", id: "wizard-next" },
              draft.step === STEPS.length - 1 ? "Start" : "Next",
            ),
          ),
        ),
      ),
    );
    if (focused) document.getElementById(focused)?.focus();
  };
  redraw();
  return h("div", { class: "grid" }, holder);
}
