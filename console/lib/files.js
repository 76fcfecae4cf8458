// Files of JSON lines: dropped or chosen, looked through before they are sent, and put into a bucket.

import { session } from "./api.js";
import { h, replace, unique } from "./dom.js";
import { bytes, count, plural } from "./format.js";
import { ensureBucket, upload } from "./objects.js";
import { field } from "./widgets.js";

const LOOKED_AT = 5000; // lines that are parsed; all are counted
const LISTED = 5;
const MEMBERS = {
  batch: ["modelInput"],
  training: ["messages"],
  evaluation: ["messages", "prompt", "question", "input"],
};
const SAYS = {
  batch: 'modelInput is missing: a line is {"recordId": ..., "modelInput": {...}}',
  training: 'messages are missing: a line is {"schemaVersion": "bedrock-conversation-2024", "messages": [...]}',
  evaluation: "messages or a prompt are missing",
};

function flaw(line, kind) {
  try {
    const value = JSON.parse(line);
    if (value === null || typeof value !== "object" || Array.isArray(value)) return "no object";
    return MEMBERS[kind].some((name) => name in value) ? null : SAYS[kind];
  } catch {
    return "no JSON";
  }
}

const hasAnswer = (line) => {
  try {
    return JSON.parse(line).messages?.at(-1)?.role === "assistant";
  } catch {
    return false;
  }
};

/** {lines, flawed, flaws: [{line, reason}], answered}: what is in a file, by its first lines. */
async function inspect(file, kind) {
  const found = { lines: 0, flawed: 0, flaws: [], answered: 0 };
  const look = (line) => {
    if (!line.trim()) return;
    found.lines++;
    if (found.lines > LOOKED_AT) return;
    const reason = flaw(line, kind);
    if (reason) {
      found.flawed++;
      if (found.flaws.length < LISTED) found.flaws.push({ line: found.lines, reason });
    } else if (kind === "training" && hasAnswer(line)) {
      found.answered++;
    }
  };
  const reader = file.stream().pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    lines.forEach(look);
  }
  look(rest);
  return found;
}

function report(file, found, kind) {
  const looked = found.lines > LOOKED_AT ? `, the first ${count(LOOKED_AT)} were looked at` : "";
  return h(
    "div",
    { class: found.flawed ? "note warn" : "note" },
    h(
      "p",
      h("b", file.name),
      `: ${plural(found.lines, "line")}, ${bytes(file.size)}${looked}. `,
      kind === "training" && found.lines > 0 && `${count(found.answered)} have an answer. `,
      found.flawed ? `${plural(found.flawed, "line")} will be left out:` : "All of them can be read.",
    ),
    found.flaws.length > 0 &&
      h(
        "ul",
        found.flaws.map((one) => h("li", `line ${one.line}: ${one.reason}`)),
      ),
  );
}

/** A field for one file, by a click, a key or drag and drop. `onFile(file, found)` is called once it was looked
 * through; `current` is shown again. */
export function fileField(label, kind, onFile, current) {
  const input = h("input", {
    type: "file",
    class: "hidden-file",
    id: unique("file"),
    accept: ".jsonl,.json,.ndjson,.txt",
  });
  const says = h("div", { "aria-live": "polite" }, current && report(current.file, current.found, kind));
  const take = async (file) => {
    if (!file) return;
    replace(says, h("p", { class: "loading" }, "Looking through it…"));
    const found = await inspect(file, kind);
    replace(says, report(file, found, kind));
    onFile(file, found);
  };
  input.addEventListener("change", () => take(input.files[0]));
  const zone = h(
    "div",
    { class: "drop" },
    input,
    h(
      "label",
      { for: input.id },
      h("b", label),
      h("span", { class: "dim" }, "Drop a file of JSON lines here, or choose one"),
    ),
  );
  for (const name of ["dragenter", "dragover"])
    zone.addEventListener(name, (event) => {
      event.preventDefault();
      zone.classList.add("is-over");
    });
  for (const name of ["dragleave", "drop"]) zone.addEventListener(name, () => zone.classList.remove("is-over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    take(event.dataTransfer.files[0]);
  });
  return h("div", { class: "stack tight" }, zone, says);
}

/** A bucket that nobody else on this server is likely to have: names are taken once. */
export function bucketOfOurs(tenant) {
  const name = tenant || session.actingFor || session.tenant || "default";
  const plain = name.toLowerCase().replace(/[^a-z0-9-]+/g, "-");
  return `console-${plain}`.slice(0, 63).replace(/-+$/, "");
}

export const stamp = () => new Date().toISOString().slice(0, 19).replace(/[-:T]/g, "");

/** Puts a file into the bucket, with a bar in `place`. Returns its URI. */
export async function put(bucket, key, file, place, tenant) {
  const bar = h("progress", { max: 1, value: 0, "aria-label": `Sending ${file.name}` });
  replace(place, h("p", `Sending ${file.name}`), bar);
  const tell = (done) => {
    bar.value = done;
  };
  await ensureBucket(bucket, tenant);
  const uri = await upload(bucket, key, file, tell, tenant);
  replace(place);
  return uri;
}

export const bucketField = (value, id) =>
  field(
    "Bucket",
    h("input", { id, value, required: true, pattern: "[a-z0-9][a-z0-9.\\-]{1,61}[a-z0-9]" }),
    "Made if it is not there.",
  );
