/**
 * The bare clients that Postrider's attempts are compared with: a loop around a
 * client library.
 *
 *     deno run -A tests/bench/loops.ts '{"client":"http","port":8000,"count":20000,"concurrency":64}'
 *
 * @module
 */

import nodemailer from "nodemailer";
import { Agent, request } from "undici";

/** What to send. */
export interface Loop {
  /** `http`: undici's `request`; `smtp`: nodemailer, pooled. */
  readonly client: "http" | "smtp";
  /** The port of the sink on 127.0.0.1. */
  readonly port: number;
  /** How many requests are measured. */
  readonly count: number;
  /** How many run at once. */
  readonly concurrency: number;
}

/** The result. */
export interface LoopResult {
  /** From the first to the last. */
  readonly seconds: number;
}

async function run({ client, port, count, concurrency }: Loop): Promise<LoopResult> {
  const send = client === "http" ? httpSender(port) : smtpSender(port, concurrency);
  await volley(send, Math.ceil(count / 10), concurrency);
  const startedAt = performance.now();
  await volley(send, count, concurrency);
  return { seconds: (performance.now() - startedAt) / 1_000 };
}

async function volley(send: () => Promise<unknown>, count: number, concurrency: number) {
  let left = count;
  await Promise.all(Array.from({ length: concurrency }, async () => {
    while (left-- > 0) await send();
  }));
}

function httpSender(port: number): () => Promise<unknown> {
  const dispatcher = new Agent();
  return async () => {
    const { body } = await request(`http://127.0.0.1:${port}/ride`, { dispatcher });
    return await body.text();
  };
}

function smtpSender(port: number, connections: number): () => Promise<unknown> {
  const transport = nodemailer.createTransport({
    host: "127.0.0.1",
    port,
    secure: false,
    ignoreTLS: true,
    pool: true,
    maxConnections: connections,
    maxMessages: Infinity,
    name: "bench",
  });
  return () =>
    transport.sendMail({
      from: "postrider@localhost",
      to: "ada@example.org",
      subject: "Hello",
      text: "It rides.",
    });
}

const result = await run(JSON.parse(Deno.args[0] ?? "{}") as Loop);
Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(result) + "\n"));
Deno.exit(0);
