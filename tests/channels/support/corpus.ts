/**
 * Generated responses and an oracle: whatever a server does to a body on its way, a task never
 * succeeds with other bytes than those of one version that the server has.
 *
 * By hand: deno task corpus 10000 [SEED]
 *
 * @module
 */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import {
  brotliCompressSync,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from "node:zlib";
import type { Channel } from "../../../src/channels/channel.ts";
import { aContext, aFetch, anAttempt } from "./attempts.ts";
import { openTestHttp } from "./http_channel.ts";
import { serveRaw } from "./http_servers.ts";
import { seeded } from "../../support/seeded.ts";
import { makeIdentity } from "./tls_relay.ts";
import { startTunnel } from "./tunnel.ts";

/** What came of a run. */
export interface CorpusReport {
  /** Tasks by what became of them. */
  readonly counts: Record<string, number>;
  /** Tasks that succeeded with wrong bytes: a description of each. */
  readonly wrong: string[];
}

type Encode = (body: Uint8Array) => Uint8Array;

/** The first of the two parts that `split` makes: it is complete by itself. */
const FIRST_PARTS = new Map<Encode, Encode>();

function split(encode: Encode): Encode {
  const first: Encode = (body) => encode(body.subarray(0, body.length >> 1));
  const both: Encode = (body) =>
    Buffer.concat([first(body), encode(body.subarray(body.length >> 1))]);
  FIRST_PARTS.set(both, first);
  return both;
}

const CODINGS: readonly (readonly [string, Encode])[] = [
  ["identity", (body) => body],
  ["gzip", gzipSync],
  ["gzip", split(gzipSync)],
  ["deflate", deflateSync],
  ["deflate", deflateRawSync],
  ["br", brotliCompressSync],
  ["zstd", zstdCompressSync],
  ["zstd", split(zstdCompressSync)],
  ["gzip, br", (body) => brotliCompressSync(gzipSync(body))],
  ["zstd, gzip", (body) => gzipSync(zstdCompressSync(body))],
];
const FRAMINGS = ["length", "chunked", "close"] as const;

/** One answer, chosen by chance. */
interface Answer {
  readonly status: 200 | 206;
  /** The lines of the head that belong to the body. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Without those that are cut off. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly framing: (typeof FRAMINGS)[number];
  readonly isCut: boolean;
}

/** A way to a server, which gives the answers of the present task. */
interface Way {
  readonly url: string;
  readonly channel: Channel;
}

/** Runs `count` tasks, each against its own generated server behaviour, on each way in turn. */
export async function runCorpus(
  count: number,
  seed: number,
  downloads: string,
): Promise<CorpusReport> {
  const counts: Record<string, number> = {};
  const wrong: string[] = [];
  await using stack = new AsyncDisposableStack();
  const present: Present = { random: () => 0, answer: () => assert.fail("no task runs") };
  const ways = Object.entries(await openWays(present, downloads, stack));
  for (let n = 0; n < count; n++) {
    const [name, way] = ways[n % ways.length]!;
    present.random = seeded(seed * 1_000_003 + n);
    const [kind, fault] = await runTask(way, present, downloads);
    counts[`${name}: ${kind}`] = (counts[`${name}: ${kind}`] ?? 0) + 1;
    if (fault !== undefined) wrong.push(`seed ${seed}, task ${n}, ${name}: ${fault}`);
  }
  return { counts, wrong };
}

/** The task that runs. */
interface Present {
  random: () => number;
  answer: (range: string | undefined) => Answer;
}

/** HTTP/1.1 in clear text, through an egress proxy and over TLS; HTTP/2 directly and through the proxy. */
async function openWays(
  present: Present,
  downloads: string,
  stack: AsyncDisposableStack,
): Promise<Record<string, Way>> {
  const identity = stack.use(await makeIdentity());
  const certificate = { key: identity.key, cert: identity.ca };
  const raw = async (conn: Deno.TcpConn, head: string) => {
    const { status, headers, bytes, framing, isCut } = present.answer(rangeOf(head));
    const lines = [
      ...headers.map(([name, value]) => `${name}: ${value}`),
      ...(framing === "chunked" ? ["transfer-encoding: chunked"] : []),
      ...(framing === "close" ? ["connection: close"] : []),
    ];
    const text = `HTTP/1.1 ${status} OK\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n`;
    const body = framing === "chunked" ? chunked(bytes, present.random, isCut) : bytes;
    const response = Buffer.concat([Buffer.from(text), body]);
    for (let at = 0; at < response.length;) at += await conn.write(response.subarray(at));
    await conn.closeWrite();
  };
  const plain = stack.use(serveRaw(raw));
  const secure = stack.use(serveRaw(raw, certificate));
  const http2 = stack.use(serveHttp2(present, certificate));
  const tunnel = stack.use(startTunnel());
  const open = (more = {}) =>
    stack.use(openTestHttp({
      downloads,
      ca: identity.ca,
      addresses: ["127.0.0.1"],
      allow: "localhost,127.0.0.1",
      waits: { connect: 5_000, idle: 5_000 },
      ...more,
    }));
  const direct = open();
  const proxied = open({ egressProxy: tunnel.proxy });
  const tls = ({ port }: { port: number }) => `https://localhost:${port}`;
  return {
    "http": { url: plain.url, channel: direct },
    "http, proxy": { url: plain.url, channel: proxied },
    "https": { url: tls(secure), channel: direct },
    "h2": { url: tls(http2), channel: direct },
    "h2, proxy": { url: tls(http2), channel: proxied },
  };
}

function rangeOf(head: string): string | undefined {
  return /^range: bytes=(\d+)-/im.exec(head)?.[1];
}

/** Over HTTP/2 a body that is cut ends with a reset, or like a whole one where nothing frames it. */
function serveHttp2(present: Present, certificate: Deno.TlsCertifiedKeyPem) {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, ...certificate, onListen() {} },
    (request) => {
      const range = rangeOf(`range: ${request.headers.get("range")}`);
      const { status, headers, bytes, framing, isCut } = present.answer(range);
      let at = 0;
      const body = new ReadableStream({
        pull(controller) {
          if (at < bytes.length) {
            const piece = bytes.slice(at, at += 1 + Math.floor(present.random() * 20_000));
            return controller.enqueue(piece);
          }
          // Deno prints the error.
          if (isCut && framing !== "close") return controller.error("");
          controller.close();
        },
      }, { highWaterMark: 0 });
      return new Response(body, { status, headers: headers.map(([name, value]) => [name, value]) });
    },
  );
  return { port: server.addr.port, [Symbol.asyncDispose]: () => server.shutdown() };
}

