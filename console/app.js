// The console: its frame (navigation, range of time, who one is), the session, and which screen is shown.

import { announce, h, replace } from "./lib/dom.js";
import { fulcrum, getJson, isAdmin, now, onExpired, poll, send, session } from "./lib/api.js";
import { sweep } from "./lib/chart.js";
import { count, percent } from "./lib/format.js";
import { changed, elsewhere, go, here } from "./lib/place.js";
import { rangePicker } from "./lib/range.js";
import { listenForKeys, showKeys } from "./lib/keys.js";
import { failure, forget, select, toast } from "./lib/widgets.js";

const SCREENS = {
  "": { title: "Overview", file: "overview", key: "o", hasTenant: true, hasRange: true },
  requests: { title: "Requests", file: "requests", key: "r", hasRange: true },
  cache: { title: "Cache", file: "cache", key: "c", hasTenant: true, hasRange: true },
  routers: { title: "Routers", file: "routers", key: "t", hasTenant: true },
  models: { title: "Models", file: "models", key: "m", hasTenant: true },
  jobs: { title: "Jobs", file: "jobs", key: "j", hasTenant: true },
  budgets: { title: "Budgets and tenants", file: "budgets", key: "b", hasTenant: true, hasRange: true },
  advisor: { title: "Advisor", file: "advisor", key: "a", hasTenant: true },
  playground: { title: "Playground", file: "playground", key: "p" },
};

const app = document.getElementById("app");
let view = null; // {screen, stop}: what is shown

/* --- the frame ------------------------------------------------------------------------------------------ */

function navigation() {
  return h(
    "nav",
    { id: "nav", class: "nav", "aria-label": "Screens" },
    h(
      "ul",
      Object.entries(SCREENS).map(([name, screen]) =>
        h(
          "li",
          h("a", { id: `nav-${name || "overview"}`, href: elsewhere(name), dataset: { screen: name } }, screen.title),
        ),
      ),
    ),
  );
}

function themeButton() {
  const label = () => (document.documentElement.dataset.theme === "dark" ? "Light" : "Dark");
  const button = h(
    "button",
    {
      type: "button",
      class: "button small",
      id: "theme",
      onclick: () => {
        window.switchTheme();
        button.textContent = label();
      },
    },
    label(),
  );
  return button;
}

function whoAmI() {
  const others = (session.tenants ?? []).filter((name) => name !== (session.tenant ?? "default"));
  if (isAdmin() && others.length > 0) {
    return h(
      "label",
      { class: "acting" },
      h("span", "Acts for"),
      select(
        { id: "acting", onchange: (event) => actFor(event.target.value) },
        [...(session.tenant || !session.login ? [["", session.tenant ?? "default"]] : []), ...others],
        session.actingFor,
      ),
    );
  }
  return session.tenant && h("span", { class: "who" }, session.tenant, h("span", { class: "role" }, session.role));
}

function actFor(tenant) {
  session.actingFor = tenant;
  forget();
  show();
  toast(tenant ? `What you send now is sent for ${tenant}.` : "You act for yourself again.");
}

async function signOut() {
  await send("DELETE", "/fulcrum/session").catch(() => {});
  forget();
  await begin();
}

function frame() {
  const menu = h(
    "button",
    {
      type: "button",
      class: "button small menu-button",
      id: "menu",
      "aria-expanded": false,
      "aria-controls": "nav",
      onclick: () => toggleMenu(),
    },
    "Menu",
  );
  replace(
    app,
    h(
      "header",
      { class: "top" },
      menu,
      h(
        "a",
        { class: "brand", href: "#/" },
        h("span", { class: "brand-mark", "aria-hidden": true }),
        h("span", { class: "brand-name" }, "Fulcrum"),
      ),
      h("div", { class: "live", id: "live", role: "status", "aria-live": "off" }),
      h(
        "div",
        { class: "top-tools" },
        whoAmI(),
        h(
          "button",
          {
            type: "button",
            class: "button small",
            id: "keys",
            "aria-label": "Keyboard shortcuts",
            onclick: () => showKeys(SCREENS),
          },
          "?",
        ),
        themeButton(),
        session.login &&
          h("button", { type: "button", class: "button small", id: "sign-out", onclick: signOut }, "Sign out"),
      ),
    ),
    h("div", { class: "body" }, navigation(), h("main", { id: "main", tabindex: "-1" })),
    h(
      "footer",
      { class: "foot" },
      `Fulcrum ${session.version ?? ""}`,
      h("span", "Times are UTC. Money is exact to a picodollar: point at a sum for all of its digits."),
    ),
    h("div", { id: "toasts", class: "toasts" }),
    h("div", { id: "announcer", class: "hidden", "aria-live": "polite" }),
  );
}

function toggleMenu(isOpen = !document.body.classList.contains("menu-open")) {
  document.body.classList.toggle("menu-open", isOpen);
  document.getElementById("menu")?.setAttribute("aria-expanded", String(isOpen));
  if (isOpen) document.querySelector("#nav a[aria-current]")?.focus();
}

/* --- what runs now -------------------------------------------------------------------------------------- */

let wasLost = false;

