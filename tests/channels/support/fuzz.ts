/**
 * Reads generated responses with Postrider's HTTP/1.1 and with undici, and compares what each
 * makes of them: directly and through proxies.
 *
 * By hand: deno task fuzz 100000 [SEED] [direct,nginx,haproxy,caddy]
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { connect, type Socket } from "node:net";
import { Agent, type Dispatcher } from "undici";
import { openUpstreams } from "../../../src/channels/http/upstreams.ts";
import type { RawHeaders, UpstreamHandler } from "../../../src/channels/upstream.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { freePort, startNginx, startProxy } from "../../support/proxies.ts";
import { type FuzzCase, fuzzCase } from "./fuzz_cases.ts";
import { differenceOf } from "./fuzz_differences.ts";

/** What a client made of a response. */
export interface Seen {
  /** A complete response, a fault, or neither within the limit. */
  readonly end: "complete" | "refused" | "hangs";
  /** The status; 0 without a head. */
  readonly status: number;
  /** Of the final head. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** SHA-256 of the body, when it is complete. */
  readonly body: string;
  /** The statuses of the interim responses. */
  readonly interim: readonly number[];
  /** The code of the fault. */
  readonly code: string;
}

/** What came of a run. */
export interface FuzzReport {
  /** Responses read alike, refused by both, and those read otherwise by the reason. */
  readonly counts: Record<string, number>;
  /** Differences that no reason is known for. */
  readonly unexplained: string[];
  /** Requests that got the response of another, and connections that were used again and must not be. */
  readonly mixedUp: string[];
}

/** What is between the clients and the server. */
export type Way = "direct" | "nginx" | "haproxy" | "caddy";

const LANES = 24;
/** A client that has not ended by then hangs, as behind a proxy that keeps a connection. */
const HANG_MS = { direct: 20_000, nginx: 4_000, haproxy: 4_000, caddy: 4_000 };

/** Sends a request and resolves with what was seen. */
interface Client {
  fetch(path: string, method: string): Promise<Seen>;
  close(): Promise<void>;
}

/** Runs `count` cases. */
export async function runFuzz(
  { count, seed, way, folder }: { count: number; seed: number; way: Way; folder: string },
): Promise<FuzzReport> {
  const report: FuzzReport = { counts: {}, unexplained: [], mixedUp: [] };
  const count1 = (kind: string) => report.counts[kind] = (report.counts[kind] ?? 0) + 1;
  await using server = startServer(seed, report.mixedUp);
  await using front = await openWay(way, server.port, folder);
  let next = 0;
  const lane = async () => {
    const clients = {
      ours: openOurs(front.origin, HANG_MS[way]),
      theirs: openUndici(front.origin, HANG_MS[way]),
    };
    while (next < count) {
      const one = fuzzCase(seed, next++);
      const [ours, theirs] = await Promise.all([
        clients.ours.fetch(`/ours/${one.id}`, one.method),
        clients.theirs.fetch(`/theirs/${one.id}`, one.method),
      ]);
      for (const [name, { headers }] of Object.entries({ ours, theirs })) {
        // HAProxy joins folded lines.
        const [owner] = String(headers["x-case"] ?? one.id).split(/[ ,]/);
        if (owner === String(one.id)) continue;
        const text = `${name}: the request ${one.id} got the response of ${owner}`;
        if (name === "ours") report.mixedUp.push(text);
        else count1(`undici gave a request the response of another`);
      }
      if (isSame(ours, theirs, OWN_HEADERS[way])) {
        count1(ours.end === "complete" ? "read alike" : `both ${ours.end}`);
      } else {
        const reason = differenceOf(one, ours, theirs, way);
        count1(reason ?? "unexplained");
        if (reason === undefined) report.unexplained.push(told(one, ours, theirs));
      }
      if (one.late !== "") await server.sendLate(one.id);
    }
    await Promise.all([clients.ours.close(), clients.theirs.close()]);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return report;
}

/** Headers that a proxy writes by itself: its time, or how much had come when it began to answer. */
const OWN_HEADERS: Record<Way, readonly string[]> = {
  direct: [],
  nginx: ["date"],
  haproxy: ["date"],
  caddy: ["date", "content-length", "content-type", "transfer-encoding"],
};

function isSame(a: Seen, b: Seen, own: readonly string[]): boolean {
  if (a.end !== b.end) return false;
  return a.end !== "complete" || (a.status === b.status && a.body === b.body &&
    String(a.interim) === String(b.interim) && listed(a.headers, own) === listed(b.headers, own));
}

function listed(headers: Seen["headers"], own: readonly string[]): string {
  const others = Object.entries(headers).filter(([name]) => !own.includes(name));
  return JSON.stringify(others.sort(([a], [b]) => a < b ? -1 : 1));
}

function told({ id, method, marks, bytes }: FuzzCase, ours: Seen, theirs: Seen): string {
  const brief = ({ end, status, code, body, interim, headers }: Seen) =>
    `${end} ${status} ${code} ${body.slice(0, 8)} [${interim}] ${
      listed(headers, []).slice(0, 200)
    }`;
  return `${id} ${method} [${marks.join("; ")}]\n  ours:   ${brief(ours)}\n  undici: ${
    brief(theirs)
  }\n  ${JSON.stringify(bytes.toString("latin1").slice(0, 300))}`;
}

/** Collects what a client sees; `fault` may be called at any time. */
class Collector {
  readonly seen: Promise<Seen>;
  readonly #resolve: (seen: Seen) => void;
  readonly #hash = createHash("sha256");
  readonly #interim: number[] = [];
  #status = 0;
  #headers: Seen["headers"] = {};
  #timer: ReturnType<typeof setTimeout>;

  constructor(hangMs: number, onHang: () => void) {
    const { promise, resolve } = Promise.withResolvers<Seen>();
    this.seen = promise;
    this.#resolve = resolve;
    this.#timer = setTimeout(() => {
      this.end("hangs");
      onHang();
    }, hangMs);
  }

  head(status: number, headers: Seen["headers"]): void {
    if (status < 200) return void this.#interim.push(status);
    this.#status = status;
    this.#headers = headers;
  }

  data(chunk: Uint8Array): void {
    this.#hash.update(chunk);
  }

  end(end: Seen["end"], code = ""): void {
    clearTimeout(this.#timer);
    this.#resolve({
      end,
      status: this.#status,
      headers: this.#headers,
      body: end === "complete" ? this.#hash.digest("hex") : "",
      interim: this.#interim,
      code,
    });
  }
}

