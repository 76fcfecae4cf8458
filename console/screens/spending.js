// The parts of Budgets that change something: API keys, and what may be spent by tenant, key and tag.

import { fulcrum, isAdmin, path, send } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { count, exact, time } from "../lib/format.js";
import { csvTool, table } from "../lib/table.js";
import { action, badge, code, confirm, dialog, empty, field, panel, select, toast } from "../lib/widgets.js";

const COMMAND = `fulcrum keys create checkout --models gpt,claude --rpm 600 --month 50
fulcrum keys budget checkout --day 5
fulcrum keys budget --tag team=search --month 200
fulcrum keys revoke checkout`;

const LEVELS = { active: "good", expired: "warn", revoked: "plain" };

const words = (text) =>
  text
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean);

const tagsOf = (text) =>
  Object.fromEntries(words(text).map((tag) => [tag.slice(0, tag.indexOf("=")), tag.slice(tag.indexOf("=") + 1)]));

/* --- dialogs -------------------------------------------------------------------------------------------- */

const input = (id, props) => h("input", { id, autocomplete: "off", ...props });
const dollars = (id) => input(id, { inputmode: "decimal", placeholder: "none" });

/** What is left empty is not spoken of. */
const filled = (controls) =>
  Object.fromEntries(Object.entries(controls).flatMap(([name, { value }]) => (value.trim() ? [[name, value.trim()]] : [])));

/** The only time that the secrets are shown. */
function showMade(made) {
  dialog(`Key ${made.name}`, [
    h("p", "It is kept as a hash alone: this is the only time that it is shown."),
    code(made.key, "the API key"),
    h("p", "The same as an access key pair, for AWS SDKs:"),
    code(`AWS_ACCESS_KEY_ID=${made.accessKeyId}\nAWS_SECRET_ACCESS_KEY=${made.secretAccessKey}`, "the access key pair"),
  ]);
}

function newKey(reload) {
  const name = input("key-name", { required: true });
  const tenant = input("key-tenant", { placeholder: "default" });
  const expires = input("key-expires", { placeholder: "never" });
  const models = input("key-models", { placeholder: "all" });
  const tags = input("key-tags");
  const requests = input("key-rpm", { inputmode: "numeric", placeholder: "no bound" });
  const tokens = input("key-tpm", { inputmode: "numeric", placeholder: "no bound" });
  const amounts = { day: dollars("key-day"), week: dollars("key-week"), month: dollars("key-month") };
  const create = async () => {
    const wish = { ...filled({ name, tenant, expires }), models: words(models.value), tags: tagsOf(tags.value) };
    if (requests.value) wish.requestsPerMinute = Number(requests.value);
    if (tokens.value) wish.tokensPerMinute = Number(tokens.value);
    const made = await send("POST", path("keys"), { ...wish, budgets: filled(amounts) });
    box.close();
    showMade(made);
    reload();
  };
  const box = dialog("New API key", [
    field("Name", name),
    field("Tenant", tenant),
    field("Expires", expires, "12h, 30d, or a date"),
    field("Models", models, "IDs, names and routers, with commas between; * stands for anything"),
    field("Tags", tags, "KEY=VALUE, with commas between"),
    h("div", { class: "row" }, field("Requests a minute", requests), field("Tokens a minute", tokens)),
    h(
      "div",
      { class: "row" },
      field("Dollars a day", amounts.day),
      field("a week", amounts.week),
      field("a month", amounts.month),
    ),
    h("div", { class: "row end" }, action("Create the key", create, { level: "primary", id: "key-create" })),
  ]);
}

function setBudget(reload, known = {}) {
  const of = select({ id: "budget-of" }, ["tenant", "key", "tag"], known.of ?? "tenant");
  const tenant = input("budget-tenant", { value: known.tenant ?? "" });
  const name = input("budget-name", { value: known.of === "tenant" ? "" : (known.name ?? "") });
  const amounts = { day: dollars("budget-day"), week: dollars("budget-week"), month: dollars("budget-month") };
  if (known.period) amounts[known.period].value = known.limitDollars.replace(/\.?0+$/, "");
  const alert = input("budget-alert", { value: known.alert ?? "", placeholder: "none" });
  const save = async () => {
    await send("POST", path("budgets"), { of: of.value, ...filled({ tenant, name, alert }), ...filled(amounts) });
    box.close();
    toast("The budget is in force.");
    reload();
  };
  const box = dialog("Budget", [
    field("Of", of),
    field("Tenant", tenant, "of a tag: its requests alone; empty: everybody's"),
    field("Key or tag", name, "the ID of a key, or KEY=VALUE"),
    h(
      "div",
      { class: "row" },
      field("Dollars a day", amounts.day),
      field("a week", amounts.week),
      field("a month", amounts.month),
    ),
    field("Alert", alert, "one of alarms.actions, told at 80 and 100%"),
    h("p", { class: "field-about" }, "Periods begin at midnight, on Monday and on the first, UTC. 0 takes a budget away."),
    h("div", { class: "row end" }, action("Set the budget", save, { level: "primary", id: "budget-save" })),
  ]);
}

/* --- keys ----------------------------------------------------------------------------------------------- */

