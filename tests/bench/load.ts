/**
 * A load of POST requests over kept-alive connections, in a process of its own.
 *
 * It uses plain HTTP/1.1 over sockets, so that it costs less than what it
 * measures. Prints one line of JSON: `{requests, failed, seconds, p50Ms, p99Ms}`.
 *
 *     deno run -A tests/bench/load.ts '{"port":8000,"path":"/notify","body":"{}",
 *       "connections":64,"requests":100000,"warmup":10000}'
 *
 * @module
 */

/** What to send, how often, and over how many connections. */
export interface Load {
  /** The port on 127.0.0.1. */
  readonly port: number;
  /** The ports of further nodes of one service; the connections are spread evenly over all. */
  readonly otherPorts?: readonly number[];
  /** The path, with its query. */
  readonly path: string;
  /** The body, as JSON text. */
  readonly body: string;
  /** Of `Prefer`: `wait=60` answers when the task has ended. */
  readonly prefer?: string;
  /** The number of connections; each has one request at a time. */
  readonly connections: number;
  /** How many requests are measured. */
  readonly requests: number;
  /** How many requests come first and are not measured. */
  readonly warmup: number;
}

/** The result. */
export interface LoadResult {
  /** Responses with 2xx. */
  readonly requests: number;
  /** Other responses. */
  readonly failed: number;
  /** From the first measured request to the last. */
  readonly seconds: number;
  /** The median time to a response. */
  readonly p50Ms: number;
  /** The time that 1 % exceed. */
  readonly p99Ms: number;
}

const HEAD_END = [13, 10, 13, 10] as const;

/** Sends the load and resolves when all requests have a response. */
export async function sendLoad(load: Load): Promise<LoadResult> {
  const request = requestBytes(load);
  if (load.warmup > 0) await volley(load, request, load.warmup, []);
  const times: number[] = [];
  const startedAt = performance.now();
  const failed = await volley(load, request, load.requests, times);
  const seconds = (performance.now() - startedAt) / 1_000;
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))];
  return {
    requests: times.length - failed,
    failed,
    seconds,
    p50Ms: at(0.5) ?? 0,
    p99Ms: at(0.99) ?? 0,
  };
}

async function volley(
  { port, otherPorts = [], connections }: Load,
  request: Uint8Array<ArrayBuffer>,
  count: number,
  times: number[],
): Promise<number> {
  let left = count;
  let failed = 0;
  const ports = [port, ...otherPorts];
  const lane = async (_: unknown, number: number) => {
    const to = ports[number % ports.length] as number;
    using socket = await Deno.connect({ hostname: "127.0.0.1", port: to });
    socket.setNoDelay(true);
    const buffer = new Uint8Array(64 * 1024);
    while (left-- > 0) {
      const sentAt = performance.now();
      for (let sent = 0; sent < request.length;) sent += await socket.write(request.subarray(sent));
      if (await readAnswer(socket, buffer) >= 300) failed++;
      times.push(performance.now() - sentAt);
    }
  };
  await Promise.all(Array.from({ length: connections }, lane));
  return failed;
}

function requestBytes({ port, path, body, prefer }: Load): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(body).length;
  return new TextEncoder().encode(
    `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${bytes}\r\n${prefer ? `Prefer: ${prefer}\r\n` : ""}\r\n${body}`,
  );
}

/** Reads one response and returns its status; it must have a Content-Length. */
async function readAnswer(socket: Deno.TcpConn, buffer: Uint8Array): Promise<number> {
  let filled = 0;
  let end = Infinity;
  while (filled < end) {
    const got = await socket.read(buffer.subarray(filled));
    if (got === null) throw new Error("The server closed the connection");
    filled += got;
    if (end === Infinity) end = answerLength(buffer, filled);
  }
  return (buffer[9]! - 48) * 100 + (buffer[10]! - 48) * 10 + (buffer[11]! - 48);
}

function answerLength(buffer: Uint8Array, filled: number): number {
  for (let at = 0; at + 3 < filled; at++) {
    if (HEAD_END.every((byte, i) => buffer[at + i] === byte)) {
      const head = new TextDecoder().decode(buffer.subarray(0, at));
      return at + 4 + Number(/content-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    }
  }
  return Infinity;
}

if (import.meta.main) {
  const result = await sendLoad(JSON.parse(Deno.args[0] ?? "{}") as Load);
  await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(result) + "\n"));
}
