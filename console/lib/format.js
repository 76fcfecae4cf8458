// Figures as people read them. Money comes as strings of dollars with twelve decimals and is counted as whole
// picodollars (BigInt): no sum here is a floating-point number.

const PICO = 1_000_000_000_000n;
const NONE = "–";

/** "1.25", "-0.000000000001", a number: picodollars. Empty and null are 0. */
export function pico(dollars) {
  if (typeof dollars === "bigint") return dollars;
  const match = /^(-?)(\d*)(?:\.(\d*))?(?:e([+-]?\d+))?$/i.exec(String(dollars ?? "").trim());
  if (!match) return 0n;
  const [, sign, whole, part = "", exponent] = match;
  const shift = 12 + Number(exponent ?? 0);
  const digits = (part + "0".repeat(Math.max(0, shift - part.length))).slice(0, Math.max(0, shift));
  const size = shift >= 0 ? BigInt((whole || "0") + digits) : 0n;
  return sign ? -size : size;
}

/** All decimals that there are, at least two: "$0.00038". */
export function exact(dollars) {
  const value = pico(dollars);
  const size = value < 0n ? -value : value;
  const part = (size % PICO).toString().padStart(12, "0").replace(/0+$/, "").padEnd(2, "0");
  return `${value < 0n ? "−" : ""}$${grouped((size / PICO).toString())}.${part}`;
}

const grouped = (digits) => digits.replace(/\B(?=(\d{3})+$)/g, ",");

/** "0.000380000000": for files. Empty where there is no sum. */
export function decimal(dollars) {
  if (dollars === null || dollars === undefined) return "";
  const value = pico(dollars);
  const size = value < 0n ? -value : value;
  return `${value < 0n ? "-" : ""}${size / PICO}.${(size % PICO).toString().padStart(12, "0")}`;
}

/** So many decimals as tell four figures of a sum, and never fewer than two. */
export function decimalsFor(dollars) {
  const value = pico(dollars);
  const size = value < 0n ? -value : value;
  if (size === 0n || size >= 1000n * PICO) return 2;
  if (size >= PICO) return 4;
  if (size >= PICO / 100n) return 6;
  return size % 1000n === 0n ? 9 : 12;
}

/** Rounded to `decimals`, half up: for a column whose points stand below each other. */
export function money(dollars, decimals = decimalsFor(dollars)) {
  const value = pico(dollars);
  const size = value < 0n ? -value : value;
  const unit = 10n ** BigInt(12 - decimals);
  const rounded = (size + unit / 2n) / unit;
  const scale = 10n ** BigInt(decimals);
  const part = decimals ? `.${(rounded % scale).toString().padStart(decimals, "0")}` : "";
  return `${value < 0n && rounded > 0n ? "−" : ""}$${grouped((rounded / scale).toString())}${part}`;
}

/** One sum by itself: as money, without the zeros at its end. */
export const sum = (dollars) => money(dollars).replace(/(\.\d\d\d*?)0+$/, "$1");

/** Dollars as a number, for charts and shares alone. */
export const dollars = (text) => Number(pico(text)) / 1e12;

/** part / whole from 0 to 1, null without a whole. */
export function share(part, whole) {
  const all = pico(whole);
  return all === 0n ? null : Number((pico(part) * 1_000_000n) / all) / 1e6;
}

export function percent(value, digits = 1) {
  if (value === null || value === undefined || Number.isNaN(value)) return NONE;
  return `${(value * 100).toFixed(digits).replace("-", "−")}%`;
}

export const count = (value) =>
  value === null || value === undefined ? NONE : Math.round(value).toLocaleString("en-US").replace("-", "−");

/** 1.2 k, 34.5 M: for axes and tiles; the exact figure belongs into the title. */
export function short(value) {
  if (value === null || value === undefined) return NONE;
  for (const [size, unit] of [
    [1e12, "T"],
    [1e9, "G"],
    [1e6, "M"],
    [1e3, "k"],
  ]) {
    if (Math.abs(value) >= size)
      return `${(value / size).toFixed(Math.abs(value) >= 100 * size ? 0 : 1).replace(/\.0$/, "")}${unit}`;
  }
  return Number.isInteger(value) ? String(value) : value.toFixed(Math.abs(value) < 1 ? 2 : 1);
}

export function bytes(value) {
  if (value === null || value === undefined) return NONE;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value.toFixed(unit && value < 100 ? 1 : 0)} ${units[unit]}`;
}

export function millis(value) {
  if (value === null || value === undefined) return NONE;
  if (value < 10 && value > 0) return `${value.toFixed(1)} ms`;
  if (value < 1000) return `${Math.round(value)} ms`;
  return value < 60_000 ? `${(value / 1000).toFixed(2)} s` : seconds(value / 1000);
}

export function seconds(value) {
  if (value === null || value === undefined) return NONE;
  const whole = Math.max(0, Math.round(value));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`;
}

const asDate = (value) => (typeof value === "number" ? new Date(value) : new Date(value ?? NaN));

/** 2026-11-29 21:47:05, UTC as everywhere. */
export function time(value, isLong = true) {
  const date = asDate(value);
  return Number.isNaN(date.getTime())
    ? NONE
    : date
        .toISOString()
        .replace("T", " ")
        .slice(0, isLong ? 19 : 16);
}

export function ago(value, now = Date.now()) {
  const date = asDate(value);
  if (Number.isNaN(date.getTime())) return NONE;
  const past = (now - date.getTime()) / 1000;
  return past < 5 ? "just now" : `${seconds(past).replace(/ \d+ (s|min|h)$/, "")} ago`;
}

/** The last part of an ARN, which is what people tell them apart by. */
export const tail = (arn) => String(arn ?? "").replace(/^.*\//, "");

export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;
