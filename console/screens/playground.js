// Playground: a chat with a model, a student or a router, streamed, with what each turn cost and what came from the
// cache.

import { ask, fulcrum } from "../lib/api.js";
import { announce, h, replace } from "../lib/dom.js";
import { events } from "../lib/eventstream.js";
import { count, exact, millis, pico, tail } from "../lib/format.js";
import { MISSES, of, ROUTE_REASONS, savedOf } from "../lib/levers.js";
import { answering, modelSelect } from "../lib/models.js";
import { address, changed } from "../lib/place.js";
import { check, code, dialog, failure, field, select } from "../lib/widgets.js";

const LEDGER_TRIES = 8; // a line is there when the reply is; a slow disk may be a moment behind
const LEDGER_WAIT_MS = 250;

/* The conversation outlives a look at another screen. */
const chat = {
  model: "",
  tenant: "",
  turns: [],
  system: "",
  isMarked: true,
  tier: "default",
  temperature: "0",
  maxTokens: "256",
};
let running = null; // AbortController of the turn that is being answered

/* --- the request ---------------------------------------------------------------------------------------- */

function bodyOf() {
  const mark = { cachePoint: { type: "default" } };
  const body = {
    messages: chat.turns
      .filter((turn) => turn.text)
      .map((turn) => ({ role: turn.role, content: [{ text: turn.text }] })),
    inferenceConfig: { maxTokens: Number(chat.maxTokens) || 256, temperature: Number(chat.temperature) || 0 },
  };
  if (chat.system.trim()) body.system = [{ text: chat.system }, ...(chat.isMarked ? [mark] : [])];
  if (chat.tier !== "default") body.serviceTier = { type: chat.tier };
  return body;
}

/** One turn: fills `turn` as the reply comes. */
async function answer(turn, onChange, signal) {
  const began = performance.now();
  const reply = await ask(`/model/${encodeURIComponent(chat.model)}/converse-stream`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(bodyOf()),
    signal,
    tenant: chat.tenant,
  });
  Object.assign(turn, {
    id: reply.headers.get("x-amzn-requestid"),
    model: reply.headers.get("x-fulcrum-model"),
    cache: reply.headers.get("x-fulcrum-cache"),
    route: reply.headers.get("x-fulcrum-route"),
  });
  for await (const { isError, type, value } of events(reply)) {
    if (isError) throw Object.assign(new Error(value.message ?? "The stream broke off."), { name: type });
    if (type === "contentBlockDelta" && value.delta?.text) {
      turn.first ??= performance.now() - began;
      turn.text += value.delta.text;
      onChange();
    } else if (type === "messageStop") {
      turn.stop = value.stopReason;
    } else if (type === "metadata") {
      turn.usage = value.usage;
    }
  }
  turn.took = performance.now() - began;
}

/* A stream's cost is in its line of the ledger. A list is asked for it: an empty one is no error to anybody. */
async function readBill(turn) {
  for (let i = 0; i < LEDGER_TRIES && !turn.line; i++) {
    if (i > 0) await new Promise((resolve) => setTimeout(resolve, LEDGER_WAIT_MS));
    const { requests } = await fulcrum("requests", { id: turn.id, from: "-1h" }).catch(() => ({ requests: [] }));
    turn.line = requests[0];
  }
}

/* --- what stands below a reply -------------------------------------------------------------------------- */

function cacheWords(header) {
  const outcome = /^\w+/.exec(header ?? "")?.[0];
  const reason = /reason=([a-z-]+)/.exec(header ?? "")?.[1];
  return { outcome, reason: reason && (MISSES[reason]?.[0] ?? reason), hint: MISSES[reason]?.[1] };
}

function routeWords(header) {
  const reason = /reason=([a-z-]+)/.exec(header ?? "")?.[1];
  return reason && { reason, hint: ROUTE_REASONS[reason] };
}

