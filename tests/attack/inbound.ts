/**
 * Malformed requests: the service answers each with a status below 500, or
 * closes the connection.
 *
 * @module
 */

import { type Finding, must } from "./report.ts";
import type { World } from "./world.ts";

const VALID = [
  "GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
  "GET /tasks?limit=5&state=failed HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
  "GET /ui/tasks?q=a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
  "DELETE /tasks?tag=a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
  `POST /notify HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 60\r\n\r\n{"to":"a@example.org","subject":"s","text":"t","delay":"9d"}`,
  `POST /fetch HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n\r\n`,
];
const PIECES = [
  ...["\0", "\r", "\n", "\r\n", " ", "\t", ":", "%", "%00", "%zz", "..", "/", "//", "?", "#", "\\"],
  ...["HTTP/9.9", "HTTP/1.0", "Host: a b", "Host: x:99999", "Host: %", "Content-Length: -1"],
  ...[
    "Content-Length: 99999999999999999999",
    "Transfer-Encoding: chunked, identity",
    "ffffffff\r\n",
  ],
  ...[
    '{"a":'.repeat(100),
    "[".repeat(1_000),
    "\u00ff\u00fe",
    "é",
    "Expect: 100-continue",
    "Upgrade: h2c",
  ],
  ...[
    "Cookie: ",
    "Authorization: Bearer ",
    "Range: bytes=0-,1-,2-",
    "Last-Event-ID: -1",
    "a".repeat(9_000),
  ],
];

/** Sends `count` malformed requests. */
export async function inbound(
  { api }: World,
  { count, random }: { count: number; random: () => number },
): Promise<Finding[]> {
  const port = Number(new URL(api.url).port);
  const failed: string[] = [];
  let sent = 0;
  const sendSome = async () => {
    while (sent++ < count) {
      const request = mutated(random);
      const answer = await exchange(port, request);
      if (/^HTTP\/1\.1 5\d\d/.test(answer)) failed.push(JSON.stringify(request.slice(0, 100)));
    }
  };
  await Promise.all(Array.from({ length: 16 }, sendSome));
  return [
    must(`of ${count} malformed requests answered with a 5xx`, failed),
  ];
}

function mutated(random: () => number): string {
  let request = VALID[Math.floor(random() * VALID.length)] ?? "";
  for (let n = 1 + Math.floor(random() * 4); n > 0; n--) {
    const at = Math.floor(random() * request.length);
    const piece = PIECES[Math.floor(random() * PIECES.length)] ?? "";
    const cut = random() < 0.5 ? Math.floor(random() * 12) : 0;
    request = request.slice(0, at) + (random() < 0.8 ? piece : "") + request.slice(at + cut);
  }
  return request;
}

/** The beginning of what is answered; nothing when the connection is closed or nothing comes soon. */
async function exchange(port: number, request: string): Promise<string> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const late = setTimeout(() => conn.closeWrite().catch(() => {}), 20);
  const later = setTimeout(() => close(conn), 400);
  try {
    await conn.write(new TextEncoder().encode(request));
    const buffer = new Uint8Array(512);
    const length = await conn.read(buffer);
    return new TextDecoder().decode(buffer.subarray(0, length ?? 0));
  } catch {
    return "";
  } finally {
    clearTimeout(late);
    clearTimeout(later);
    close(conn);
  }
}

function close(conn: Deno.TcpConn): void {
  try {
    conn.close();
  } catch {
    // It was closed before.
  }
}
