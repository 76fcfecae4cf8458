// Who are you? Shown where the server has tenants and does not know the browser.

import { send } from "../lib/api.js";
import { h, replace } from "../lib/dom.js";
import { code, field } from "../lib/widgets.js";

export function signIn(app, whenIn) {
  const key = h("input", {
    type: "password",
    id: "api-key",
    autocomplete: "current-password",
    required: true,
    spellcheck: false,
  });
  const says = h("p", { class: "failure-line", role: "alert" });
  const button = h("button", { class: "button primary", id: "sign-in" }, "Sign in");
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    says.textContent = "";
    try {
      await send("POST", "/fulcrum/session", { key: key.value });
      await whenIn();
    } catch (error) {
      says.textContent = error.message;
      key.select();
    } finally {
      button.disabled = false;
    }
  };
  document.title = "Sign in · Fulcrum";
  replace(
    app,
    h(
      "main",
      { id: "main", class: "alone", tabindex: "-1" },
      h("h1", h("span", { class: "brand-mark", "aria-hidden": true }), "Fulcrum"),
      h(
        "form",
        { class: "stack card", onsubmit: submit },
        field(
          "API key",
          key,
          "The key itself, not its hash; or an access key as ID:SECRET. The page keeps neither: it gets a session.",
        ),
        says,
        button,
      ),
      h(
        "div",
        { class: "stack dim" },
        h(
          "p",
          "Without a key at hand: whoever starts the server reads a link in its log that signs in an admin, " +
            "once, within 15 minutes.",
        ),
        code("console: http://HOST:PORT/console/login?link=...", "the line"),
      ),
    ),
    h("div", { id: "toasts", class: "toasts" }),
    h("div", { id: "announcer", class: "hidden", "aria-live": "polite" }),
  );
  key.focus();
}
