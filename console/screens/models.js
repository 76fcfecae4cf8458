// Models: what is served under which names and at what price, custom models, their deployments; and the way to a model
// of one's own.

import { fulcrum, isAdmin, path, send, together } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { count, exact, short, tail, time } from "../lib/format.js";
import { address, elsewhere } from "../lib/place.js";
import { csvTool, table } from "../lib/table.js";
import { action, badge, code, confirm, empty, panel, toast } from "../lib/widgets.js";
import { deploy, evaluate } from "./next.js";
import { makeRouter } from "./routers.js";
import { wizard } from "./wizard.js";

const KINDS = { embedded: "in the program", file: "fulcrum.yaml", custom: "student", added: "added" };

function priceCell(price) {
  if (!price) return h("span", { class: "dim" }, "by the ID asked for");
  const title = `cache: read ${exact(price.cacheRead)}, written ${exact(price.cacheWrite5m)}`;
  return h("span", { class: "nowrap", title }, `${exact(price.input)} in, ${exact(price.output)} out`);
}

function modelColumns() {
  return [
    {
      key: "name",
      label: "Model",
      wide: true,
      value: (row) => row.name,
      cell: (row) =>
        h(
          "div",
          { class: "two" },
          h("span", h("span", { class: ["dot", row.ready ? "good" : "bad"] }), " ", row.name),
          row.ids?.length > 0 &&
            h(
              "span",
              { class: "dim clip", title: row.ids.join("\n") },
              `${row.ids.slice(0, 2).join(", ")}${row.ids.length > 2 ? ` and ${row.ids.length - 2} more` : ""}`,
            ),
        ),
    },
    {
      key: "ready",
      label: "State",
      value: (row) => (row.ready ? "ready" : "not ready"),
      cell: (row) => badge(row.ready ? "ready" : "not ready", row.ready ? "good" : "bad"),
    },
    {
      key: "kind",
      label: "From",
      value: (row) => row.kind,
      cell: (row) => h("span", { class: "nowrap" }, KINDS[row.kind]),
    },
    {
      key: "parameters",
      label: "Weights",
      end: true,
      value: (row) => row.parameters ?? null,
      cell: (row) => (row.parameters ? short(row.parameters) : "–"),
    },
    {
      key: "context",
      label: "Context",
      about: "Tokens of one sequence.",
      end: true,
      value: (row) => row.context,
      cell: (row) => count(row.context),
    },
    { key: "parallel", label: "At once", end: true, value: (row) => row.parallel },
    {
      key: "price",
      label: "$ per million",
      about: "List price in the standard tier. Under an ID of the catalogue that ID's price counts.",
      value: (row) => row.priceAs ?? "",
      cell: (row) =>
        h(
          "div",
          { class: "two" },
          priceCell(row.price),
          row.priceAs && h("span", { class: "dim clip", title: row.priceAs }, `as ${row.priceAs}`),
        ),
    },
    {
      key: "requests24h",
      label: "Requests, 24 h",
      end: true,
      value: (row) => row.requests24h ?? 0,
      cell: (row) =>
        h("a", { href: elsewhere("requests", { model: row.name, from: "-24h" }) }, count(row.requests24h ?? 0)),
    },
    {
      key: "ask",
      label: "",
      name: "Actions",
      cell: (row) =>
        h(
          "a",
          { class: "button small", href: address("playground", { ask: row.name }), "aria-label": `Ask ${row.name}` },
          "Ask",
        ),
    },
  ];
}

/* --- custom models -------------------------------------------------------------------------------------- */

async function remove(what, url, row, reload) {
  if (!(await confirm(`Delete the ${what}`, `${row.name} is gone then; requests to it are refused.`, "Delete"))) return;
  await send("DELETE", url, undefined, row.tenant);
  toast(`${row.name} is gone.`);
  reload();
}

const named = (row, href) =>
  h(
    "div",
    { class: "two" },
    href ? h("a", { href }, row.name) : row.name,
    h("span", { class: "dim mono clip", title: row.arn }, tail(row.arn)),
  );

const created = {
  key: "created",
  label: "Made (UTC)",
  value: (row) => row.created,
  cell: (row) => time(row.created, false),
};
const owner = () => isAdmin() && { key: "tenant", label: "Tenant", value: (row) => row.tenant };

function customActions(row, reload) {
  const serve = async () => {
    await deploy(row.arn, row.name, row.tenant);
    reload();
  };
  const drop = () => remove("custom model", `/custom-models/${encodeURIComponent(row.arn)}`, row, reload);
  return h(
    "div",
    { class: "row tight end" },
    action("Deploy", serve, { level: "small" }),
    action("Delete", drop, { level: "small danger" }),
  );
}

