/**
 * A server that records what comes, and a channel `http` whose requests to any
 * service go there instead.
 *
 * @module
 */

import { textOfJson } from "../../../src/lib/json/held_text.ts";
import type { Channel } from "../../../src/channels/channel.ts";
import type { FetchPayload } from "../../../src/task/payloads.ts";
import { openTestHttp } from "../support/http_channel.ts";
import { serveHttp } from "../support/http_servers.ts";

/** One request, as it came. */
export interface Recorded {
  /** Where the channel wanted it to go. */
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  // deno-lint-ignore no-explicit-any -- bodies are what the tests are about
  readonly json: any;
}

/** A recorder. */
export interface Recorder extends AsyncDisposable {
  /** All that came, in order. */
  readonly requests: Recorded[];
  /** Sends, but everything to the recorder. */
  readonly http: Channel;
  /** `127.0.0.1:PORT` */
  readonly host: string;
}

async function bodyOf(request: Request): Promise<unknown> {
  const text = await request.text();
  const type = request.headers.get("content-type") ?? "";
  if (type.includes("urlencoded")) return Object.fromEntries(new URLSearchParams(text));
  return type.includes("json") ? JSON.parse(text) : text;
}

/** Opens one; `answers` are given in turn, the last again and again. */
export function openRecorder(...answers: (() => Response)[]): Recorder {
  const requests: Recorded[] = [];
  const server = serveHttp(async (request) => {
    requests.push({
      url: request.headers.get("x-wanted") ?? request.url,
      method: request.method,
      headers: request.headers,
      json: await bodyOf(request),
    });
    const next = answers.length > 1 ? answers.shift() : answers[0];
    return next?.() ?? new Response("ok");
  });
  const http = openTestHttp({ waits: { connect: 10_000, idle: 10_000 } });
  return {
    requests,
    host: `127.0.0.1:${server.port}`,
    http: {
      deliver(attempt, context) {
        const payload = JSON.parse(textOfJson(attempt.payload)) as FetchPayload;
        const wanted = new URL(payload.url);
        const sent = {
          ...payload,
          url: `${server.url}${wanted.pathname}${wanted.search}`,
          headers: { ...payload.headers, "x-wanted": wanted.href },
        };
        return http.deliver({ ...attempt, payload: JSON.stringify(sent) }, context);
      },
    },
    async [Symbol.asyncDispose]() {
      await http[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}
