// The AWS SDK for JavaScript's S3 client with its defaults against $FULCRUM_URL. Prints one JSON object.
import { createRequire } from "node:module";
import { createHash, randomBytes } from "node:crypto";
import path from "node:path";
import { Readable } from "node:stream";

const require = createRequire(path.join(process.env.FULCRUM_NODE_MODULES, "resolve.js"));
const { S3Client, CreateBucketCommand, PutObjectCommand, GetObjectCommand, HeadObjectCommand, ListObjectsV2Command,
        DeleteObjectsCommand, CreateMultipartUploadCommand, UploadPartCommand,
        CompleteMultipartUploadCommand } = require("@aws-sdk/client-s3");

const client = new S3Client({
  region: "us-east-1",
  endpoint: process.env.FULCRUM_URL,
  forcePathStyle: true,
  credentials: { accessKeyId: process.env.FULCRUM_KEY ?? "AKIDJS", secretAccessKey: process.env.FULCRUM_SECRET ?? "secret" },
  maxAttempts: 1,
});
const Bucket = "from-javascript";
const result = {};
const body = randomBytes(6 * 1024 * 1024);

await client.send(new CreateBucketCommand({ Bucket }));
const put = await client.send(new PutObjectCommand({ Bucket, Key: "a b/ü.bin", Body: body, Metadata: { a: "b" } }));
result.etag = put.ETag === `"${createHash("md5").update(body).digest("hex")}"`;

// A stream has no hash beforehand: it goes aws-chunked with a trailing checksum.
await client.send(new PutObjectCommand({ Bucket, Key: "stream", Body: Readable.from([body]), ContentLength: body.length,
                                         ChecksumAlgorithm: "CRC32" }));
const got = await client.send(new GetObjectCommand({ Bucket, Key: "stream" }));
result.stream = body.equals(Buffer.from(await got.Body.transformToByteArray()));
result.metadata = (await client.send(new HeadObjectCommand({ Bucket, Key: "a b/ü.bin" }))).Metadata;

const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key: "parts" }));
const Parts = [];
for (const PartNumber of [1, 2]) {
  const part = await client.send(new UploadPartCommand({ Bucket, Key: "parts", UploadId, PartNumber, Body: body }));
  Parts.push({ PartNumber, ETag: part.ETag, ChecksumCRC32: part.ChecksumCRC32 });
}
await client.send(new CompleteMultipartUploadCommand({ Bucket, Key: "parts", UploadId, MultipartUpload: { Parts } }));
const range = await client.send(new GetObjectCommand({ Bucket, Key: "parts", Range: "bytes=6291450-6291461" }));
result.range = Buffer.concat([body.subarray(-6), body.subarray(0, 6)])
  .equals(Buffer.from(await range.Body.transformToByteArray()));

const listed = await client.send(new ListObjectsV2Command({ Bucket }));
result.keys = listed.Contents.map((object) => object.Key);
await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: result.keys.map((Key) => ({ Key })) } }));
result.left = (await client.send(new ListObjectsV2Command({ Bucket }))).KeyCount;
try {
  await client.send(new GetObjectCommand({ Bucket, Key: "stream" }));
} catch (error) {
  result.error = error.name;
}
console.log(JSON.stringify(result));
