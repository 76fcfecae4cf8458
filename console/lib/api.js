// What the page asks of the server: its own API below /fulcrum, and Bedrock's, CloudWatch's and S3's on the same port,
// with the session's cookie and token. An error is a Refusal that has the server's own words.

export class Refusal extends Error {
  constructor(status, type, message) {
    super(message);
    this.name = type;
    this.status = status;
  }
}

export const session = { login: false, tenant: null, role: "admin", token: "", tenants: [], actingFor: "" };

/** The last reply of /fulcrum/now; the document's event `now` tells of a new one. */
export const now = { value: null };

/** Called when the server no longer knows the session. */
export const onExpired = { call: () => {} };

export const isAdmin = () => session.role === "admin";

/**
 * What every request carries: the session's token, which APIs beside /fulcrum want for what only reads too, and whom an
 * admin acts for: the tenant whose thing it is about, else the one that is chosen in the head of the page.
 */
export function headersOf(more, tenant = "") {
  const headers = new Headers(more);
  const actsFor = isAdmin() ? tenant || session.actingFor : "";
  if (session.token) headers.set("x-fulcrum-token", session.token);
  if (actsFor) headers.set("x-fulcrum-tenant", actsFor);
  return headers;
}

const NAMES = {
  401: "Not signed in",
  403: "Not allowed",
  404: "Not found",
  429: "Too many requests",
  503: "Not available",
};

/** Name and text of an error in any of the server's forms: ours, Bedrock's, CloudWatch's and S3's XML. */
async function refusalOf(reply) {
  const text = await reply.text();
  const named = (reply.headers.get("x-amzn-errortype") || "").split(":")[0];
  try {
    const body = JSON.parse(text);
    const error = body.error ?? body;
    return new Refusal(
      reply.status,
      error.type || error.__type || named || NAMES[reply.status] || `Status ${reply.status}`,
      error.message || error.Message || text,
    );
  } catch {
    const xml = text.startsWith("<") ? new DOMParser().parseFromString(text, "application/xml") : null;
    const part = (name) => xml?.querySelector(name)?.textContent;
    return new Refusal(
      reply.status,
      part("Code") || named || NAMES[reply.status] || `Status ${reply.status}`,
      part("Message") || text.slice(0, 400) || reply.statusText,
    );
  }
}

/** The reply of a request that went well; else throws a Refusal. An abort is thrown as it is. */
export async function ask(path, { method = "GET", headers, body, signal, tenant } = {}) {
  let reply;
  try {
    reply = await fetch(path, {
      method,
      headers: headersOf(headers, tenant),
      body,
      signal,
      credentials: "same-origin",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0, "No answer", "The server did not answer. Is fulcrum serve still running?");
  }
  if (reply.ok) return reply;
  const refusal = await refusalOf(reply);
  if (refusal.status === 401) onExpired.call(refusal);
  throw refusal;
}

export async function getJson(path, signal, tenant) {
  return (await ask(path, { headers: { accept: "application/json" }, signal, tenant })).json();
}

export async function send(method, path, value, tenant) {
  const isEmpty = value === undefined;
  const headers = isEmpty ? {} : { "content-type": "application/json" };
  const reply = await ask(path, { method, headers, body: isEmpty ? undefined : JSON.stringify(value), tenant });
  const text = await reply.text();
  return text ? JSON.parse(text) : {};
}

/** "/fulcrum/usage?by=day" of a name and parameters; empty ones are left out. */
export function path(name, params = {}) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    if (value !== undefined && value !== null && value !== "") query.set(key, value);
  }
  const text = query.toString();
  return `/fulcrum/${name}${text ? `?${text}` : ""}`;
}

export const fulcrum = (name, params, signal) => getJson(path(name, params), signal);

/** All items of a Bedrock list that pages, a thousand at most. */
export async function listAll(first, member, signal, tenant) {
  const items = [];
  const query = new URLSearchParams({ maxResults: "100" });
  for (let token = ""; items.length < 1000; query.set("nextToken", token)) {
    const page = await getJson(`${first}${first.includes("?") ? "&" : "?"}${query}`, signal, tenant);
    items.push(...(page[member] ?? []));
    token = page.nextToken;
    if (!token) break;
  }
  return items;
}

const TOGETHER_MS = 1000;

/** One reply for all panels that ask within a second, so that they show the same moment. `forget` has it asked anew. */
export function together(load) {
  let asked = { at: -Infinity, reply: null };
  const get = (signal) => {
    if (Date.now() - asked.at > TOGETHER_MS) asked = { at: Date.now(), reply: load(signal) };
    return asked.reply;
  };
  get.forget = () => {
    asked.at = -Infinity;
  };
  return get;
}

/** Calls `work` now and every so often, as long as the signal lives and somebody looks at the page. */
export function poll(work, everyMs, signal) {
  let timer = null;
  const turn = async () => {
    timer = null;
    if (signal.aborted) return;
    if (!document.hidden) await work();
    if (!signal.aborted) timer = setTimeout(turn, everyMs);
  };
  const wake = () => {
    if (document.hidden || timer === null) return;
    clearTimeout(timer);
    turn();
  };
  document.addEventListener("visibilitychange", wake, { signal });
  signal.addEventListener("abort", () => clearTimeout(timer));
  turn();
}
