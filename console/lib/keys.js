// Keyboard shortcuts. They are off while somebody types, and for good if somebody says so (speech input types letters).

import { h } from "./dom.js";
import { check, dialog } from "./widgets.js";

const STORE = "fulcrum-keys";
const isOn = () => {
  try {
    return localStorage.getItem(STORE) !== "off";
  } catch {
    return true;
  }
};

function setOn(value) {
  try {
    localStorage.setItem(STORE, value ? "on" : "off");
  } catch {
    // storage is forbidden: they stay on
  }
}

const row = (keys, what) =>
  h(
    "div",
    h(
      "dt",
      keys.map((key) => h("kbd", key)),
    ),
    h("dd", what),
  );

export function showKeys(screens) {
  if (document.querySelector("dialog[open]")) return;
  dialog("Keyboard", [
    h(
      "dl",
      { class: "keys" },
      Object.values(screens).map((screen) => row(["g", screen.key], screen.title)),
      row(["/"], "Filters, or the first field of the screen"),
      row(["↑", "↓"], "From row to row of a table; Home and End to its ends"),
      row(["Enter"], "Opens what has the focus"),
      row(["d"], "Dark or light"),
      row(["Ctrl", "Enter"], "Sends, in the playground and a router's trial"),
      row(["Esc"], "Closes a window; stops a reply in the playground"),
      row(["?"], "This list"),
    ),
    check("Shortcuts of single letters", { checked: isOn(), onchange: (event) => setOn(event.target.checked) }),
  ]);
}

const isTyping = (target) => target.closest?.("input, textarea, select, [contenteditable]");

const firstField = () =>
  [...document.querySelectorAll("#main .filters :is(input, select), #main :is(input, textarea)")].find((one) =>
    one.checkVisibility(),
  );

export function listenForKeys(screens, goTo) {
  let isWaiting = false; // `g` was pressed
  addEventListener("keydown", (event) => {
    if (
      event.ctrlKey ||
      event.metaKey ||
      event.altKey ||
      !isOn() ||
      isTyping(event.target) ||
      document.querySelector("dialog[open]")
    )
      return;
    const name = isWaiting && Object.keys(screens).find((each) => screens[each].key === event.key);
    isWaiting = !isWaiting && event.key === "g";
    if (name !== false && name !== undefined) goTo(name);
    else if (event.key === "?") showKeys(screens);
    else if (event.key === "d") document.getElementById("theme")?.click();
    else if (event.key === "/") firstField()?.focus();
    else return;
    event.preventDefault();
  });
}
