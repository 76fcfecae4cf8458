// Models: what is served under which names and at what price, custom models, their deployments; and the way to a model
// of one's own.

import { fulcrum, isAdmin, path, send } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { count, short, tail, time } from "../lib/format.js";
import { address, elsewhere } from "../lib/place.js";
import { csvTool, table } from "../lib/table.js";
import { action, badge, code, confirm, empty, mono, panel, toast } from "../lib/widgets.js";
import { deploy, evaluate } from "./next.js";
import { makeRouter } from "./routers.js";
import { wizard } from "./wizard.js";

const KINDS = { embedded: "in the program", file: "fulcrum.yaml", custom: "student", added: "added" };

function priceCell(price) {
  if (!price) return "unpriced";
  const pick = (...names) => names.map((name) => price[name]).find((value) => value !== undefined && value !== null);
  const input = pick("input", "inputDollars");
  const output = pick("output", "outputDollars");
  const read = pick("cacheRead", "cache_read", "cacheReadDollars");
  return h(
    "span",
    { class: "nowrap", title: read !== undefined ? `cache read $${read}` : "" },
    `$${input} in, $${output} out`,
  );
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
    { key: "kind", label: "From", value: (row) => row.kind, cell: (row) => KINDS[row.kind] ?? row.kind },
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

/* Members as the service's lists name them, or ours. */
const custom = (row) => ({
  arn: row.arn ?? row.modelArn,
  name: row.name ?? row.modelName,
  base: tail(row.base ?? row.baseModelArn ?? row.baseModelName),
  made: row.created ?? row.creationTime,
  status: row.status ?? row.modelStatus,
  type: row.customizationType ?? row.type,
  teacher: row.teacher,
  job: row.job ?? row.jobArn,
  tenant: row.tenant,
});
const deployed = (row) => ({
  arn: row.arn ?? row.customModelDeploymentArn,
  name: row.name ?? row.customModelDeploymentName,
  model: row.model ?? row.modelArn,
  status: row.status,
  made: row.created ?? row.createdAt,
  message: row.failureMessage,
  tenant: row.tenant,
});

async function remove(what, url, name, reload) {
  if (!(await confirm(`Delete the ${what}`, `${name} is gone then; requests to it are refused.`, "Delete"))) return;
  await send("DELETE", url);
  toast(`${name} is gone.`);
  reload();
}

function customColumns(deployments, reload) {
  const servedBy = (row) => deployments.find((one) => one.model === row.arn);
  return [
    {
      key: "name",
      label: "Custom model",
      wide: true,
      value: (row) => row.name,
      cell: (row) =>
        h(
          "div",
          { class: "two" },
          row.job ? h("a", { href: address("jobs", { job: row.job }) }, row.name) : row.name,
          h("span", { class: "dim mono clip", title: row.arn }, tail(row.arn)),
        ),
    },
    isAdmin() && { key: "tenant", label: "Tenant", value: (row) => row.tenant ?? "" },
    { key: "type", label: "By", value: (row) => (row.type ?? "").toLowerCase().replace("_", " ") },
    { key: "base", label: "Begins with", value: (row) => row.base },
    { key: "teacher", label: "Teacher", value: (row) => tail(row.teacher) },
    { key: "made", label: "Made (UTC)", value: (row) => row.made ?? "", cell: (row) => time(row.made, false) },
    {
      key: "served",
      label: "Served",
      value: (row) => servedBy(row)?.name ?? "",
      cell: (row) => (servedBy(row) ? badge(servedBy(row).status) : "no"),
    },
    {
      key: "do",
      label: "",
      name: "Actions",
      cell: (row) =>
        h(
          "div",
          { class: "row tight end" },
          !servedBy(row) &&
            action(
              "Deploy",
              async () => {
                await deploy(row.arn, row.name);
                reload();
              },
              { level: "small" },
            ),
          !servedBy(row) &&
            action(
              "Delete",
              () => remove("custom model", `/custom-models/${encodeURIComponent(row.arn)}`, row.name, reload),
              { level: "small danger" },
            ),
        ),
    },
  ].filter(Boolean);
}

function deploymentColumns(customs, reload) {
  const teacherOf = (row) => customs.find((one) => one.arn === row.model)?.teacher ?? "desk-large";
  return [
    {
      key: "name",
      label: "Deployment",
      wide: true,
      value: (row) => row.name,
      cell: (row) =>
        h("div", { class: "two" }, row.name, h("span", { class: "dim mono clip", title: row.arn }, tail(row.arn))),
    },
    isAdmin() && { key: "tenant", label: "Tenant", value: (row) => row.tenant ?? "" },
    {
      key: "model",
      label: "Custom model",
      value: (row) => customs.find((one) => one.arn === row.model)?.name ?? tail(row.model),
    },
    {
      key: "status",
      label: "Status",
      value: (row) => row.status,
      cell: (row) => h("span", badge(row.status), row.message && h("div", { class: "dim" }, row.message)),
    },
    { key: "made", label: "Made (UTC)", value: (row) => row.made ?? "", cell: (row) => time(row.made, false) },
    {
      key: "do",
      label: "",
      name: "Actions",
      cell: (row) =>
        h(
          "div",
          { class: "row tight end" },
          h("a", { class: "button small", href: address("playground", { ask: row.arn }) }, "Ask"),
          action("Compare", () => evaluate(row.arn, teacherOf(row)), { level: "small" }),
          action("Put before a router", () => makeRouter([row.arn]), { level: "small" }),
          action(
            "Delete",
            () =>
              remove(
                "deployment",
                `/model-customization/custom-model-deployments/${encodeURIComponent(row.arn)}`,
                row.name,
                reload,
              ),
            { level: "small danger" },
          ),
        ),
    },
  ].filter(Boolean);
}

const ADD = "build/fulcrum models add models/qwen3-4b.gguf --name qwen";

export default function models(context) {
  if (context.params.new) return wizard(context);
  let asked = { at: 0, reply: null };
  const load = (signal) => {
    // three panels of one reply
    if (Date.now() - asked.at > 1000)
      asked = { at: Date.now(), reply: fulcrum("models", { tenant: context.params.tenant }, signal) };
    return asked.reply;
  };
  const parts = [];
  const reload = () => {
    asked.at = 0;
    parts.forEach((part) => part.reload());
  };
  const add = (part) => parts.push(part) && part;
  return h(
    "div",
    { class: "grid" },
    add(
      panel(context, {
        key: "models",
        title: "Served",
        wide: true,
        load,
        every: 5000,
        tools: [
          h(
            "a",
            { class: "button small primary", id: "new-distillation", href: address("models", { new: "1" }) },
            "Distil a model of your own",
          ),
          csvTool("models", { href: path("models", { format: "csv" }) }),
        ],
        render: ({ models: rows }) =>
          table({
            caption: "Models",
            columns: modelColumns(),
            rows,
            order: "name",
            sortParam: "sort",
            none: empty("No model is served", "Add one to the server that runs:", code(ADD)),
          }),
      }),
    ),
    add(
      panel(context, {
        key: "custom",
        title: "Custom models",
        wide: true,
        load,
        every: 5000,
        render: ({ customModels, deployments }) =>
          table({
            caption: "Custom models",
            columns: customColumns(deployments.map(deployed), reload),
            rows: customModels.map(custom),
            order: "-made",
            none: empty(
              "No model of your own yet",
              "A small one, taught by a large one on what you ask, costs a fraction.",
              h("p", h("a", { class: "button primary", href: address("models", { new: "1" }) }, "Distil one")),
            ),
          }),
      }),
    ),
    add(
      panel(context, {
        key: "deployments",
        title: "Deployments",
        wide: true,
        load,
        every: 5000,
        render: ({ customModels, deployments }) =>
          table({
            caption: "Deployments",
            columns: deploymentColumns(customModels.map(custom), reload),
            rows: deployments.map(deployed),
            order: "-made",
            none: empty(
              "None of them is served",
              "Deploy a custom model: it answers under its own ARN.",
              h("p", { class: "dim" }, mono("CreateCustomModelDeployment")),
            ),
          }),
      }),
    ),
  );
}
