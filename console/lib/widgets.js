// The parts that screens are made of: panels that load by themselves, tiles, hints, badges, tabs, forms, dialogs,
// messages.

import { announce, h, replace, unique } from "./dom.js";
import { here } from "./place.js";

/* --- text ----------------------------------------------------------------------------------------------- */

function placeBeside(popover, button) {
  const box = button.getBoundingClientRect();
  const left = Math.max(8, Math.min(box.left - 8, innerWidth - popover.offsetWidth - 8));
  const below = box.bottom + 6;
  const isBelow = below + popover.offsetHeight < innerHeight - 8;
  popover.style.setProperty("left", `${left}px`);
  popover.style.setProperty("top", `${isBelow ? below : Math.max(8, box.top - popover.offsetHeight - 6)}px`);
}

/** A question mark that says what a figure means: by pointer, touch or key. */
export function hint(label, text) {
  const id = unique("hint");
  const popover = h("div", { class: "hint-text", popover: "auto", id, role: "note" }, text);
  const button = h(
    "button",
    { type: "button", class: "hint", popovertarget: id, "aria-label": `What is ${label}?` },
    h("span", "?"),
  );
  popover.addEventListener("toggle", (event) => event.newState === "open" && placeBeside(popover, button));
  return h("span", { class: "hint-holder" }, button, popover);
}

/** A label (of the name, where it is no text) with what it means behind it. */
export const titled = (label, text, name = label) => (text ? [label, " ", hint(name, text)] : label);

const LEVELS = {
  good: ["Completed", "Active", "OK", "InService", "Ready", "completed", "hit", "switch", "ready"],
  bad: ["Failed", "ALARM", "failed", "miss", "stay", "Expired", "down"],
  warn: ["Stopped", "Stopping", "PartiallyCompleted", "INSUFFICIENT_DATA", "cancelled", "partial", "unsure", "note"],
  busy: ["InProgress", "Submitted", "Validating", "Scheduled", "Creating", "NotStarted", "running"],
};

/** A word of the server's with the colour of its kind. */
export function badge(word, level) {
  const kind = level ?? Object.keys(LEVELS).find((name) => LEVELS[name].includes(word)) ?? "plain";
  return h("span", { class: `badge ${kind}` }, word);
}

export const mono = (text, title) => h("span", { class: "mono", title: title ?? null }, text);

async function copy(button, text) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    announce("Copied");
  } catch {
    button.textContent = "Not allowed";
  }
  setTimeout(() => {
    button.textContent = "Copy";
  }, 1500);
}

export const copyButton = (text, what) =>
  h(
    "button",
    {
      type: "button",
      class: "button small",
      "aria-label": `Copy ${what}`,
      onclick: (event) => copy(event.currentTarget, text),
    },
    "Copy",
  );

/** A command or a program, to be copied. */
export const code = (text, what = "the command") =>
  h("div", { class: "code" }, h("pre", { tabindex: "0" }, text), copyButton(text, what));

/** What to do where there is nothing yet. */
export const empty = (title, text, ...more) =>
  h("div", { class: "empty" }, h("p", { class: "empty-title" }, title), text && h("p", text), more);

/** The server's own words. */
export function failure(error, again) {
  return h(
    "div",
    { class: "failure", role: "alert" },
    h("p", h("strong", error.name === "Error" ? "It did not work" : error.name), " ", error.message),
    again && h("button", { type: "button", class: "button", onclick: again }, "Try again"),
  );
}

/** A message that goes away by itself; an error stays until it is closed. */
export function toast(text, level = "good") {
  const box = h("div", { class: `toast ${level}`, role: level === "bad" ? "alert" : "status" }, h("span", text));
  box.append(
    h(
      "button",
      { type: "button", class: "button small", "aria-label": "Close the message", onclick: () => box.remove() },
      "×",
    ),
  );
  document.getElementById("toasts").append(box);
  if (level !== "bad") setTimeout(() => box.remove(), 6000);
}

/* --- panels --------------------------------------------------------------------------------------------- */

const shown = new Map(); // what a panel showed last, by screen and key: it stays, dimmed, until its successor is there

const FOCUSABLE = "a, button, input, select, textarea, summary, [tabindex]";

/* Where the focus is inside of `body`, so that it can be found again in what comes next: by id, else by its place. */
function focusIn(body) {
  const focused = document.activeElement;
  if (!body.contains(focused)) return () => {};
  const at = [...body.querySelectorAll(FOCUSABLE)].indexOf(focused);
  return () => {
    const next = (focused.id && document.getElementById(focused.id)) || body.querySelectorAll(FOCUSABLE)[at];
    if (next?.tagName === focused.tagName) next.focus({ preventScroll: true });
  };
}

const openParts = (body) => [...body.querySelectorAll("details[open] > summary")].map((summary) => summary.textContent);

/** Shows something else in `body`; the focus and what was unfolded stay. */
export function show(body, ...content) {
  const refocus = focusIn(body);
  const unfolded = openParts(body);
  replace(body, ...content);
  for (const summary of body.querySelectorAll("details > summary")) {
    if (unfolded.includes(summary.textContent)) summary.parentElement.open = true;
  }
  refocus();
}

function stay(body, name) {
  const before = shown.get(name);
  if (!before) return replace(body, h("p", { class: "loading" }, "Loading…"));
  body.classList.add("is-stale");
  return replace(body, before);
}

/**
 * A section that loads by itself and fails by itself. `load` gets a signal, `render` what it gave; with `every` it is
 * loaded again after so many milliseconds, and rendered where something has changed.
 */
