/**
 * What the table of cases runs against: a running service, and servers that a row scripts.
 *
 * @module
 */

import {
  type AnswerServer,
  type MakeAnswer,
  serveAnswers,
} from "../../channels/support/answers.ts";
import { type Api, startPostrider } from "../../support/process.ts";

// deno-lint-ignore no-explicit-any -- tasks of many shapes
export type Any = any;

/** One row of the table. */
export interface Case {
  /** `F1` to `F20`. */
  readonly id: string;
  /** What is tried. */
  readonly input: string;
  /** The right value. */
  readonly expected: string;
  /** Tries it, and returns what was seen. */
  run(world: World): Promise<string>;
}

/** A request as the echo server received it. */
export interface Received {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: Headers;
  readonly body: string;
}

/** A service, an upstream, and what rows need of them. */
export interface World extends AsyncDisposable {
  /** The service. */
  readonly api: Api;
  /** A folder for files. */
  readonly folder: string;
  /** An upstream that records what it receives; `/STATUS` answers with that status. */
  readonly echo: string;
  /** The requests whose path begins so, once there are `count`. */
  received(path: string, count?: number): Promise<Received[]>;
  /** Serves these answers in order, until the end of the row. */
  serve(...answers: MakeAnswer[]): AnswerServer;
  /** Closes what a row has opened. */
  closeServers(): Promise<void>;
  /** Submits JSON, or JSON text; returns the response. */
  submit(path: string, body: unknown, headers?: Record<string, string>): Promise<Any>;
  /** Makes a request, and returns the final task. */
  fetch(payload: unknown): Promise<Any>;
  /** The task once it waits for its second attempt. */
  deferred(payload: object): Promise<Any>;
  /** Writes the settings file, and reloads it. */
  configure(yaml: string): Promise<void>;
  /** Delivers to a hook. */
  deliver(hook: string, body: unknown, headers?: Record<string, string>): Promise<Any>;
}

/** The token of every hook in these settings. */
export const TOKEN = "a-secret-of-some-length";

/** Starts it; its data is in `folder`. */
export async function openWorld(folder: string): Promise<World> {
  const requests: Received[] = [];
  let changed = Promise.withResolvers<void>();
  const echo = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { pathname, search } = new URL(request.url);
    const { method, headers } = request;
    requests.push({ method, path: pathname + search, headers, body: await request.text() });
    changed.resolve();
    changed = Promise.withResolvers();
    const status = Number(/^\/(\d{3})/.exec(pathname)?.[1] ?? 200);
    return new Response([204, 205, 304].includes(status) ? null : "fine", { status });
  });
  const settings = `${folder}/postrider.yaml`;
  await Deno.writeTextFile(settings, "hooks: {}\n");
  const postrider = startPostrider({
    data: folder,
    env: {
      POSTRIDER_FETCH_ALLOW: "127.0.0.1",
      POSTRIDER_DOWNLOADS: `${folder}/downloads`,
      POSTRIDER_CONFIG: settings,
    },
  });
  const api = await postrider.listening;
  const servers: AnswerServer[] = [];

  const closeServers = async () => {
    for (const server of servers.splice(0)) await server[Symbol.asyncDispose]();
  };
  const submit: World["submit"] = async (path, body, headers = {}) => {
    const response = await fetch(api.url + path, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
    return await response.json();
  };
  const accepted = async (payload: unknown) => {
    const task = await submit("/fetch", payload);
    if (task.id === undefined) throw new Error(JSON.stringify(task));
    return task;
  };

  return {
    api,
    folder,
    echo: `http://127.0.0.1:${echo.addr.port}`,
    async received(path, count = 1) {
      for (;;) {
        const found = requests.filter((request) => request.path.startsWith(path));
        if (found.length >= count) return found;
        await changed.promise;
      }
    },
    serve(...answers) {
      const server = serveAnswers(answers);
      servers.push(server);
      return server;
    },
    closeServers,
    submit,
    fetch: async (payload) => await api.final((await accepted(payload)).id),
    async deferred(payload) {
      const { id } = await accepted(payload);
      for (;;) {
        const { body } = await api.call<Any>(`/tasks/${id}`);
        if (body.error !== undefined && body.state !== "running") return body;
      }
    },
    async configure(yaml) {
      await Deno.writeTextFile(settings, yaml);
      const response = await fetch(`${api.url}/admin/reload`, { method: "POST" });
      const text = await response.text();
      if (!response.ok) throw new Error(text);
    },
    deliver: (hook, body, headers = {}) =>
      submit(`/hooks/${hook}`, body, { "x-gitlab-token": TOKEN, ...headers }),
    async [Symbol.asyncDispose]() {
      await closeServers();
      await postrider[Symbol.asyncDispose]();
      await echo.shutdown();
    },
  };
}

/** The words that tell what became of a task. */
export function brief(task: Any, ...more: unknown[]): string {
  const { state, delivery, error } = task;
  const failed = state === "succeeded" ? [] : [delivery, error?.code];
  return [state, ...failed, ...more].filter((part) => part !== undefined).join(", ");
}

/** How long a task waits after its last attempt, in seconds. */
export function waitOf({ dueAt, attempts }: Any): number {
  return (Date.parse(dueAt) - Date.parse(attempts.at(-1).endedAt)) / 1_000;
}
