// Charts by uPlot in the page's colours: lines, and bars that are stacked. Each says in a sentence what it shows, and
// can be read as a table, by screen readers and by whoever wants the figures. Times are UTC.

import uPlot from "../vendor/uplot.js";
import { h, replace } from "./dom.js";
import { short, time } from "./format.js";
import { csvTool, table } from "./table.js";

const HEIGHT = 190;
const DAY = 86_400;
const live = new Set(); // charts on the page, to be drawn again when colours or sizes change

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim() || "#888";
const inUtc = (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC");

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/* "24 Nov" at midnight and where ticks are days, "08:00" between. */
function dayOrHour(at, step) {
  const date = new Date(at * 1000);
  const clock = date.toISOString().slice(11, 16);
  return step >= DAY || clock === "00:00" ? `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}` : clock;
}

function axes({ times, isTime, formatValue }) {
  const font = `11px ${getComputedStyle(document.body).fontFamily}`;
  const common = {
    font,
    stroke: colour("muted"),
    ticks: { stroke: colour("line"), size: 4 },
    grid: { stroke: colour("line"), width: 1 },
  };
  const inside = (tick) => tick >= times[0] && tick <= times.at(-1);
  return [
    {
      ...common,
      grid: { show: false },
      space: 64,
      size: 28,
      values: (plot, ticks, axis, space, step) =>
        ticks.map((tick) => (!inside(tick) ? "" : isTime ? dayOrHour(tick, step) : short(tick))),
    },
    {
      ...common,
      size: (plot, values) => 14 + 6.4 * Math.max(4, ...(values ?? []).map((text) => String(text ?? "").length)),
      values: (plot, ticks) => ticks.map((tick) => formatValue(tick)),
    },
  ];
}

/* Bars stand on each other: what is above zero upwards, what is below downwards. */
function stack(series) {
  const up = [];
  const down = [];
  return series.map(({ values }) =>
    values.map((value, i) => {
      if (value === null || value === undefined) return null;
      const pile = value < 0 ? down : up;
      pile[i] = (pile[i] ?? 0) + value;
      return pile[i];
    }),
  );
}

function tooltip(box, times, series, formatValue, period) {
  const tip = h("div", { class: "chart-tip", "aria-hidden": true });
  box.append(tip);
  return (plot) => {
    const { idx, left } = plot.cursor;
    const isOver = idx !== null && idx !== undefined && left >= 0;
    tip.classList.toggle("is-on", isOver);
    if (!isOver) return;
    replace(
      tip,
      h(
        "div",
        { class: "chart-tip-time" },
        period >= DAY ? time(times[idx] * 1000).slice(0, 10) : time(times[idx] * 1000, false),
      ),
      series.map(
        (one) =>
          one.values[idx] !== null &&
          one.values[idx] !== undefined &&
          h(
            "div",
            { class: "chart-tip-row" },
            h("span", { class: `key ${one.colour}` }),
            h("span", one.label),
            h("b", formatValue(one.values[idx])),
          ),
      ),
    );
    const at = plot.over.offsetLeft + left;
    tip.style.setProperty("left", `${Math.max(0, Math.min(at + 14, box.clientWidth - tip.offsetWidth - 4))}px`);
    if (at + 14 + tip.offsetWidth > box.clientWidth)
      tip.style.setProperty("left", `${Math.max(0, at - tip.offsetWidth - 14)}px`);
  };
}

/* A line across the chart, such as the bound that somebody wants to be above. */
function drawMark(plot, mark) {
  const y = plot.valToPos(mark.value, "y", true);
  const { ctx, bbox } = plot;
  if (y < bbox.top || y > bbox.top + bbox.height) return;
  ctx.save();
  ctx.strokeStyle = colour("bad");
  ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.lineWidth = devicePixelRatio;
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.restore();
}

function options(box, { times, series, isStacked, formatValue, min, max, mark, period, isTime }) {
  const bars = uPlot.paths.bars({ size: [0.72, 44], gap: 1 });
  return {
    width: Math.max(200, box.clientWidth),
    height: HEIGHT,
    tzDate: inUtc,
    padding: [8, 26, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { show: !isStacked, size: 6 }, drag: { x: false, y: false } },
    scales: {
      x: { time: isTime, range: isStacked ? (plot, low, high) => [low - period / 2, high + period / 2] : undefined },
      y: { range: (plot, low, high) => [min ?? Math.min(0, low ?? 0), max ?? (high > 0 ? high * 1.08 : 1)] },
    },
    axes: axes({ times, isTime, formatValue }),
    series: [
      {},
      ...series.map((one) =>
        isStacked
          ? { label: one.label, fill: colour(one.colour), width: 0, paths: bars, points: { show: false } }
          : {
              label: one.label,
              stroke: colour(one.colour),
              width: 1.75,
              spanGaps: Boolean(one.isSparse),
              points: {
                show: one.values.filter((value) => value !== null).length < 40,
                size: 4,
                fill: colour(one.colour),
              },
            },
      ),
    ],
    hooks: {
      draw: mark ? [(plot) => drawMark(plot, mark)] : [],
      setCursor: [tooltip(box, times, series, formatValue, period)],
    },
  };
}

function draw(box, settings) {
  const { times, series, isStacked } = settings;
  // The highest of a stack is drawn first, the others over it.
  const ordered = isStacked ? [...series].reverse() : series;
  const values = isStacked ? stack(series).reverse() : series.map((one) => one.values);
  replace(box);
  const set = options(box, { ...settings, series: ordered });
  return new uPlot(set, [times, ...values], box);
}

const legend = (series, mark) =>
  h(
    "ul",
    { class: "legend", "aria-hidden": true },
    series.map((one) => h("li", h("span", { class: `key ${one.colour}` }), one.label)),
    mark && h("li", h("span", { class: "key mark" }), mark.label),
  );

function dataTable(name, { times, series, formatValue, isTime, xLabel }) {
  const rows = times.map((at, i) => ({ at, i }));
  const columns = [
    {
      key: isTime ? "time" : xLabel,
      label: isTime ? "Time (UTC)" : xLabel,
      value: (row) => row.at,
      text: (row) => (isTime ? new Date(row.at * 1000).toISOString() : row.at),
      cell: (row) => (isTime ? time(row.at * 1000, false) : row.at),
    },
    ...series.map((one) => ({
      key: one.label,
      label: one.label,
      end: true,
      value: (row) => one.values[row.i],
      cell: (row) =>
        one.values[row.i] === null || one.values[row.i] === undefined ? "–" : formatValue(one.values[row.i]),
    })),
  ];
  return h(
    "div",
    h("div", { class: "row end" }, csvTool(name, { columns, rows })),
    table({ caption: name, columns, rows, order: isTime ? "-time" : "" }),
  );
}

/**
 * chart({name, says, times, series: [{label, values, colour}], isStacked, formatValue, min, max, mark, period}):
 * `times` in seconds since 1970 (or plain numbers with isTime false), `period` the seconds between two of them.
 */
export function chart(given) {
  const settings = { formatValue: short, isTime: true, period: DAY, xLabel: "x", ...given };
  const box = h("div", { class: "chart-box", role: "img", "aria-label": `${settings.name}. ${settings.says ?? ""}` });
  const data = h("details", { class: "chart-data" }, h("summary", "Figures"));
  data.addEventListener(
    "toggle",
    () => data.open && data.childElementCount === 1 && data.append(dataTable(settings.name, settings)),
  );
  const one = {
    box,
    width: 0,
    draw: () => {
      one.width = box.clientWidth;
      one.plot?.destroy();
      one.plot = draw(box, settings);
    },
  };
  live.add(one);
  sizes.observe(box);
  return h("div", { class: "chart" }, legend(settings.series, settings.mark), box, data);
}

const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const one = [...live].find((each) => each.box === target);
    if (one && target.clientWidth && target.clientWidth !== one.width) one.draw();
  }
});

/** Charts that have left the page are forgotten. */
export function sweep() {
  for (const one of live) {
    if (one.box.isConnected) continue;
    sizes.unobserve(one.box);
    one.plot?.destroy();
    live.delete(one);
  }
}

document.documentElement.addEventListener("themechange", () =>
  live.forEach((one) => one.box.isConnected && one.draw()),
);
