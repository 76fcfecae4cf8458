// Budgets and tenants: who has spent what, what each may take, and what the spend is made of by tag.

import { fulcrum, isAdmin, path } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { bytes, count, exact, percent } from "../lib/format.js";
import { ABOUT, of, savedOf } from "../lib/levers.js";
import { changed, elsewhere, go } from "../lib/place.js";
import { range } from "../lib/range.js";
import { csvTool, moneyColumn, table } from "../lib/table.js";
import { badge, code, empty, facts, field, panel } from "../lib/widgets.js";
import { budgetsPanel, keysPanel } from "./spending.js";

const YAML = `# fulcrum.yaml
tenants:
  - name: shop
    bearer: [{sha256: "...", role: admin}]
    cache: {floor: 256MiB, ceiling: 2GiB}
    objects: {quota: 50GiB}
    budgets: {day: 5, month: 100}    # dollars
    routing: {budget: 0.40}          # dollars for a thousand requests`;

const profileCommand = (key) => `aws bedrock create-inference-profile --endpoint-url ${location.origin} \\
  --inference-profile-name team-blue --tags key=${key},value=blue \\
  --model-source copyFrom=arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0`;

function usedOf(used, limit, label) {
  if (!limit) return h("span", bytes(used ?? 0));
  return h(
    "div",
    { class: "quota" },
    h("meter", { min: 0, max: 1, high: 0.9, value: Math.min(1, (used ?? 0) / limit), "aria-label": label }),
    h("span", `${bytes(used ?? 0)} of ${bytes(limit)}`),
  );
}

function reservationWords(reservation) {
  if (!reservation) return "–";
  const { model, inputTokensPerMinute, outputTokensPerMinute } = reservation;
  return `${model}: ${count(inputTokensPerMinute)} in, ${count(outputTokensPerMinute)} out a minute`;
}

function routingWords(routing) {
  if (!routing) return "–";
  const parts = [];
  if (routing.tolerance) parts.push(`tolerance ${routing.tolerance}`);
  if (routing.budgetDollars) parts.push(`${exact(routing.budgetDollars)} for 1,000 requests`);
  if (routing.margin) parts.push(`margin ${routing.margin}`);
  return parts.join(", ") || "–";
}

function columns(rows) {
  const hasConfigured = rows.some((row) => row.configured);
  return [
    {
      key: "tenant",
      label: "Tenant",
      wide: true,
      value: (row) => row.tenant,
      cell: (row) =>
        h(
          "span",
          h("a", { href: elsewhere("", { tenant: row.tenant }) }, row.tenant),
          hasConfigured && !row.configured && [" ", badge("not in fulcrum.yaml", "plain")],
        ),
    },
    moneyColumn({ key: "todayDollars", label: "Today" }, (row) => row.today.costDollars, rows),
    moneyColumn({ key: "costDollars", label: "30 days" }, (row) => row.costDollars, rows),
    moneyColumn({ key: "savedDollars", label: "Saved", about: ABOUT.saved }, (row) => row.savedDollars, rows),
    { key: "requests", label: "Requests", end: true, value: (row) => row.requests, cell: (row) => count(row.requests) },
    {
      key: "hitRate",
      label: "Hit rate",
      about: ABOUT.hitRate,
      end: true,
      value: (row) => row.hitRate,
      cell: (row) => percent(row.hitRate),
    },
    {
      key: "routing",
      label: "Routing",
      about: "What its requests to routers may cost, or lose in quality, where a router says nothing itself.",
      value: (row) => routingWords(row.routing),
      cell: (row) => h("span", { class: "nowrap" }, routingWords(row.routing)),
    },
    {
      key: "reservation",
      label: "Reserved",
      about: "Tokens a minute of one model that are its own.",
      value: (row) => reservationWords(row.reservation),
    },
    {
      key: "cacheBytes",
      label: "Cache",
      about: "Bytes of its prefixes, of its ceiling where it has one.",
      value: (row) => row.cacheBytes,
      cell: (row) => usedOf(row.cacheBytes, row.cacheCeilingBytes, `${row.tenant}: cache`),
    },
    {
      key: "objectsBytes",
      label: "Objects",
      about: "Bytes of its objects, of its quota where it has one.",
      value: (row) => row.objectsBytes,
      cell: (row) => usedOf(row.objectsBytes, row.objectsQuotaBytes, `${row.tenant}: objects`),
    },
  ];
}

