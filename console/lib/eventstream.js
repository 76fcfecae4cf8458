// AWS's event stream, as ConverseStream answers: frames of
//
//   total length, 4 bytes | length of headers, 4 | CRC of these eight, 4 | headers | payload | CRC of all before, 4
//
// big-endian; a header is a name (length, 1 byte), a type, and the value (strings: length, 2 bytes). Checksums are not
// computed: TCP, and TLS where there is one, have theirs, and the server is our own. Lengths are checked.

const PRELUDE = 12;
const TRAILER = 4;
const FRAME_MAX = 24 * 1024 * 1024;
const BYTES = 6;
const STRING = 7;
const SIZES = { 0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16 }; // of other types: booleans, numbers, time, UUID
const text = new TextDecoder();

function readHeaders(view, from, to) {
  const headers = {};
  let at = from;
  while (at < to) {
    const nameLength = view.getUint8(at);
    const name = text.decode(new Uint8Array(view.buffer, view.byteOffset + at + 1, nameLength));
    const type = view.getUint8(at + 1 + nameLength);
    at += 2 + nameLength;
    if (type === STRING || type === BYTES) {
      const length = view.getUint16(at);
      headers[name] = text.decode(new Uint8Array(view.buffer, view.byteOffset + at + 2, length));
      at += 2 + length;
    } else {
      at += SIZES[type] ?? to;
    }
  }
  return headers;
}

function readFrame(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headersEnd = PRELUDE + view.getUint32(4);
  if (headersEnd > bytes.length - TRAILER) throw new Error("a frame's headers are longer than the frame");
  const headers = readHeaders(view, PRELUDE, headersEnd);
  const payload = text.decode(bytes.subarray(headersEnd, bytes.length - TRAILER));
  return {
    isError: headers[":message-type"] !== "event",
    type: headers[":event-type"] ?? headers[":exception-type"] ?? headers[":error-code"] ?? "",
    value: payload ? JSON.parse(payload) : {},
  };
}

/** Cuts bytes into frames, however they come: feed(bytes) gives those that are whole. */
export class FrameReader {
  #rest = new Uint8Array(0);

  feed(bytes) {
    const all = new Uint8Array(this.#rest.length + bytes.length);
    all.set(this.#rest);
    all.set(bytes, this.#rest.length);
    const frames = [];
    let at = 0;
    while (all.length - at >= PRELUDE) {
      const length = new DataView(all.buffer, at).getUint32(0);
      if (length < PRELUDE + TRAILER || length > FRAME_MAX) throw new Error(`a frame of ${length} bytes`);
      if (all.length - at < length) break;
      frames.push(readFrame(all.subarray(at, at + length)));
      at += length;
    }
    this.#rest = all.slice(at);
    return frames;
  }

  get isWhole() {
    return this.#rest.length === 0;
  }
}

/** The events of a reply, one after the other. A stream that ends within a frame is an error. */
export async function* events(reply) {
  const frames = new FrameReader();
  const reader = reply.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      yield* frames.feed(value);
    }
  } finally {
    reader.releaseLock();
  }
  if (!frames.isWhole) throw new Error("the reply was broken off");
}
