/**
 * Runs Postrider as a process: started as an operator starts it, used over HTTP,
 * ended by signals.
 *
 * @module
 */

import { fileURLToPath } from "node:url";

import config from "../../deno.json" with { type: "json" };
import { type Lines, linesOf } from "./lines.ts";

/** The folder of the repository. */
export const ROOT: string = fileURLToPath(new URL("../../", import.meta.url));

/** The command behind `deno task start`, as units and containers run it. */
export const START: readonly string[] = startOf(config.tasks.start.command);

function startOf(command: string): string[] {
  return [Deno.execPath(), ...command.replace(/^.*?\bdeno /, "").split(" ")];
}

function startIn(root: string): string[] {
  const config = JSON.parse(Deno.readTextFileSync(`${root}/deno.json`));
  return startOf(config.tasks.start.command);
}

/** The fields of a task that these tests read. */
export interface TaskView {
  readonly id: string;
  readonly state: string;
  readonly reason?: string;
  readonly delivery?: string;
  readonly attempt: number;
  readonly possibleDuplicate?: boolean;
  readonly error?: { readonly code: string; readonly detail: string };
}

/** A service under test. */
export interface Postrider extends AsyncDisposable {
  /** Its output. */
  readonly lines: Lines;
  /** Its exit code; 128 plus the signal's number when a signal ended it. */
  readonly exit: Promise<number>;
  /** Resolves when it listens; rejects when it ends before. */
  readonly listening: Promise<Api>;
  /** The id of the started process, which may be a parent of the service. */
  readonly pid: number;
  /** Sends a signal to the process. */
  kill(signal: Deno.Signal): void;
  /** Writes to its standard input, as a keyboard does. */
  type(keys: string): Promise<void>;
}

/** How to start it. */
export interface StartOptions {
  /** The folder of its data. */
  readonly data: string;
  /** Further settings. */
  readonly env?: Readonly<Record<string, string>>;
  /** The program and its arguments; those of `deno task start` when absent. */
  readonly command?: readonly string[];
  /** The checkout to start; this one when absent. */
  readonly root?: string;
}

/** Starts a service on a free port. */
export function startPostrider(
  { data, env = {}, root = ROOT, command = root === ROOT ? START : startIn(root) }: StartOptions,
): Postrider {
  const [program = "", ...args] = command;
  const process = new Deno.Command(program, {
    args,
    cwd: root,
    clearEnv: true,
    env: {
      ...inherited(
        "PATH",
        "HOME",
        "DENO_DIR",
        "TERM",
        "NODE_EXTRA_CA_CERTS",
        "NPM_CONFIG_REGISTRY",
      ),
      NO_COLOR: "1",
      POSTRIDER_PORT: "0",
      POSTRIDER_QUEUE: `sqlite:${data}/postrider.db`,
      POSTRIDER_MAIL: `outbox:${data}/outbox`,
      ...env,
    },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const keyboard = process.stdin.getWriter();
  const lines = linesOf(process.stdout, process.stderr);
  const ended = process.status.then(async ({ code }) => {
    await lines.ended;
    await keyboard.close().catch(() => {}); // The process has closed its end.
    return code;
  });
  // Earlier lines may name the servers of tasks that a crash ended.
  const listening = lines.find(/Listening on (http:\/\/127\.0\.0\.1:\d+)/).then(
    ([, url = ""]) => new Api(url),
    async (error) => {
      const how = lines.isOver ? `ended with ${await ended}` : "runs, and does not listen";
      throw new Error(`The service ${how}: ${error.message}`);
    },
  );
  listening.catch(() => {}); // A test that awaits it sees the error.
  return {
    lines,
    listening,
    pid: process.pid,
    exit: ended,
    kill: (signal) => process.kill(signal),
    type: (keys) => keyboard.write(new TextEncoder().encode(keys)),
    async [Symbol.asyncDispose]() {
      try {
        process.kill("SIGKILL");
      } catch {
        // It has already ended.
      }
      await ended;
    },
  };
}

/** The HTTP API of one running service. */
export class Api {
  /** Where it listens. */
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  /** Calls, and returns the status and the JSON, if there is any. */
  async call<T = unknown>(path: string, body?: unknown): Promise<{ status: number; body: T }> {
    const response = await fetch(this.url + path, {
      method: body === undefined ? "GET" : "POST",
      ...(body === undefined
        ? {}
        : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get("content-type") ?? "");
    return { status: response.status, body: (isJson ? JSON.parse(text) : text) as T };
  }

  /** Waits until the task is final. */
  async final(id: string): Promise<TaskView> {
    for (;;) {
      const { status, body } = await this.call<TaskView>(`/tasks/${id}?wait=10s`);
      if (status !== 200) throw new Error(`GET /tasks/${id}: ${status} ${JSON.stringify(body)}`);
      if (body.state !== "queued" && body.state !== "running") return body;
    }
  }

  /** How many tasks are in each state. */
  async counts(): Promise<Record<string, number>> {
    return (await this.call<{ counts: Record<string, number> }>("/status")).body.counts;
  }
}

function inherited(...names: string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value]];
  }));
}

/** A temporary folder; `await using` removes it. */
export async function aFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await Deno.makeTempDir({ prefix: "postrider_" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}