async function runTask(
  { url, channel }: Way,
  present: Present,
  downloads: string,
): Promise<[kind: string, fault?: string]> {
  const { random } = present;
  const pick = <Item>(items: readonly Item[]): Item =>
    items[Math.floor(random() * items.length)] as Item;
  const size = Math.floor(random() ** 3 * 100_000);
  const versions = [1, 2].map((version) =>
    Buffer.from(
      Array.from(
        { length: Math.max(0, size + (version === 2 ? pick([0, 0, -7, 90]) : 0)) },
        (_, at) => random() < 0.9 ? 97 + (at >> 4) % 20 : Math.floor(random() * 256),
      ),
    )
  );
  const isSaved = random() < 0.6;
  const hasTag = random() < 0.8;
  const method = random() < 0.85 ? "GET" : "POST";
  let version = 0;
  let isAmbiguous = false;
  const log: string[] = [];
  present.answer = (requested) => {
    if (random() < 0.15) version = 1 - version;
    const body = versions[version] ?? Buffer.alloc(0);
    const [coding, encode] = random() < 0.5 ? CODINGS[0]! : pick(CODINGS);
    const framing = pick(FRAMINGS);
    const isPart = requested !== undefined && Number(requested) < body.length && random() < 0.85;
    const headers: [string, string][] = hasTag ? [["etag", `"v${version}"`]] : [];
    let sent: Uint8Array = body;
    if (isPart) {
      const from = random() < 0.9 ? Number(requested) : Math.floor(random() * body.length);
      const to = random() < 0.7 ? body.length : from + Math.ceil(random() * (body.length - from));
      const total = random() < 0.9 ? body.length : pick(["*", body.length + 1]);
      sent = body.subarray(from, to);
      headers.push(["content-range", `bytes ${from}-${to - 1}/${total}`]);
      if (random() < 0.1) sent = sent.subarray(0, Math.floor(random() * sent.length));
    } else if (coding !== "identity") {
      sent = sent.length === 0 && random() < 0.5 ? sent : encode(body);
      headers.push(["content-encoding", coding]);
    }
    const isCut = random() < 0.4;
    const cut = isCut ? Math.floor(random() * (sent.length + 1)) : sent.length;
    // When only the end of the connection ends the body, an early end cannot be detected.
    if (framing === "close" && !isPart && coding === "identity" && cut < sent.length) {
      isAmbiguous = true;
    }
    if (framing === "close" && coding !== "identity" && cut === 0 && sent.length > 0) {
      isAmbiguous = true;
    }
    // Nor can one between two gzip members or zstd frames.
    if (framing === "close" && !isPart && cut === FIRST_PARTS.get(encode)?.(body).length) {
      isAmbiguous = true;
    }
    if (framing === "length") headers.push(["content-length", String(sent.length)]);
    const status = isPart ? 206 : 200;
    log.push(`${status} ${framing} ${headers.join("; ")} cut ${cut}/${sent.length}`);
    const bytes = Uint8Array.from(sent.subarray(0, cut));
    return { status, headers, bytes, framing, isCut: cut < sent.length };
  };
  const attempt = anAttempt(
    aFetch(`${url}/`, { method, ...(isSaved ? { save: true } : {}) }),
  );
  for (let number = 1; number <= 6; number++) {
    isAmbiguous = false;
    const outcome = await channel.deliver({ ...attempt, number }, aContext());
    if (outcome.kind === "deferred") continue;
    if (outcome.kind !== "delivered") return [outcome.kind];
    // deno-lint-ignore no-explicit-any -- results are JSON of many shapes
    const result = outcome.result as any;
    if (result.bodyError) return ["delivered without its body"];
    if (isAmbiguous) return ["delivered, where no cut can be seen"];
    const isRight = versions.some((version) => sha256(version) === result.sha256);
    if (!isRight) return ["wrong", `${method} ${log.join(" | ")}`];
    if (result.saved) {
      const saved = await Deno.readFile(`${downloads}/${result.saved.path}`);
      await Deno.remove(`${downloads}/${attempt.taskId}`, { recursive: true });
      if (sha256(saved) !== result.sha256) return ["wrong", `another file: ${log.join(" | ")}`];
    }
    return [result.saved?.resumed ? "delivered, resumed" : "delivered"];
  }
  return ["given up"];
}

/** The body in chunks; without the last one when it is incomplete. */
function chunked(body: Uint8Array, random: () => number, isIncomplete: boolean): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < body.length;) {
    const chunk = body.subarray(at, at + 1 + Math.floor(random() * 20_000));
    parts.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from("\r\n"));
    at += chunk.length;
  }
  return Buffer.concat(isIncomplete ? parts : [...parts, Buffer.from("0\r\n\r\n")]);
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

if (import.meta.main) {
  const [count = "10000", seed = String(Date.now() % 1_000_000)] = Deno.args;
  const downloads = await Deno.makeTempDir();
  const report = await runCorpus(Number(count), Number(seed), downloads);
  await Deno.remove(downloads, { recursive: true });
  const text = `seed ${seed}\n${JSON.stringify(report, undefined, 2)}\n`;
  Deno.stdout.writeSync(new TextEncoder().encode(text));
  Deno.exit(report.wrong.length === 0 ? 0 : 1);
}
