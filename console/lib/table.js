// Tables: sorted by their heads, walked with the arrow keys, a page at a time, and as CSV.
//
// A column is {key, label, name, about, cell(row), value(row), text(row), end, wide}: `cell` gives what is shown,
// `value` what is sorted by and, unless `text` is there, written into a file; `end` puts figures to the right; `name`
// says what it is where there is no label.

import { announce, h, replace } from "./dom.js";
import { decimal, decimalsFor, exact, money, pico } from "./format.js";
import { save } from "./objects.js";
import { address, changed, here } from "./place.js";
import { empty, titled } from "./widgets.js";

const PAGE = 50;

/* As many as the largest of the sums needs. */
function decimalsOf(sums) {
  const largest = sums.reduce((most, sum) => {
    const size = pico(sum);
    return size > most ? size : -size > most ? -size : most;
  }, 0n);
  return decimalsFor(largest);
}

/** A column of money: as many decimals in every row as the largest one needs, all of them in the title. */
export function moneyColumn(column, dollarsOf, rows, decimals = decimalsOf(rows.map(dollarsOf))) {
  return {
    end: true,
    ...column,
    value: (row) => pico(dollarsOf(row)),
    text: (row) => decimal(dollarsOf(row)),
    cell: (row) => {
      const value = dollarsOf(row);
      return value === null || value === undefined ? "–" : h("span", { title: exact(value) }, money(value, decimals));
    },
  };
}

const compare = (a, b) => {
  if (a === b) return 0;
  if (a === null || a === undefined) return 1;
  if (b === null || b === undefined) return -1;
  return typeof a === "string" ? a.localeCompare(b) : a < b ? -1 : 1;
};

function sorted(rows, columns, order) {
  const column = columns.find((one) => one.key === order.replace(/^-/, ""));
  if (!column?.value) return rows;
  const sign = order.startsWith("-") ? -1 : 1;
  return [...rows].sort((a, b) => sign * compare(column.value(a), column.value(b)));
}

const quote = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
/* A cell that a spreadsheet would take for a formula is text. */
const plain = (value) => (/^[=+\-@\t]/.test(value) && !/^-?[\d.]+$/.test(value) ? `'${value}` : value);

function textOf(column, row) {
  const value = column.text ? column.text(row) : column.value ? column.value(row) : "";
  return quote(plain(String(value ?? "")));
}

export function csvOf(columns, rows) {
  const used = columns.filter((column) => column.value || column.text);
  return (
    [used.map((column) => quote(column.key)), ...rows.map((row) => used.map((column) => textOf(column, row)))]
      .map((line) => line.join(","))
      .join("\r\n") + "\r\n"
  );
}

/** The link or button that saves a table: `href` is the server's own CSV, else these rows are written here. */
export function csvTool(name, { href, columns, rows }) {
  if (href)
    return h("a", { class: "button small", href, download: `${name}.csv`, "aria-label": `${name} as CSV` }, "CSV");
  return h(
    "button",
    {
      type: "button",
      class: "button small",
      "aria-label": `${name} as CSV`,
      onclick: () => save(new Blob([csvOf(columns, rows)], { type: "text/csv" }), `${name}.csv`),
    },
    "CSV",
  );
}

/** Arrow keys go from row to row, Home and End to the first and last. */
function walk(event) {
  const steps = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity };
  const step = steps[event.key];
  const row = event.target.closest("tbody tr");
  if (step === undefined || !row || event.target.matches("input, select, textarea")) return;
  const rows = [...row.parentElement.rows].filter((one) => one.querySelector("a, button"));
  const at = Math.max(0, Math.min(rows.length - 1, rows.indexOf(row) + step));
  rows[at]?.querySelector("a, button").focus();
  event.preventDefault();
}

function headCell(column, order, onSort) {
  const isSorted = order.replace(/^-/, "") === column.key;
  const props = {
    scope: "col",
    class: [column.end && "end", column.wide && `grow ${column.wide}`],
    "aria-sort": isSorted ? (order.startsWith("-") ? "descending" : "ascending") : null,
  };
  const label = column.label || h("span", { class: "hidden" }, column.name);
  if (!column.value || !onSort) return h("th", props, titled(label, column.about, column.label));
  const next =
    isSorted && order.startsWith("-")
      ? column.key
      : isSorted
        ? `-${column.key}`
        : column.end
          ? `-${column.key}`
          : column.key;
  return h(
    "th",
    props,
    titled(
      h("button", { type: "button", class: "sort", onclick: () => onSort(next) }, label),
      column.about,
      column.label,
    ),
  );
}

