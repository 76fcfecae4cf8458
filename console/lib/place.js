// Where the page stands: #/SCREEN?NAME=VALUE&... All state that somebody may want to send to somebody else is here.
// `from`, `to` and `tenant` go along from screen to screen, other parameters belong to their screen.

const SHARED = ["from", "to", "tenant"];

/** {screen, params} of a hash; screen is "" for the overview. */
export function parse(hash) {
  const text = hash.replace(/^#\/?/, "");
  const split = text.indexOf("?");
  const screen = (split < 0 ? text : text.slice(0, split)).replace(/\/+$/, "");
  return { screen, params: Object.fromEntries(new URLSearchParams(split < 0 ? "" : text.slice(split + 1))) };
}

export const here = () => parse(location.hash);

/** The address of a screen; empty parameters are left out. */
export function address(screen, params = {}) {
  const query = new URLSearchParams(
    Object.entries(params).filter(([, value]) => value !== "" && value !== null && value !== undefined),
  );
  const text = query.toString();
  return `#/${screen}${text ? `?${text}` : ""}`;
}

const shared = (params) =>
  Object.fromEntries(SHARED.filter((name) => params[name]).map((name) => [name, params[name]]));

/** The address of another screen, with what is shared and `more`. */
export const elsewhere = (screen, more = {}) => address(screen, { ...shared(here().params), ...more });

/** The address of this screen with some parameters changed. */
export const changed = (changes) => address(here().screen, { ...here().params, ...changes });

/** Goes there. `quietly`: the step back skips this one (a filter that is being typed). */
export function go(target, quietly = false) {
  if (target === location.hash) return;
  if (quietly) {
    history.replaceState(null, "", target);
    window.dispatchEvent(new HashChangeEvent("hashchange"));
  } else {
    location.hash = target;
  }
}
