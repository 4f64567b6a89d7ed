/**
 * A server that sends the answers of a test as raw bytes, one to each connection.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { hang, serveRaw, type TestServer } from "./http_servers.ts";

/** One response on its connection; `cut` closes the connection there, `hangs` never does. */
export interface Answer {
  readonly status?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** The bytes of the body that are sent before the connection is closed. */
  readonly cut?: number;
  /** Send no Content-Length: the body ends with the connection. */
  readonly untilClose?: true;
  /** Leave the connection open after `cut` bytes. */
  readonly hangs?: true;
  /** Sent before the response. */
  readonly interim?: string;
  /** Send head and body byte by byte. */
  readonly dripped?: true;
  /** The whole response as it is, instead of all others. */
  readonly raw?: string | Uint8Array;
}

/** Makes an answer; `from` is where the requested range begins. */
export type MakeAnswer = (from: number, path: string, head: string) => Answer;

/** A server, and the heads of the requests to it. */
export interface AnswerServer extends TestServer {
  /** In the order of the requests. */
  readonly heads: readonly string[];
}

/** Gives the answers in order; the last one repeats. */
export function serveAnswers(answers: readonly MakeAnswer[]): AnswerServer {
  const heads: string[] = [];
  const server = serveRaw(async (conn, head) => {
    const [, from = "0"] = /^range: bytes=(\d+)-/im.exec(head) ?? [];
    const path = head.split(" ", 2)[1] ?? "";
    const make = answers[Math.min(heads.length, answers.length - 1)];
    heads.push(head);
    const answer = make?.(Number(from), path, head) ?? {};
    if (answer.raw !== undefined) return await write(conn, Buffer.from(answer.raw));
    const { status = "200 OK", headers = {}, body = "", untilClose, hangs, cut } = answer;
    const bytes = Buffer.from(body);
    const lines = Object.entries({
      // A cut is not announced: that would make it the server's mistake.
      ...(cut === undefined && !hangs ? { connection: "close" } : {}),
      ...(untilClose ? {} : { "content-length": String(bytes.length) }),
      ...headers,
    }).map(([name, value]) =>
      Buffer.from(`${name}: ${value}\r\n`, name === "location" ? "latin1" : "utf8")
    );
    const response = Buffer.concat([
      Buffer.from(`${answer.interim ?? ""}HTTP/1.1 ${status}\r\n`),
      ...lines,
      Buffer.from("\r\n"),
      bytes.subarray(0, cut),
    ]);
    if (answer.dripped) { for (const byte of response) await drip(conn, byte); }
    else await write(conn, response);
    if (hangs) await hang(conn);
  });
  return Object.assign(server, { heads });
}

/** Lets the client read each byte on its own. */
async function drip(conn: Deno.TcpConn, byte: number): Promise<void> {
  await conn.write(Uint8Array.of(byte));
  await new Promise((resolve) => setTimeout(resolve));
}

async function write(conn: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}
