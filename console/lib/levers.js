// What the ledger's figures are called here, in which colour, and what each one means: the same words on every screen.

import { dollars, pico } from "./format.js";

/** In the ledger's order: each saves from what those before it have left. Rare ones are shown where there are any. */
export const LEVERS = [
  {
    key: "savedRoute",
    label: "Routing",
    colour: "route",
    about:
      "Requests that a router gave to a cheaper model than its fallback: what the fallback would have cost, " +
      "less what the one that answered did.",
  },
  {
    key: "savedDistill",
    label: "Distillation",
    colour: "distil",
    about: "Requests that a student answered in its teacher's place: the teacher's price less the student's.",
  },
  {
    key: "savedCache",
    label: "Caching",
    colour: "cache",
    about:
      "Prompt tokens read from the cache at its price, less what writing them cost. Below zero: written and not read.",
  },
  {
    key: "savedTier",
    label: "Batch and tiers",
    colour: "tier",
    about: "The price of the tier that served, batch and flex at half, against the standard one. Below zero: priority.",
  },
  {
    key: "savedShadow",
    label: "Learning",
    colour: "shadow",
    about: "Answers that nobody asked for, from which routers learn. Always a cost.",
    isRare: true,
  },
  {
    key: "savedResponse",
    label: "Response cache",
    colour: "response",
    about: "The same request again, answered from the response cache: what it would have cost after the other levers.",
    isRare: true,
  },
];

export const CLASSES = [
  { key: "costInput", tokens: "inputTokens", label: "Fresh input", colour: "input" },
  { key: "costCacheRead", tokens: "cacheReadInputTokens", label: "Cache read", colour: "read" },
  { key: "costCacheWrite", tokens: "cacheWriteInputTokens", label: "Cache write", colour: "write" },
  { key: "costCacheWrite1h", tokens: "cacheWrite1hInputTokens", label: "Cache write, 1 h", colour: "write1h" },
  { key: "costOutput", tokens: "outputTokens", label: "Output", colour: "output" },
];

export const ABOUT = {
  saved:
    "Saved = baseline − billed. The baseline is the same requests to the model asked for, on demand, standard " +
    "tier, without a cache, at that day's prices.",
  hitRate: "Hit rate = read / (read + written + input), in tokens of the prompts.",
  spend: "What requests cost at the prices of the price book that was in force when they came.",
  errors:
    "Requests that were let in and failed, or whose client left before the end. What is refused before that " +
    "has no line in the ledger.",
  latency: "From a request's first byte to the reply's last. p50: half of the requests were faster.",
  firstToken: "From a request's first byte to the reply's first token.",
  baseline: "What the same requests would have cost without any lever.",
  lost:
    "What these prompts cost less what they would have cost had all of them been read: the most that hits could have " +
    "saved. Below zero where a model's writes are free. Of the newest 100,000 requests.",
};

/** Why a prompt did not come from the cache whole, and what to do about it. */
export const MISSES = {
  "first-use": ["First use", "Nothing to do: this prefix was never seen before, or belongs to another tenant or salt."],
  "changed-at-token": [
    "Changed",
    "A prompt that began the same went on otherwise. Run fulcrum cache explain A.json B.json to see which " +
      "field; put what changes behind the last cache point.",
  ],
  "below-minimum": ["Too short", "The prefix has fewer tokens than the model caches. Mark a later block."],
  expired: [
    "Expired",
    'It was not used for longer than its time to live. Ask for an hour: {"cachePoint": {"type": "default", ' +
      '"ttl": "1h"}}.',
  ],
  evicted: ["Evicted", "Memory was short. Raise cache.memory in fulcrum.yaml, or give the tenant a floor."],
  "no-checkpoint": [
    "No mark",
    "Nothing is marked and the model's cache is explicit. Put a cachePoint behind the last block that stays the same.",
  ],
  disabled: ["Off", "The model's cache is off in fulcrum.yaml."],
};

export const ROUTE_REASONS = {
  "within-tolerance": "the cheapest whose predicted quality is within the tolerance of the best",
  "best-quality": "the best by far",
  "quality-difference": "better than the fallback by the difference that was asked for",
  fallback: "no other was better by the difference that was asked for",
  budget: "by the budget",
  unsure: "a cheaper one would have been good enough, but the predictor is unsure of it",
  "stays-warm": "the conversation is warm there, and leaving is not worth it",
  "too-long": "the prompt is too long for the others",
  "only-candidate": "the others can't take the request, or are gone",
  escalated: "the answer of a cheaper one was doubtful",
  "no-predictor": "nothing is known of qualities: the fallback",
  "failed-over": "another was chosen, and failed",
  "response-cache": "it gave the same request this answer before",
  doubted: "this answer was doubtful and was made again",
};

/** `costDollars`, `savedRouteDollars`: the string of dollars beside a member. */
export const of = (group, stem) => group?.[`${stem}Dollars`] ?? "0";

/** All levers of a group, in picodollars. */
export const savedOf = (group) => LEVERS.reduce((sum, lever) => sum + pico(of(group, lever.key)), 0n);

export const numbersOf = (groups, stem) => groups.map((group) => dollars(of(group, stem)));

export const promptTokens = (line) =>
  (line.inputTokens ?? 0) +
  (line.cacheReadInputTokens ?? 0) +
  (line.cacheWriteInputTokens ?? 0) +
  (line.cacheWrite1hInputTokens ?? 0);
