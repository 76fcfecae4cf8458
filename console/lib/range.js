// The stretch of time that a screen looks at, as the address has it: from=-24h, or from=2026-11-01&to=2026-11-08. UTC.

import { h } from "./dom.js";
import { address, changed, go, here } from "./place.js";

const DEFAULT = "-7d";
const PRESETS = [
  ["-1h", "1 h", "the last hour"],
  ["-24h", "24 h", "the last 24 hours"],
  ["-7d", "7 d", "the last 7 days"],
  ["-30d", "30 d", "the last 30 days"],
];
const UNITS = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Epoch milliseconds of what an address or the server's commands take; NaN of anything else. */
export function moment(text, now = Date.now()) {
  const relative = /^-(\d+)([mhd])$/.exec(text);
  if (relative) return now - Number(relative[1]) * UNITS[relative[2]];
  if (/^\d{11,}$/.test(text)) return Number(text);
  return Date.parse(/^\d{4}-\d\d-\d\d$/.test(text) ? text : `${text.replace(/Z$/, "")}Z`);
}

/** {from, to} as the server takes them, and what fits that length: `by` of sums, `period` of series. */
export function range(params) {
  const from = params.from || DEFAULT;
  const to = params.to || "";
  const length = (to ? moment(to) : Date.now()) - moment(from);
  const isShort = length <= 3 * UNITS.h;
  const isMiddle = length <= 3 * UNITS.d;
  return {
    from,
    to,
    length,
    by: isShort ? "minute" : isMiddle ? "hour" : "day",
    period: isShort ? 60 : length <= UNITS.d ? 300 : 3600,
    words: PRESETS.find(([value]) => value === from && !to)?.[2] ?? `${from} to ${to || "now"}`,
  };
}

function custom(params) {
  const isPreset = !params.to && PRESETS.some(([value]) => value === (params.from || DEFAULT));
  const asField = (text) =>
    text && Number.isFinite(moment(text)) ? new Date(moment(text)).toISOString().slice(0, 16) : "";
  const from = h("input", { type: "datetime-local", id: "range-from", value: asField(params.from || DEFAULT) });
  const to = h("input", { type: "datetime-local", id: "range-to", value: asField(params.to) });
  const apply = (event) => {
    event.preventDefault();
    go(changed({ from: from.value, to: to.value, cursor: "" }));
  };
  return h(
    "details",
    { class: "menu" },
    h(
      "summary",
      { class: ["button", !isPreset && "is-on"], id: "range-custom" },
      isPreset ? "Other" : range(params).words,
    ),
    h(
      "form",
      { class: "menu-body stack", onsubmit: apply },
      h("label", { class: "field" }, "From (UTC)", from),
      h("label", { class: "field" }, "To (UTC), empty: now", to),
      h("button", { class: "button primary" }, "Show"),
    ),
  );
}

/** The range's buttons; each is a link, so that it can be opened elsewhere and shared. */
export function rangePicker(params) {
  const current = params.to ? "" : params.from || DEFAULT;
  const { screen } = here();
  return h(
    "div",
    { class: "range", role: "group", "aria-label": "Time range" },
    PRESETS.map(([value, label, words]) =>
      h(
        "a",
        {
          class: ["button", value === current && "is-on"],
          id: `range${value}`,
          "aria-label": `${label}: ${words}`,
          "aria-current": value === current ? "true" : null,
          href: address(screen, { ...params, from: value, to: "", cursor: "" }),
        },
        label,
      ),
    ),
    custom(params),
  );
}