async function refreshNow() {
  const line = document.getElementById("live");
  if (!line) return;
  try {
    now.value = await fulcrum("now");
    // A server that was started again has another token.
    if (wasLost) Object.assign(session, await getJson("/fulcrum/session"));
    wasLost = false;
    const { running, queued, requestsPerMinute, hitRate, ready, alarms } = now.value;
    const alarmed = alarms?.ALARM ?? 0;
    replace(
      line,
      h("span", { class: ["dot", ready ? (alarmed ? "warn" : "good") : "bad"] }),
      h("span", h("b", count(running)), " running"),
      h("span", h("b", count(queued)), " queued"),
      h("span", { class: "wide-only" }, h("b", count(requestsPerMinute)), " a minute"),
      h("span", { class: "wide-only" }, "hit rate ", h("b", percent(hitRate, 0))),
      alarmed > 0 &&
        h("a", { class: "alarmed", href: elsewhere("") }, `${alarmed} ${alarmed === 1 ? "alarm" : "alarms"}`),
      !ready && h("span", { class: "alarmed" }, "not ready"),
    );
    document.dispatchEvent(new CustomEvent("now"));
  } catch (error) {
    wasLost = wasLost || error.status === 0;
    if (error.name !== "AbortError")
      replace(line, h("span", { class: "dot bad" }), h("span", error.status === 0 ? "no connection" : error.name));
  }
}

/* --- screens -------------------------------------------------------------------------------------------- */

function context(params, controller) {
  const starts = [];
  return {
    params,
    signal: controller.signal,
    screens: SCREENS,
    /** Runs `work` once the screen stands, and again every so often. */
    start: (work, every) => starts.push([work, every]),
    begin: () => starts.forEach(([work, every]) => (every ? poll(work, every, controller.signal) : work())),
  };
}

/* Whose figures are shown: whoever the ledger knows, or fulcrum.yaml names. */
function tenantPicker(params) {
  const choose = (event) => go(changed({ tenant: event.target.value, cursor: "" }));
  const picker = h("select", { id: "tenant", "aria-label": "Tenant", onchange: choose });
  const draw = (names) => {
    const all = [...new Set([params.tenant, ...names, ...(session.tenants ?? [])])].filter(Boolean).sort();
    replace(
      picker,
      h("option", { value: "" }, "All tenants"),
      all.map((name) => h("option", { value: name }, name)),
    );
    picker.value = params.tenant ?? "";
  };
  draw([]);
  fulcrum("usage", { by: "tenant", from: "-30d", limit: 500 }).then(
    ({ groups }) => draw(groups.map((group) => group.key)),
    () => {},
  );
  return picker;
}

function head(name, screen, params) {
  return h(
    "div",
    { class: "screen-head" },
    h("h1", { id: "title", tabindex: "-1" }, screen.title),
    h(
      "div",
      { class: "row" },
      screen.hasTenant && isAdmin() && tenantPicker(params),
      screen.hasRange && rangePicker(params),
    ),
  );
}

async function show() {
  const { screen: name, params } = here();
  const screen = SCREENS[name];
  if (!screen) return go("#/");
  const isSame = view?.screen === name;
  view?.stop();
  const controller = new AbortController();
  view = { screen: name, stop: () => controller.abort() };
  toggleMenu(false);
  const main = document.getElementById("main");
  const focused = main.contains(document.activeElement) ? document.activeElement.id : "";
  for (const link of document.querySelectorAll("#nav a")) {
    link.href = elsewhere(link.dataset.screen);
    if (link.dataset.screen === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  try {
    const { default: build } = await import(`./screens/${screen.file}.js`);
    if (controller.signal.aborted) return;
    const its = context(params, controller);
    replace(main, head(name, screen, params), build(its));
    sweep();
    its.begin();
  } catch (error) {
    replace(
      main,
      head(name, screen, params),
      failure(error, () => location.reload()),
    );
  }
  document.title = name ? `${screen.title} · Fulcrum` : "Fulcrum";
  if (isSame) {
    document.getElementById(focused)?.focus({ preventScroll: true });
  } else {
    scrollTo(0, 0);
    announce(screen.title);
  }
}

/* --- the session ---------------------------------------------------------------------------------------- */

async function begin() {
  try {
    Object.assign(session, await getJson("/fulcrum/session"));
    // Who came by the operator's link is nobody's: what is sent is sent for the first tenant, until another is chosen.
    session.actingFor = session.login && !session.tenant ? (session.tenants?.[0] ?? "") : "";
  } catch (error) {
    if (error.status !== 401) return replace(app, h("main", { id: "main", class: "alone" }, failure(error, begin)));
    const { signIn } = await import("./screens/login.js");
    view?.stop();
    view = null;
    return signIn(app, begin);
  }
  frame();
  refreshNow();
  await show();
}

onExpired.call = () => view && begin();
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !document.body.classList.contains("menu-open")) return;
  toggleMenu(false);
  document.getElementById("menu").focus();
});
document.addEventListener("click", (event) => event.target.closest("#nav, #menu") || toggleMenu(false));
addEventListener("hashchange", () => document.getElementById("nav") && show());
listenForKeys(SCREENS, (name) => go(elsewhere(name)));
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the hash is the page's state
  document.getElementById("main")?.focus();
});
poll(refreshNow, 2000, new AbortController().signal);
begin();
