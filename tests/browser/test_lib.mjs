// The page's own parts that figures depend on, in the browser that runs them: money without a floating-point number,
// frames of the event stream however they are cut, files for spreadsheets, stretches of time.
import assert from "node:assert/strict";
import { test } from "node:test";
import { open, stage } from "./harness.mjs";

const { server, browser } = await stage();
const page = await browser.page(server);
await open(page, server, "#/playground");

/* Calls functions of a module: [[name, ...arguments]] gives their values, BigInts as texts. */
const call = (module, calls) =>
  page.evaluate(
    async ([name, list]) => {
      const its = await import(`/console/lib/${name}.js`);
      const plain = (value) => (typeof value === "bigint" ? `${value}n` : value);
      return list.map(([what, ...rest]) => plain(its[what](...rest)));
    },
    [module, calls],
  );

const table = async (module, name, cases) => {
  const values = await call(
    module,
    cases.map(([given]) => [name, ...[given].flat()]),
  );
  cases.forEach(([given, wanted], i) => assert.equal(values[i], wanted, `${name}(${given})`));
};

test("dollars are whole picodollars, whatever their size and form", async () => {
  await table("format", "pico", [
    ["0.000380000000", "380000000n"],
    ["-0.000000000001", "-1n"],
    ["9223372.036854775807", "9223372036854775807n"],
    ["123456789012.5", "123456789012500000000000n"],
    ["4.55e-7", "455000n"],
    ["1e3", "1000000000000000n"],
    ["", "0n"],
    [null, "0n"],
    ["7", "7000000000000n"],
  ]);
});

test("a sum is shown with all of its digits, or rounded half up", async () => {
  await table("format", "exact", [
    ["0.000380000000", "$0.00038"],
    ["1234567.1", "$1,234,567.10"],
    ["-0.000000000001", "−$0.000000000001"],
    ["0", "$0.00"],
    ["9223372.036854775807", "$9,223,372.036854775807"],
  ]);
  await table("format", "money", [
    [["0.0000005", 6], "$0.000001"],
    [["0.00000049", 6], "$0.000000"],
    [["-0.00000049", 6], "$0.000000"],
    [["-1.005", 2], "−$1.01"],
    [["2.675", 2], "$2.68"],
    [["1234.5"], "$1,234.50"],
    [["0.0123456"], "$0.012346"],
    [["0.000000001234"], "$0.000000001234"],
  ]);
  await table("format", "sum", [
    ["0.0000072", "$0.0000072"],
    ["0.010000", "$0.01"],
    ["5", "$5.00"],
    ["0.5", "$0.50"],
    ["100.10", "$100.10"],
    ["3.1", "$3.10"],
  ]);
  await table("format", "decimal", [
    ["-0.5", "-0.500000000000"],
    ["12", "12.000000000000"],
  ]);
});

test("shares, tokens and times", async () => {
  await table("format", "share", [
    [["1", "3"], 0.333333],
    [["1", "0"], null],
  ]);
  await table("format", "short", [
    [999, "999"],
    [1000, "1k"],
    [1234567, "1.2M"],
    [0.5, "0.50"],
  ]);
  await table("format", "millis", [
    [0, "0 ms"],
    [4.94, "4.9 ms"],
    [61500, "1 min 2 s"],
  ]);
  const now = Date.UTC(2026, 10, 30, 12);
  await table("range", "moment", [
    [["-24h", now], now - 86_400_000],
    [["2026-11-29", now], Date.UTC(2026, 10, 29)],
    [["2026-11-29T21:47", now], Date.UTC(2026, 10, 29, 21, 47)],
    [["2026-11-29T21:47:05Z", now], Date.UTC(2026, 10, 29, 21, 47, 5)],
  ]);
});

test("cells of a file are quoted, and no spreadsheet runs them", async () => {
  const text = await page.evaluate(async () => {
    const { csvOf } = await import("/console/lib/table.js");
    const columns = [
      { key: "name", value: (row) => row.name },
      { key: "cost", value: (row) => row.cost },
    ];
    return csvOf(columns, [
      { name: 'a "quoted", one', cost: -5 },
      { name: "=HYPERLINK(1)", cost: "-0.5" },
      { name: "two\nlines", cost: null },
    ]);
  });
  assert.equal(text, 'name,cost\r\n"a ""quoted"", one",-5\r\n\'=HYPERLINK(1),-0.5\r\n"two\nlines",\r\n');
});

/* A frame as the service writes it; checksums are not looked at by the page. */
function frame(headers, payload) {
  const parts = Object.entries(headers).map(([name, value]) => {
    const [key, text] = [Buffer.from(name), Buffer.from(value)];
    const length = Buffer.alloc(2);
    length.writeUInt16BE(text.length);
    return Buffer.concat([Buffer.from([key.length]), key, Buffer.from([7]), length, text]);
  });
  const head = Buffer.concat(parts);
  const body = Buffer.from(payload);
  const prelude = Buffer.alloc(12);
  prelude.writeUInt32BE(16 + head.length + body.length, 0);
  prelude.writeUInt32BE(head.length, 4);
  return Buffer.concat([prelude, head, body, Buffer.alloc(4)]);
}

const read = (bytes, size) =>
  page.evaluate(
    async ([list, step]) => {
      const { FrameReader } = await import("/console/lib/eventstream.js");
      const reader = new FrameReader();
      const found = [];
      try {
        for (let at = 0; at < list.length; at += step)
          found.push(...reader.feed(new Uint8Array(list.slice(at, at + step))));
      } catch (error) {
        return error.message;
      }
      return { found, isWhole: reader.isWhole };
    },
    [[...bytes], size],
  );

test("frames are read however they are cut, and lengths that can't be are refused", async () => {
  const event = { ":event-type": "contentBlockDelta", ":message-type": "event" };
  const error = { ":exception-type": "throttlingException", ":message-type": "exception" };
  const bytes = Buffer.concat([
    frame(event, '{"delta":{"text":"für 5 €"}}'),
    frame(event, ""),
    frame(error, '{"message":"slow down"}'),
  ]);
  const wanted = [
    { isError: false, type: "contentBlockDelta", value: { delta: { text: "für 5 €" } } },
    { isError: false, type: "contentBlockDelta", value: {} },
    { isError: true, type: "throttlingException", value: { message: "slow down" } },
  ];
  for (const size of [1, 2, 3, 7, 11, 64, bytes.length]) {
    assert.deepEqual(await read(bytes, size), { found: wanted, isWhole: true }, `pieces of ${size}`);
  }
  assert.equal((await read(bytes.subarray(0, bytes.length - 1), 5)).isWhole, false);
  assert.match(await read(Buffer.from([0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0]), 12), /a frame of 3 bytes/);
  assert.match(await read(Buffer.from([0x7f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), 12), /a frame of/);
  const wrong = frame(event, "{}");
  wrong.writeUInt32BE(10_000, 4);
  assert.match(await read(wrong, 5), /headers are longer/);
  assert.deepEqual(browser.takeFaults(), []);
});