/* One tenant's: whoever sees only itself. */
function own(row) {
  return facts([
    ["Today", exact(row.today.costDollars)],
    ["In 30 days", exact(row.costDollars)],
    ["Saved", exact(row.savedDollars), ABOUT.saved],
    ["Requests", count(row.requests)],
    ["Hit rate", percent(row.hitRate), ABOUT.hitRate],
    ["Routing", routingWords(row.routing)],
    ["Reserved", reservationWords(row.reservation)],
    ["Cache", usedOf(row.cacheBytes, row.cacheCeilingBytes, "cache")],
    ["Floor of the cache", row.cacheFloorBytes ? bytes(row.cacheFloorBytes) : null],
    ["Objects", usedOf(row.objectsBytes, row.objectsQuotaBytes, "objects")],
  ]);
}

function tagPanel(context) {
  const { from, to, words } = range(context.params);
  const key = context.params.tag || "team";
  const ask = { by: `tag:${key}`, from, to, tenant: context.params.tenant, limit: 200 };
  const input = h("input", {
    id: "tag-key",
    value: key,
    onchange: (event) => go(changed({ tag: event.target.value.trim() })),
  });
  return panel(context, {
    key: "tags",
    title: "By tag",
    wide: true,
    about: "Tags of the application inference profile that was asked for, as they were then.",
    tools: [field("Tag", input), csvTool(`usage by tag ${key}`, { href: path("usage", { ...ask, format: "csv" }) })],
    load: (signal) => fulcrum("usage", ask, signal),
    render: ({ groups }) => {
      const rows = groups.filter((group) => group.key);
      const tagColumns = [
        { key: "tag", label: key, wide: true, value: (row) => row.key },
        {
          key: "requests",
          label: "Requests",
          end: true,
          value: (row) => row.requests,
          cell: (row) => count(row.requests),
        },
        {
          key: "hitRate",
          label: "Hit rate",
          end: true,
          value: (row) => row.hitRate,
          cell: (row) => percent(row.hitRate),
        },
        moneyColumn({ key: "costDollars", label: "Billed" }, (row) => of(row, "cost"), rows),
        moneyColumn({ key: "savedDollars", label: "Saved" }, savedOf, rows),
      ];
      return table({
        caption: `Usage by tag ${key}`,
        columns: tagColumns,
        rows,
        order: "-costDollars",
        none: empty(
          `No request in ${words} had a tag ${key}`,
          "Tags come with an application inference profile:",
          code(profileCommand(key)),
        ),
      });
    },
  });
}

export default function budgets(context) {
  const { tenant } = context.params;
  const spending = budgetsPanel(context, tenant);
  return h(
    "div",
    { class: "grid" },
    panel(context, {
      key: "tenants",
      title: isAdmin() ? "Tenants" : "Your share",
      wide: true,
      tools: csvTool("tenants", { href: path("tenants", { tenant, format: "csv" }) }),
      about: "Spend, savings and hit rate of the last 30 days.",
      load: (signal) => fulcrum("tenants", { tenant }, signal),
      render: ({ tenants }) => [
        isAdmin()
          ? table({
              caption: "Tenants",
              columns: columns(tenants),
              rows: tenants,
              order: "-costDollars",
              sortParam: "sort",
              none: empty(
                "No tenant has asked anything yet",
                "Tenants stand in fulcrum.yaml:",
                code(YAML, "the configuration"),
              ),
            })
          : tenants[0] && own(tenants[0]),
        isAdmin() &&
          tenants.length > 0 &&
          !tenants.some((row) => row.configured) &&
          h("details", h("summary", "Name the tenants, and give each its share"), code(YAML, "the configuration")),
      ],
    }),
    spending,
    keysPanel(context, tenant, spending),
    tagPanel(context),
  );
}