/* On a narrow page cells stand below each other, each behind its label. */
const bodyCell = (column, row) =>
  h(
    "td",
    { class: [column.end && "end", column.wide && `grow ${column.wide}`], dataset: { label: column.label } },
    column.cell ? column.cell(row) : column.value(row),
  );

/* The table itself, in a box that scrolls by itself where it is too wide. */
const framed = (caption, heads, columns, rows) =>
  h(
    "div",
    { class: "scroll", tabindex: "0", role: "group", "aria-label": caption },
    h(
      "table",
      { class: "stacks" },
      h("caption", { class: "hidden" }, caption),
      h("thead", h("tr", heads)),
      h(
        "tbody",
        { onkeydown: walk },
        rows.map((row) =>
          h(
            "tr",
            columns.map((column) => bodyCell(column, row)),
          ),
        ),
      ),
    ),
  );

function pager(page, pages, total, turn) {
  if (pages < 2) return null;
  const button = (label, to) => {
    const isOff = to < 0 || to >= pages;
    return h("button", { type: "button", class: "button small", disabled: isOff, onclick: () => turn(to) }, label);
  };
  const where = h("span", `Page ${page + 1} of ${pages}, ${total} rows`);
  return [button("Previous", page - 1), where, button("Next", page + 1)];
}

/**
 * A table of rows that are all here. `sortParam` names the address's parameter for its order, `order` the first one;
 * `none` is shown where there are no rows. With `csv` it has a button of its own that saves it.
 */
export function table({ caption, columns, rows, order = "", sortParam, none, pageSize = PAGE, csv }) {
  if (!rows.length) return none ?? empty("Nothing here", "");
  const used = columns.filter(Boolean);
  const pages = Math.ceil(rows.length / pageSize);
  const holder = h("div", { class: "table-holder" });
  let page = 0;
  let by = (sortParam && here().params[sortParam]) || order;
  const draw = () => {
    const all = sorted(rows, used, by);
    const heads = used.map((column) => headCell(column, by, sortBy));
    const part = all.slice(page * pageSize, (page + 1) * pageSize);
    const tool = csv && csvTool(caption, { columns: used, rows: all });
    replace(
      holder,
      framed(caption, heads, used, part),
      h("div", { class: "pager" }, pager(page, pages, all.length, turn), tool),
    );
  };
  const turn = (to) => {
    page = to;
    draw();
    announce(`Page ${to + 1}`);
  };
  const sortBy = (next) => {
    by = next;
    page = 0;
    if (sortParam) history.replaceState(null, "", changed({ [sortParam]: next }));
    draw();
    holder.querySelector("th[aria-sort] .sort")?.focus();
  };
  draw();
  return holder;
}

function serverHead(column, sort) {
  const place = [column.end && "end", column.wide && `grow ${column.wide}`];
  const label = titled(column.label, column.about);
  if (!column.serverSort) return h("th", { scope: "col", class: place }, label);
  const { screen, params } = here();
  const href = address(screen, { ...params, sort: column.serverSort, cursor: "" });
  const order = sort === column.serverSort ? "descending" : null;
  return h("th", { scope: "col", class: place, "aria-sort": order }, h("a", { class: "sort", href }, column.label));
}

/** One page of a list that the server keeps: its order and cursor are the address's. */
export function serverTable({ caption, columns, rows, sort, next, none }) {
  const { screen, params } = here();
  const link = (cursor) => address(screen, { ...params, cursor });
  const used = columns.filter(Boolean);
  const heads = used.map((column) => serverHead(column, sort));
  const back = { type: "button", class: "button small", onclick: () => history.back() };
  return h(
    "div",
    { class: "table-holder" },
    rows.length ? framed(caption, heads, used, rows) : none,
    h(
      "div",
      { class: "pager" },
      params.cursor && [h("a", { class: "button small", href: link("") }, "First page"), h("button", back, "Back")],
      next &&
        h(
          "a",
          { class: "button small", id: "next-page", href: link(next) },
          rows.length ? "Next page" : "Search further",
        ),
    ),
  );
}