const BODY = "hello";

function openOurs(origin: string, hangMs: number): Client {
  const upstreams = openUpstreams({
    open({ hostname, port }) {
      const socket = connect({ host: hostname, port: Number(port), noDelay: true });
      return new Promise<Socket>((resolve, reject) => {
        socket.once("connect", () => resolve(socket));
        socket.once("error", reject);
      });
    },
    clock: systemClock,
    beginMs: 5_000,
  });
  return {
    fetch(path, method) {
      let abort = () => {};
      const collector = new Collector(hangMs, () => abort());
      const handler: UpstreamHandler = {
        onRequestStart: (controller) => abort = () => controller.abort(),
        onResponseStart: (_, status, headers) => collector.head(status, byName(headers)),
        onResponseData: (_, chunk) => collector.data(chunk),
        onResponseEnd: () => collector.end("complete"),
        onResponseError: (error) => collector.end("refused", codeOf(error)),
      };
      const body = method === "POST" ? BODY : null;
      upstreams.dispatch({ origin, path, method, headers: {}, body }, handler);
      return collector.seen;
    },
    close: () => upstreams.close(),
  };
}

function openUndici(origin: string, hangMs: number): Client {
  const agent = new Agent({
    headersTimeout: 0,
    bodyTimeout: 0,
    maxHeaderSize: 32_768,
    pipelining: 1,
    allowH2: false,
  });
  return {
    fetch(path, method) {
      let abort = () => {};
      const collector = new Collector(hangMs, () => abort());
      const body = method === "POST" ? BODY : null;
      agent.dispatch({ origin, path, method: method as Dispatcher.HttpMethod, body }, {
        onRequestStart: (controller) => abort = () => controller.abort(new Error("hangs")),
        onResponseStart: (_, status, headers) => collector.head(status, headers as Seen["headers"]),
        onResponseData: (_, chunk) => collector.data(chunk),
        onResponseEnd: () => collector.end("complete"),
        onResponseError: (_, error) => collector.end("refused", codeOf(error)),
      });
      return collector.seen;
    },
    close: () => agent.destroy(),
  };
}

/** The headers as undici gives them. */
function byName(raw: RawHeaders): Seen["headers"] {
  const headers: Record<string, string | string[]> = Object.create(null);
  for (let at = 0; at < raw.length; at += 2) {
    const [name, value] = [raw[at]!, raw[at + 1]!];
    const before = headers[name];
    headers[name] = before === undefined ? value : [before, value].flat();
  }
  return headers;
}

function codeOf(error: Error): string {
  return String((error as { code?: unknown }).code ?? error.name);
}

