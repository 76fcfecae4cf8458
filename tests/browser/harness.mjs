// What tests of the console in a browser share: a server of their own, a browser that notes whatever goes wrong on its
// pages, and the judge of accessibility. The browser is chromium by playwright-core; tests/run says where both are.
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { after } from "node:test";

const require = createRequire(path.join(process.env.FULCRUM_BROWSER_MODULES, "resolve.js"));
const { chromium } = require("playwright-core");
const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const BUILD = path.dirname(process.env.FULCRUM);
const SHOTS = process.env.FULCRUM_SCREENSHOTS;
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

export const PATIENCE = 120_000; // the end of a wait, never what decides: beside other work everything may be slow

/** Waits until `condition` gives something, or fails after PATIENCE. */
export async function until(condition, what = "a condition") {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/* --- the server ----------------------------------------------------------------------------------------- */

export class Server {
  #process;
  log = "";

  static async start(config, { program = process.env.FULCRUM, env = {} } = {}) {
    const server = new Server();
    server.folder = fs.mkdtempSync(path.join(os.tmpdir(), "fulcrum-browser-"));
    const args = ["serve", "--listen", "127.0.0.1:0", "--data", path.join(server.folder, "data")];
    if (config) {
      fs.writeFileSync(path.join(server.folder, "fulcrum.yaml"), config);
      args.push("--config", path.join(server.folder, "fulcrum.yaml"));
    }
    server.#process = spawn(program, args, { cwd: server.folder, env: { ...process.env, ...env } });
    server.#process.stderr.on("data", (data) => (server.log += data));
    const first = await new Promise((resolve, reject) => {
      server.#process.stdout.once("data", (data) => resolve(String(data)));
      server.#process.once("exit", () => reject(new Error(`the server did not start:\n${server.log}`)));
    });
    server.url = /listening on (\S+)/.exec(first)[1];
    await until(async () => (await fetch(`${server.url}/readyz`)).ok, "a server that is ready");
    return server;
  }

  /** A request of a program: JSON in and out, as `key` (an access key ID, unsigned) where one is given. */
  async ask(method, where, body, { key, headers = {} } = {}) {
    const credential = `Credential=${key}/20260101/us-east-1/bedrock/aws4_request`;
    const signed = `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=host, Signature=${"0".repeat(64)}`;
    const reply = await fetch(this.url + where, {
      method,
      headers: { "content-type": "application/json", ...(key ? { authorization: signed } : {}), ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await reply.text();
    if (!reply.ok) throw new Error(`${method} ${where}: ${reply.status} ${text}`);
    return text ? JSON.parse(text) : {};
  }

  get = (where) => this.ask("GET", where);

  converse(model, text, { system, more = {}, ...who } = {}) {
    const body = { messages: [{ role: "user", content: [{ text }] }], inferenceConfig: { maxTokens: 16 }, ...more };
    if (system) body.system = [{ text: system }, { cachePoint: { type: "default" } }];
    return this.ask("POST", `/model/${encodeURIComponent(model)}/converse`, body, who);
  }

  async stop() {
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.kill("SIGTERM");
    const code = await ended;
    fs.rmSync(this.folder, { recursive: true, force: true });
    if (code !== 0) throw new Error(`the server ended with ${code}:\n${this.log.slice(-4000)}`);
  }
}

/** A program of the tests, as make built it. */
export const tool = (name) => path.join(BUILD, "tests/tools", name);

/** A model of random weights at a path of its own: answers nonsense, but through every real part. */
export function randomModel(folder, ...more) {
  const file = path.join(folder, "tiny.gguf");
  const made = spawnSync(tool("make_gguf"), [file, "--context", "4096", "--seed", "7", ...more]);
  if (made.status !== 0) throw new Error(`make_gguf: ${made.stderr}`);
  return file;
}

/* --- the browser ---------------------------------------------------------------------------------------- */

/* Whatever a page complains of, asks for elsewhere, or forbids itself. */
function watch(page, server, faults) {
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()))
      faults.push(`${page.url()}: ${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`${page.url()}: ${error.stack}`));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(server.url) && !/^(data|blob):/.test(url)) faults.push(`${page.url()}: asks ${url}`);
  });
}

export class Browser {
  #browser;
  faults = [];

  static async start() {
    const browser = new Browser();
    // Without its own sandbox: it is run by root in containers, and shows our pages alone.
    browser.#browser = await chromium.launch({ executablePath: process.env.FULCRUM_CHROMIUM, args: ["--no-sandbox"] });
    return browser;
  }

  /** A page of a new profile; `form` is {width, height, scheme, scale}. */
  async page(server, { width = 1440, height = 900, scheme = "light", scale = 1 } = {}) {
    const viewport = { width, height };
    const context = await this.#browser.newContext({ viewport, colorScheme: scheme, deviceScaleFactor: scale });
    context.setDefaultTimeout(PATIENCE);
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    const page = await context.newPage();
    watch(page, server, this.faults);
    return page;
  }

  /** What went wrong until now; asked once, it is forgotten. `but` leaves out what a test provokes. */
  takeFaults(but = /$^/) {
    const faults = this.faults.filter((fault) => !but.test(fault));
    this.faults.length = 0;
    return faults;
  }

  stop = () => this.#browser.close();
}

/** Opens a screen and waits until nothing on it loads any more. */
export async function open(page, server, hash) {
  await page.goto("about:blank");
  await page.goto(`${server.url}/console${hash}`);
  await page.locator("main h1").waitFor();
  await settled(page);
}

export const settled = (page) =>
  page.waitForFunction(() => !document.querySelector(".loading, .is-stale, [aria-busy=true]"));

/** What axe finds, a line for each rule and place. */
export async function inaccessible(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate((tags) => window.axe.run(document, { runOnly: tags }), RULES);
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 200)}`));
}

/** How far the page is wider than its window. */
export const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);

export async function picture(page, name, options = {}) {
  if (!SHOTS) return;
  fs.mkdirSync(SHOTS, { recursive: true });
  await page.screenshot({ path: path.join(SHOTS, `${name}.png`), fullPage: true, ...options });
}

/** Server and browser for the tests of one file; both end behind the last one. */
export async function stage(config, options) {
  const [server, browser] = await Promise.all([Server.start(config, options), Browser.start()]);
  after(async () => {
    await browser.stop();
    await server.stop();
  });
  return { server, browser };
}
