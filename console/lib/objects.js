// The object store as the page needs it: a bucket, a file up, a list, a file down. S3's protocol, path style.

import { ask, headersOf, Refusal } from "./api.js";

const keyPath = (key) => key.split("/").map(encodeURIComponent).join("/");

/** {bucket, key} of s3://BUCKET/KEY, null of anything else. */
export function parseUri(uri) {
  const match = /^s3:\/\/([^/]+)\/?(.*)$/.exec(String(uri ?? "").trim());
  return match ? { bucket: match[1], key: match[2] } : null;
}

/** Makes the bucket unless it is there already. */
export async function ensureBucket(bucket, tenant) {
  try {
    await ask(`/${bucket}`, { method: "PUT", tenant });
  } catch (error) {
    if (error.name !== "BucketAlreadyOwnedByYou") throw error;
  }
}

/** Puts a file, telling how much of it has gone: fetch does not say. */
export function upload(bucket, key, file, onProgress, tenant) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", `/${bucket}/${keyPath(key)}`);
    for (const [name, value] of headersOf({}, tenant)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    request.onload = () => {
      if (request.status < 300) return resolve(`s3://${bucket}/${key}`);
      const xml = request.responseXML;
      reject(
        new Refusal(
          request.status,
          xml?.querySelector("Code")?.textContent || `Status ${request.status}`,
          xml?.querySelector("Message")?.textContent || request.responseText.slice(0, 400),
        ),
      );
    };
    request.onerror = () => reject(new Refusal(0, "No answer", "The upload was broken off."));
    request.send(file);
  });
}

/** Objects below a URI, a thousand at most: [{key, size, time}]. */
export async function list(uri, tenant) {
  const { bucket, key } = parseUri(uri);
  const reply = await ask(`/${bucket}?list-type=2&prefix=${encodeURIComponent(key)}`, { tenant });
  const xml = new DOMParser().parseFromString(await reply.text(), "application/xml");
  return [...xml.querySelectorAll("Contents")].map((entry) => ({
    key: entry.querySelector("Key").textContent,
    uri: `s3://${bucket}/${entry.querySelector("Key").textContent}`,
    size: Number(entry.querySelector("Size").textContent),
    time: entry.querySelector("LastModified").textContent,
  }));
}

export async function read(uri, tenant) {
  const { bucket, key } = parseUri(uri);
  return ask(`/${bucket}/${keyPath(key)}`, { tenant });
}

/** Saves an object as a file: never opened as a page, whoever wrote it. */
export async function download(uri, tenant) {
  await saveReply(await read(uri, tenant), uri.replace(/^.*\//, "") || "object");
}

/** What a path of one of the server's APIs answers, as a file. */
export async function downloadPath(path, name, tenant) {
  await saveReply(await ask(path, { tenant }), name);
}

async function saveReply(reply, name) {
  save(new Blob([await reply.blob()], { type: "application/octet-stream" }), name);
}

export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
