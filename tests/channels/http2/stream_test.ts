import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Http2Fault } from "../../../src/channels/http2/fault.ts";
import type { Field } from "../../../src/channels/http2/header_block.ts";
import { STREAM_WINDOW } from "../../../src/channels/http2/settings.ts";
import { Http2Stream } from "../../../src/channels/http2/stream.ts";
import type { UpstreamRequest } from "../../../src/channels/upstream.ts";

const OK: Field = [":status", "200"];

function aStream(more: Partial<UpstreamRequest> = {}) {
  const said: string[] = [];
  const request = {
    origin: "https://example.org:8443",
    path: "/a?b",
    method: "GET",
    headers: {},
    body: null,
    ...more,
  };
  const handler = {
    onResponseStart: (_: unknown, status: number, headers: readonly string[]) => {
      said.push(`${status} ${headers.join(" ")}`.trim());
    },
    onResponseData: (_: unknown, piece: Uint8Array) => void said.push(`${piece.length} bytes`),
    onRequestStart() {},
    onResponseEnd() {},
    onResponseError: (error: Error) => void said.push(error.message),
  };
  const home = {
    drop: (_: unknown, code: number) => void said.push(`drop ${code}`),
    grant: (_: unknown, bytes: number) => void said.push(`grant ${bytes}`),
  };
  const at = { id: 1, begunAt: 0, sendWindow: 65_535 };
  return { said, stream: new Http2Stream({ request, handler, tries: 0 }, home, at) };
}

Deno.test("a request is written with pseudo-headers first and its length last", () => {
  const { stream } = aStream({ method: "POST", headers: { accept: "*/*" }, body: "ä" });
  assert.deepEqual(stream.fields(), [
    [":method", "POST"],
    [":scheme", "https"],
    [":authority", "example.org:8443"],
    [":path", "/a?b"],
    ["accept", "*/*"],
    ["content-length", "2"],
  ]);
});

Deno.test.each([
  { name: "x", value: "a\r\nb" },
  { name: "x", value: "☃" },
  { name: "x y", value: "" },
])("the header $name: $value is refused", ({ name, value }) => {
  const { stream } = aStream({ headers: { [name]: value } });
  assert.throws(() => stream.fields(), { code: "bad_request" });
});

Deno.test("a response starts at its final head, without connection headers", () => {
  const { stream, said } = aStream();
  assert.equal(stream.takeFields([[":status", "103"], ["link", "</a>"]], false), false);
  const fields: Field[] = [OK, ["set-cookie", "a=1"], ["set-cookie", "b=2"], ["connection", "x"]];
  assert.equal(stream.takeFields(fields, false), false);
  assert.equal(stream.takeData(Buffer.from("abc"), 3, false), false);
  assert.equal(stream.takeFields([["x-trailer", "y"]], true), true);
  assert.deepEqual(said, [
    "103 link </a>",
    "200 set-cookie a=1 set-cookie b=2",
    "3 bytes",
  ]);
});

Deno.test("headers come in their order, repeated ones too", () => {
  const { stream, said } = aStream();
  const fields: Field[] = [OK, ["constructor", "a"], ["x", "1"], ["x", "2"], ["x", "3"]];
  stream.takeFields(fields, true);
  assert.deepEqual(said, ["200 constructor a x 1 x 2 x 3"]);
});

Deno.test.each<{ why: string; fields: Field[] }>([
  { why: "no status", fields: [["x", "y"]] },
  { why: "a status that is not first", fields: [["x", "y"], OK] },
  { why: "two statuses", fields: [OK, OK] },
  { why: "a status of letters", fields: [[":status", "abc"]] },
  { why: "a status of four digits", fields: [[":status", "2000"]] },
  { why: "another protocol", fields: [[":status", "101"]] },
  { why: "a name in capitals", fields: [OK, ["X-Y", "z"]] },
  { why: "a name that is none", fields: [OK, ["a b", "z"]] },
  { why: "a value with a line end", fields: [OK, ["x", "y\nz"]] },
  { why: "two lengths", fields: [OK, ["content-length", "1"], ["content-length", "2"]] },
  { why: "a length below zero", fields: [OK, ["content-length", "-1"]] },
])("a head with $why is refused", ({ fields }) => {
  assert.throws(() => aStream().stream.takeFields(fields, false), Http2Fault);
});

Deno.test("a HEAD response may have a length without a body", () => {
  const { stream } = aStream({ method: "HEAD" });
  assert.equal(stream.takeFields([OK, ["content-length", "9"]], true), true);
});

Deno.test("a paused server may fill its window and continues after resume", () => {
  const { stream, said } = aStream();
  const piece = Buffer.alloc(16_384);
  const send = (bytes: number) => {
    for (let sent = 0; sent < bytes; sent += piece.length) {
      stream.takeData(piece, piece.length, false);
    }
  };
  const granted = () => said.filter((word) => word.startsWith("grant"));
  stream.takeFields([OK], false);
  send(STREAM_WINDOW / 2);
  assert.deepEqual(granted(), [`grant ${STREAM_WINDOW / 2}`]);
  stream.pause();
  send(STREAM_WINDOW);
  assert.equal(granted().length, 1);
  assert.throws(() => send(1), Http2Fault);
});

Deno.test("resume() grants the window again", () => {
  const { stream, said } = aStream();
  stream.takeFields([OK], false);
  stream.pause();
  stream.takeData(Buffer.alloc(0), STREAM_WINDOW, false);
  stream.resume();
  assert.deepEqual(said.slice(1), [`grant ${STREAM_WINDOW}`]);
});

Deno.test("an aborted stream is reset once and its handler is not called again", () => {
  const { stream, said } = aStream();
  stream.abort();
  stream.abort();
  stream.fail(new Error("too late"));
  assert.deepEqual(said, ["drop 8"]);
});