function customColumns(deployments, reload) {
  const servedBy = (row) => deployments.find((one) => one.modelArn === row.arn);
  return [
    {
      key: "name",
      label: "Custom model",
      wide: true,
      value: (row) => row.name,
      cell: (row) => named(row, address("jobs", { job: row.jobArn })),
    },
    owner(),
    { key: "customizationType", label: "By", value: (row) => row.customizationType.toLowerCase().replace("_", " ") },
    { key: "base", label: "Begins with", value: (row) => row.base },
    created,
    {
      key: "served",
      label: "Served",
      value: (row) => servedBy(row)?.name ?? "",
      cell: (row) => (servedBy(row) ? badge(servedBy(row).status) : "no"),
    },
    { key: "do", label: "", name: "Actions", cell: (row) => !servedBy(row) && customActions(row, reload) },
  ];
}

/* --- deployments ---------------------------------------------------------------------------------------- */

/* Whose place the student is to take: the job that made it knows. */
async function teacherOf(customs, row) {
  const model = customs.find((one) => one.arn === row.modelArn);
  const job = model && (await fulcrum(`jobs/${encodeURIComponent(model.jobArn)}`));
  return job?.details.teacher ?? model?.base ?? "";
}

function deploymentActions(row, customs, reload) {
  const path = `/model-customization/custom-model-deployments/${encodeURIComponent(row.arn)}`;
  const compare = async () => evaluate(row.arn, await teacherOf(customs, row), row.tenant);
  const route = async () => makeRouter([row.arn, await teacherOf(customs, row)], row.tenant);
  return h(
    "div",
    { class: "row tight end" },
    h("a", { class: "button small", href: address("playground", { ask: row.arn, as: row.tenant }) }, "Ask"),
    action("Compare", compare, { level: "small" }),
    action("Put before a router", route, { level: "small" }),
    action("Delete", () => remove("deployment", path, row, reload), { level: "small danger" }),
  );
}

function deploymentColumns(customs, reload) {
  return [
    { key: "name", label: "Deployment", wide: true, value: (row) => row.name, cell: (row) => named(row) },
    owner(),
    { key: "modelName", label: "Custom model", value: (row) => row.modelName ?? tail(row.modelArn) },
    {
      key: "status",
      label: "Status",
      value: (row) => row.status,
      cell: (row) => h("span", badge(row.status), row.message && h("div", { class: "dim" }, row.message)),
    },
    created,
    { key: "do", label: "", name: "Actions", cell: (row) => deploymentActions(row, customs, reload) },
  ];
}

/* --- the screen ----------------------------------------------------------------------------------------- */

const ADD = "build/fulcrum models add qwen --path models/qwen3-4b.gguf";

export default function models(context) {
  if (context.params.new) return wizard(context);
  const { tenant } = context.params;
  const load = together((signal) => fulcrum("models", { tenant }, signal));
  const parts = [];
  const reload = () => {
    load.forget();
    parts.forEach((part) => part.reload());
  };
  const csv = (name, list) => csvTool(name, { href: path("models", { tenant, list, format: "csv" }) });
  const start = { class: "button small primary", id: "new-distillation", href: address("models", { new: "1" }) };
  const add = (settings) => parts.push(panel(context, { wide: true, load, every: 5000, ...settings }));
  add({
    key: "models",
    title: "Served",
    tools: [h("a", start, "Distil a model of your own"), csv("models", "models")],
    render: (reply) =>
      table({
        caption: "Models",
        columns: modelColumns(),
        rows: reply.models,
        order: "name",
        sortParam: "sort",
        none: empty("No model is served", "Add one to the server that runs:", code(ADD)),
      }),
  });
  add({
    key: "custom",
    title: "Custom models",
    tools: csv("custom models", "customModels"),
    render: (reply) =>
      table({
        caption: "Custom models",
        columns: customColumns(reply.deployments, reload),
        rows: reply.customModels,
        order: "-created",
        none: empty(
          "No model of your own yet",
          "A small one, taught by a large one on what you ask, costs a fraction.",
          h("p", h("a", { class: "button primary", href: address("models", { new: "1" }) }, "Distil one")),
        ),
      }),
  });
  add({
    key: "deployments",
    title: "Deployments",
    tools: csv("deployments", "deployments"),
    render: (reply) =>
      table({
        caption: "Deployments",
        columns: deploymentColumns(reply.customModels, reload),
        rows: reply.deployments,
        order: "-created",
        none: empty("None of them is served", "Deploy a custom model: it answers under its own ARN."),
      }),
  });
  return h("div", { class: "grid" }, parts);
}