export function panel(context, { key, title, about, tools, load, render, every, wide, level = 2 }) {
  const name = `${here().screen}/${key}`;
  const id = `panel-${key}`;
  const body = h("div", { class: "panel-body" });
  const section = h(
    "section",
    { class: ["panel", wide && "wide"], "aria-labelledby": id },
    h(
      "div",
      { class: "panel-head" },
      h(`h${level}`, { id }, title, about && [" ", hint(title, about)]),
      h("div", { class: "tools" }, tools),
    ),
    body,
  );
  let last = null;
  const run = async () => {
    try {
      const data = await load(context.signal);
      const text = every ? JSON.stringify(data) : null;
      if (context.signal.aborted || (text !== null && text === last)) return;
      if (text !== null && body.querySelector(":popover-open")) return; // somebody reads: next time
      last = text;
      const content = h("div", { class: "panel-content" }, render(data));
      body.classList.remove("is-stale");
      show(body, content);
      shown.set(name, content);
    } catch (error) {
      if (error.name === "AbortError" || context.signal.aborted) return;
      last = null;
      body.classList.remove("is-stale");
      show(body, failure(error, run));
    }
  };
  stay(body, name);
  context.start(run, every);
  section.reload = run;
  return section;
}

export const forget = () => shown.clear();

/** A figure with its name, what it means, and a line below. */
export function tile(label, value, { note, about, exact, level } = {}) {
  return h(
    "div",
    { class: ["tile", level] },
    h("div", { class: "tile-label" }, titled(label, about)),
    h("div", { class: ["tile-value", String(value).length > 8 && "long"], title: exact ?? null }, value),
    note && h("div", { class: "tile-note" }, note),
  );
}

export const facts = (pairs) =>
  h(
    "dl",
    { class: "facts" },
    pairs
      .filter((pair) => pair && ![null, undefined, false, ""].includes(pair[1]))
      .map(([label, value, about]) => h("div", h("dt", titled(label, about)), h("dd", value))),
  );

/** A bar of shares: [{label, value, className}]; the figures stand beside it in words. */
export function shareBar(parts, label) {
  const sum = parts.reduce((total, part) => total + Math.max(0, part.value), 0);
  return h(
    "div",
    { class: "bar", role: "img", "aria-label": label },
    parts
      .filter((part) => part.value > 0)
      .map((part) =>
        h("span", {
          class: `bar-part ${part.className}`,
          title: part.title ?? part.label,
          style: { width: `${(100 * part.value) / (sum || 1)}%` },
        }),
      ),
  );
}

export function progressBar(done, total, label) {
  const known = total > 0;
  return h("progress", { max: known ? total : 1, value: known ? done : null, "aria-label": label });
}

/* --- choices -------------------------------------------------------------------------------------------- */

/** Links that change one parameter of the address: [[value, label]]. */
export function tabs(label, options, current, addressOf) {
  return h(
    "nav",
    { class: "tabs", "aria-label": label },
    options.map(([value, text]) =>
      h(
        "a",
        {
          href: addressOf(value),
          id: `tab-${value || "all"}`,
          class: ["tab", value === current && "is-on"],
          "aria-current": value === current ? "page" : null,
        },
        text,
      ),
    ),
  );
}

/** A labelled control. `about` stands below it. */
export function field(label, control, about) {
  const id = control.id || unique("field");
  control.id = id;
  if (about) control.setAttribute("aria-describedby", `${id}-about`);
  return h(
    "div",
    { class: "field" },
    h("label", { for: id }, label),
    control,
    about && h("span", { class: "field-about", id: `${id}-about` }, about),
  );
}

export const select = (props, options, current) =>
  h(
    "select",
    { ...props, value: current },
    options.map((option) => {
      const [value, label] = Array.isArray(option) ? option : [option, option];
      return h("option", { value }, label);
    }),
  );

export const check = (label, props, about) =>
  h(
    "label",
    { class: "check" },
    h("input", { type: "checkbox", ...props }),
    h("span", label, about && h("span", { class: "field-about" }, about)),
  );

/* --- dialogs -------------------------------------------------------------------------------------------- */

/** A window of its own; Escape and the button close it. Returns the dialog. */
export function dialog(title, content, { onClose, wide } = {}) {
  const id = unique("dialog");
  const box = h(
    "dialog",
    { class: ["dialog", wide && "wide"], "aria-labelledby": id },
    h(
      "div",
      { class: "dialog-head" },
      h("h2", { id }, title),
      h("button", { type: "button", class: "button small", "aria-label": "Close", onclick: () => box.close() }, "×"),
    ),
    h("div", { class: "dialog-body" }, content),
  );
  box.addEventListener("close", () => {
    box.remove();
    onClose?.();
  });
  document.body.append(box);
  box.showModal();
  return box;
}

/** Asks before something that cannot be undone. True: do it. */
export function confirm(title, text, verb) {
  return new Promise((resolve) => {
    let answer = false;
    const decide = (value) => () => {
      answer = value;
      box.close();
    };
    const box = dialog(
      title,
      [
        h("p", text),
        h(
          "div",
          { class: "row end" },
          h("button", { type: "button", class: "button", onclick: decide(false) }, "Cancel"),
          h("button", { type: "button", class: "button danger", onclick: decide(true) }, verb),
        ),
      ],
      { onClose: () => resolve(answer) },
    );
  });
}

/** A button that does something at the server: no second time while it does, and its error as a message. */
export function action(label, work, { level = "", id } = {}) {
  const button = h("button", { type: "button", class: `button ${level}`, id: id ?? null }, label);
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await work();
    } catch (error) {
      if (error.name !== "AbortError") toast(`${error.name}: ${error.message}`, "bad");
    } finally {
      button.disabled = false;
    }
  });
  return button;
}