/** Answers each request with the response of the case that its path names. */
function startServer(seed: number, mixedUp: string[]) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const late = new Map<number, { conn: Deno.TcpConn; over: Promise<void> }[]>();
  const conns = new Set<Deno.TcpConn>();
  const serving = new Set<Promise<void>>();
  const serve = async (conn: Deno.TcpConn, over: Promise<void>) => {
    const buffer = new Uint8Array(65_536);
    let text = "";
    let before: FuzzCase | undefined;
    for (;;) {
      while (!/\r\n\r\n/.test(text)) {
        const read = await conn.read(buffer);
        if (read === null) return;
        text += Buffer.from(buffer.subarray(0, read)).toString("latin1");
      }
      const [, client, id] = /^\w+ \/(\w+)\/(\d+) /.exec(text) ?? [];
      const end = text.indexOf("\r\n\r\n") + 4;
      const length = Number(/^content-length: *(\d+)/im.exec(text.slice(0, end))?.[1] ?? 0);
      while (text.length < end + length) {
        const read = await conn.read(buffer);
        if (read === null) return;
        text += Buffer.from(buffer.subarray(0, read)).toString("latin1");
      }
      text = text.slice(end + length);
      const one = fuzzCase(seed, Number(id));
      if (before && mustNotStay(before)) {
        mixedUp.push(`${client}: a connection was used again after ${before.id} [${before.marks}]`);
      }
      before = one;
      if (one.late !== "") late.set(one.id, [...late.get(one.id) ?? [], { conn, over }]);
      let at = 0;
      for (const split of [...one.splits, one.bytes.length]) {
        await writeAll(conn, one.bytes.subarray(at, split));
        at = split;
        if (split < one.bytes.length) await new Promise((resolve) => setTimeout(resolve));
      }
      if (one.end === "stays") continue;
      await conn.closeWrite();
      while (await conn.read(buffer) !== null);
      return;
    }
  };
  const accepting = (async () => {
    for await (const conn of listener) {
      conns.add(conn);
      const { promise, resolve } = Promise.withResolvers<void>();
      serving.add(promise);
      serve(conn, promise).catch(() => {}).finally(() => {
        serving.delete(promise);
        if (conns.delete(conn)) conn.close();
        resolve();
      });
    }
  })();
  return {
    port: listener.addr.port,
    /** Sends what comes late, where the connection is still open, and waits for its end. */
    async sendLate(id: number) {
      const { late: bytes } = fuzzCase(seed, id);
      for (const { conn, over } of late.get(id) ?? []) {
        await writeAll(conn, Buffer.from(bytes, "latin1")).catch(() => {});
        await over;
      }
      late.delete(id);
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      for (const conn of conns) conn.close();
      conns.clear();
      await Promise.all(serving);
    },
  };
}

/** Whether the next request on its connection could get something of this response. */
function mustNotStay({ marks, late, end, method }: FuzzCase): boolean {
  return end === "closes" || late !== "" || method === "HEAD" ||
    marks.some((mark) => /behind the response|second response|cut|a body/.test(mark));
}

async function writeAll(conn: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

/** Where the clients connect to. */
async function openWay(
  way: Way,
  upstream: number,
  folder: string,
): Promise<AsyncDisposable & { origin: string }> {
  const to = `127.0.0.1:${upstream}`;
  if (way === "nginx") {
    const more = 'proxy_http_version 1.1; proxy_set_header Connection "";';
    const { url, proxy } = await startNginx(folder, `http://${to}`, "/", more);
    return Object.assign(proxy, { origin: url.replace("localhost", "127.0.0.1") });
  }
  const port = freePort();
  const origin = `http://127.0.0.1:${port}`;
  if (way === "haproxy") {
    const file = `${folder}/haproxy.cfg`;
    await Deno.writeTextFile(
      file,
      `defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend front
  bind 127.0.0.1:${port}
  default_backend back
backend back
  http-reuse never
  server one ${to}
`,
    );
    const proxy = await startProxy("haproxy", ["-f", file, "-db"], port);
    return Object.assign(proxy, { origin });
  }
  if (way === "caddy") {
    const file = `${folder}/Caddyfile`;
    await Deno.writeTextFile(
      file,
      `{
  admin off
}
http://127.0.0.1:${port} {
  reverse_proxy ${to} {
    transport http {
      keepalive off
    }
  }
}
`,
    );
    const args = ["run", "--config", file, "--adapter", "caddyfile"];
    const proxy = await startProxy("caddy", args, port);
    return Object.assign(proxy, { origin });
  }
  return { origin: `http://${to}`, [Symbol.asyncDispose]: () => Promise.resolve() };
}

if (import.meta.main) {
  const [count = "100000", seed = "1", ways = "direct,nginx,haproxy"] = Deno.args;
  const print = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
  let isGood = true;
  for (const way of ways.split(",") as Way[]) {
    const folder = await Deno.makeTempDir();
    const report = await runFuzz({ count: Number(count), seed: Number(seed), way, folder });
    await Deno.remove(folder, { recursive: true });
    const counts = Object.entries(report.counts).sort(([, a], [, b]) => b - a);
    print(`${way}, seed ${seed}: ${count} responses`);
    for (const [kind, times] of counts) print(`  ${String(times).padStart(7)} ${kind}`);
    for (const one of report.unexplained.slice(0, 40)) print(one);
    for (const one of report.mixedUp.slice(0, 40)) print(one);
    isGood &&= report.unexplained.length === 0 && report.mixedUp.length === 0;
  }
  Deno.exit(isGood ? 0 : 1);
}