function footer(turn) {
  if (!turn.usage && !turn.line) return null;
  const { usage = {}, line } = turn;
  const read = usage.cacheReadInputTokens ?? 0;
  const written = usage.cacheWriteInputTokens ?? 0;
  const cache = cacheWords(turn.cache);
  const route = routeWords(turn.route);
  const saved = line && savedOf(line);
  const item = (label, value, title) =>
    h("span", { class: "meta-item", title: title ?? null }, h("span", { class: "dim" }, label), " ", value);
  return h(
    "div",
    { class: "meta" },
    line ? item("cost", h("b", exact(of(line, "cost")))) : item("cost", "…"),
    saved ? item("saved", exact(saved)) : null,
    item("in", `${count(usage.inputTokens)} fresh, ${count(read)} read, ${count(written)} written`),
    item("out", count(usage.outputTokens)),
    cache.outcome && item("cache", `${cache.outcome}${cache.reason ? `: ${cache.reason}` : ""}`, cache.hint),
    turn.model && item("by", tail(turn.model), route?.hint),
    route && item("because", route.reason, route.hint),
    item("first token", millis(turn.first)),
    item("took", millis(turn.took)),
    turn.stop && turn.stop !== "end_turn" && item("ended by", turn.stop),
    turn.id && line && h("a", { href: address("requests", { request: turn.id }) }, "Its line"),
  );
}

function turnBox(turn) {
  return h(
    "li",
    { class: `turn ${turn.role}` },
    h("div", { class: "turn-who" }, turn.role === "user" ? "You" : tail(turn.model) || "Reply"),
    h("div", { class: "turn-text" }, turn.text || (turn.error ? "" : turn.isStopped ? "(stopped)" : "…")),
    turn.isStopped && turn.text && h("div", { class: "dim" }, "stopped"),
    turn.error && failure(turn.error),
    turn.role === "assistant" && footer(turn),
  );
}

function sumLine() {
  const lines = chat.turns.map((turn) => turn.line).filter(Boolean);
  if (!lines.length) return null;
  const cost = lines.reduce((sum, line) => sum + pico(of(line, "cost")), 0n);
  const saved = lines.reduce((sum, line) => sum + savedOf(line), 0n);
  return h(
    "p",
    { class: "sum-line" },
    `${lines.length === 1 ? "1 turn" : `${lines.length} turns`}: `,
    h("b", exact(cost)),
    ` billed, `,
    h("b", exact(saved)),
    " saved.",
  );
}

/* --- code ----------------------------------------------------------------------------------------------- */

/* What is in a body (texts, numbers, lists) is written alike in JSON and in Python. */
function program() {
  const body = bodyOf();
  return `import boto3
bedrock = boto3.client("bedrock-runtime", region_name="us-east-1", endpoint_url="${location.origin}",
                       aws_access_key_id="me", aws_secret_access_key="any")
reply = bedrock.converse(modelId=${JSON.stringify(chat.model)},
    ${Object.entries(body)
      .map(([key, value]) => `${key}=${JSON.stringify(value, null, 4).replaceAll("\n", "\n    ")}`)
      .join(",\n    ")})
print(reply["output"]["message"]["content"][0]["text"], reply["usage"])`;
}

/* --- the screen ----------------------------------------------------------------------------------------- */

function settings(groups) {
  const bind = (name) => ({
    id: `play-${name}`,
    value: chat[name],
    oninput: (event) => {
      chat[name] = event.target.value;
    },
  });
  const model = modelSelect(
    {
      id: "play-model",
      onchange: (event) => {
        chat.model = event.target.value;
        history.replaceState(null, "", changed({ ask: chat.model }));
      },
    },
    groups,
    chat.model,
  );
  chat.model = model.value;
  return h(
    "div",
    { class: "stack" },
    field("Model, student or router", model),
    field("System prompt", h("textarea", { rows: 7, spellcheck: false, ...bind("system") })),
    check(
      "A cache point behind the system prompt",
      {
        id: "play-isMarked",
        checked: chat.isMarked,
        onchange: (event) => {
          chat.isMarked = event.target.checked;
        },
      },
      "Kept to the token, for five minutes from its last use. Needs the model's least length.",
    ),
    h(
      "div",
      { class: "pair-fields" },
      field("Temperature", h("input", { inputmode: "decimal", ...bind("temperature") })),
      field("Longest reply", h("input", { inputmode: "numeric", ...bind("maxTokens") })),
    ),
    field(
      "Tier",
      select(
        {
          id: "play-tier",
          onchange: (event) => {
            chat.tier = event.target.value;
          },
        },
        ["default", "priority", "flex"],
        chat.tier,
      ),
    ),
  );
}

/* --- a turn ---------------------------------------------------------------------------------------------- */

/** Draws a turn, and what the running one allows; set by the screen that stands. */
let paint = () => {};