function revoke(row, reload) {
  return async () => {
    const text = `Programs that use ${row.name} (…${row.hint}) are refused from now on.`;
    if (!(await confirm("Revoke this key?", text, "Revoke"))) return;
    await send("DELETE", path(`keys/${row.id}`));
    reload();
  };
}

function bounds(row) {
  const parts = [];
  if (row.models.length > 0) parts.push(row.models.join(", "));
  if (row.requestsPerMinute) parts.push(`${count(row.requestsPerMinute)} requests a minute`);
  if (row.tokensPerMinute) parts.push(`${count(row.tokensPerMinute)} tokens a minute`);
  return parts.join("; ") || "–";
}

const tagWords = (row) =>
  Object.entries(row.tags)
    .map(([key, value]) => `${key}=${value}`)
    .join(", ") || "–";

function keyColumns(reload) {
  return [
    {
      key: "name",
      label: "Key",
      wide: true,
      value: (row) => row.name,
      cell: (row) => h("span", { title: row.id }, `${row.name} (…${row.hint})`),
    },
    { key: "tenant", label: "Tenant", value: (row) => row.tenant },
    {
      key: "state",
      label: "State",
      value: (row) => row.state,
      cell: (row) => badge(row.state, LEVELS[row.state] ?? "plain"),
    },
    { key: "bounds", label: "Bound to", value: bounds },
    { key: "tags", label: "Tags", value: tagWords },
    {
      key: "expiresAt",
      label: "Expires",
      value: (row) => row.expiresAt ?? "",
      cell: (row) => (row.expiresAt ? time(row.expiresAt) : "never"),
    },
    isAdmin() && {
      key: "do",
      label: "Change",
      value: () => "",
      cell: (row) => row.state !== "revoked" && action("Revoke", revoke(row, reload), { level: "small danger" }),
    },
  ].filter(Boolean);
}

export function keysPanel(context, tenant, budgets) {
  const ask = { tenant };
  const reload = () => {
    section.reload();
    budgets.reload();
  };
  const section = panel(context, {
    key: "keys",
    title: "API keys",
    wide: true,
    about: "Keys made here or by fulcrum keys: bearer tokens, x-api-key, or access key pairs.",
    tools: [
      isAdmin() && action("New key", () => newKey(reload), { level: "small", id: "new-key" }),
      csvTool("keys", { href: path("keys", { ...ask, format: "csv" }) }),
    ],
    load: (signal) => fulcrum("keys", ask, signal),
    render: ({ keys }) =>
      table({
        caption: "API keys",
        columns: keyColumns(reload),
        rows: keys,
        order: "name",
        none: empty("There are no keys", isAdmin() ? "Make one here, or from the command line:" : null, code(COMMAND)),
      }),
  });
  return section;
}

/* --- budgets -------------------------------------------------------------------------------------------- */

function used(row) {
  const share = Math.min(1, Number(row.spentDollars) / Number(row.limitDollars));
  const label = `${row.of} ${row.name}: spent of the ${row.period}`;
  return h(
    "div",
    { class: "quota" },
    h("meter", { min: 0, max: 1, high: 0.8, value: share, "aria-label": label }),
    h("span", `${exact(row.spentDollars)} of ${exact(row.limitDollars)}`),
  );
}

function budgetColumns(reload) {
  return [
    {
      key: "name",
      label: "Budget of",
      wide: true,
      value: (row) => `${row.of} ${row.name}`,
      cell: (row) => h("span", `${row.of} ${row.name}`, row.of === "tag" && row.tenant && ` of ${row.tenant}`),
    },
    { key: "period", label: "Each", value: (row) => row.period },
    {
      key: "spent",
      label: "Spent",
      value: (row) => Number(row.spentDollars) / Number(row.limitDollars),
      cell: used,
    },
    { key: "left", label: "Left", end: true, value: (row) => Number(row.leftDollars), cell: (row) => exact(row.leftDollars) },
    { key: "resetsAt", label: "Begins again", value: (row) => row.resetsAt, cell: (row) => time(row.resetsAt) },
    { key: "refused", label: "Refused", end: true, value: (row) => row.refused, cell: (row) => count(row.refused) },
    isAdmin() && {
      key: "do",
      label: "Change",
      value: () => "",
      cell: (row) =>
        row.source === "fulcrum.yaml"
          ? badge("fulcrum.yaml", "plain")
          : action("Change", () => setBudget(reload, row), { level: "small" }),
    },
  ].filter(Boolean);
}

export function budgetsPanel(context, tenant) {
  const ask = { tenant };
  const reload = () => section.reload();
  const section = panel(context, {
    key: "budgets",
    title: "Budgets",
    wide: true,
    every: 5000,
    about: "What may be spent in a day, a week or a month, and what was. Requests over it are refused.",
    tools: [
      isAdmin() && action("Set a budget", () => setBudget(reload), { level: "small", id: "new-budget" }),
      csvTool("budgets", { href: path("budgets", { ...ask, format: "csv" }) }),
    ],
    load: (signal) => fulcrum("budgets", ask, signal),
    render: ({ budgets }) =>
      table({
        caption: "Budgets",
        columns: budgetColumns(reload),
        rows: budgets,
        order: "-spent",
        none: empty("Nothing bounds what is spent", null),
      }),
  });
  return section;
}