/* As it comes, at most once a frame. */
function painter(turn) {
  let isDue = false;
  return () => {
    if (isDue) return;
    isDue = true;
    requestAnimationFrame(() => {
      isDue = false;
      paint(turn);
    });
  };
}

async function say(text) {
  const question = { role: "user", text };
  const turn = { role: "assistant", text: "" };
  chat.turns.push(question, turn);
  running = new AbortController();
  paint(question);
  paint(turn);
  try {
    await answer(turn, painter(turn), running.signal);
    announce(`Reply: ${turn.text}`);
  } catch (error) {
    turn.isStopped = error.name === "AbortError";
    if (!turn.isStopped) turn.error = error;
  }
  running = null;
  paint(turn);
  if (!turn.id) return;
  await readBill(turn);
  paint(turn);
}

/* --- the conversation ------------------------------------------------------------------------------------ */

const nothingYet = () =>
  h(
    "li",
    { class: "empty" },
    h("p", { class: "empty-title" }, "Ask something"),
    h(
      "p",
      "The pair in the program knows the work of a support desk: intents, order data, questions on a shop's " +
        "facts. Ctrl and Enter send.",
    ),
  );

function transcript() {
  const list = h("ol", { class: "turns" }, chat.turns.length ? [] : nothingYet());
  const log = h("div", { class: "log", id: "turns", role: "log", "aria-live": "off", tabindex: "0" }, list);
  log.setAttribute("aria-label", "Conversation");
  const boxes = new Map(); // one box a turn: only the last one is drawn again while it grows
  const draw = (turn) => {
    const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 120;
    const box = turnBox(turn);
    if (!boxes.size) replace(list);
    if (boxes.has(turn)) boxes.get(turn).replaceWith(box);
    else list.append(box);
    boxes.set(turn, box);
    if (isAtEnd) log.scrollTop = log.scrollHeight;
  };
  return { log, draw };
}

function conversation(again) {
  const { log, draw } = transcript();
  const sums = h("div", sumLine());
  const text = h("textarea", { id: "play-text", rows: 3, placeholder: "How do I track my package?" });
  text.setAttribute("aria-label", "Message");
  const button = (label, id, onclick) => h("button", { type: "button", class: "button", id, onclick }, label);
  const sendButton = h("button", { class: "button primary", id: "play-send" }, "Send");
  const stopButton = button("Stop", "play-stop", () => running?.abort());
  paint = (turn) => {
    if (turn) draw(turn);
    replace(sums, sumLine());
    sendButton.disabled = Boolean(running);
    stopButton.disabled = !running;
  };
  const submit = (event) => {
    event?.preventDefault();
    if (!text.value.trim() || running) return;
    say(text.value);
    text.value = "";
  };
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit();
    if (event.key === "Escape") running?.abort();
  });
  const clear = () => {
    running?.abort();
    chat.turns.length = 0;
    again();
  };
  const asProgram = () => dialog("The same in Python", code(program(), "the program"), { wide: true });
  const buttons = [button("New conversation", "play-clear", clear), button("As a program", "play-code", asProgram)];
  chat.turns.forEach(draw);
  paint();
  return [
    log,
    sums,
    h(
      "form",
      { class: "composer", onsubmit: submit },
      text,
      h("div", { class: "row" }, sendButton, stopButton, buttons),
    ),
  ];
}

export default function playground(context) {
  const talk = h("div", { class: "panel-body" });
  const begin = () => {
    replace(talk, conversation(begin));
    talk.querySelector("textarea").focus();
  };
  if (context.params.ask) chat.model = context.params.ask;
  chat.tenant = context.params.as ?? "";
  const side = h("div", h("p", { class: "loading" }, "Who answers?"));
  context.start(async () => {
    try {
      replace(side, settings(await answering(context.signal, chat.tenant)));
    } catch (error) {
      if (error.name !== "AbortError") replace(side, failure(error));
    }
  });
  replace(talk, conversation(begin));
  return h(
    "div",
    { class: "play" },
    h(
      "section",
      { class: "panel", "aria-labelledby": "panel-settings" },
      h("div", { class: "panel-head" }, h("h2", { id: "panel-settings" }, "Settings")),
      h("div", { class: "panel-body" }, side),
    ),
    h(
      "section",
      { class: "panel talk", "aria-labelledby": "panel-talk" },
      h("div", { class: "panel-head" }, h("h2", { id: "panel-talk" }, "Conversation")),
      talk,
    ),
  );
}
