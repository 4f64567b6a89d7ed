/**
 * The API over a queue in memory, on a clock that the test owns.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { ApiKey } from "../../src/http/auth/auth.ts";
import { createApp } from "../../src/http/app.ts";
import { openSignOuts, type SignOuts } from "../../src/http/auth/sign_outs.ts";
import { openHistory, withHistory } from "../../src/http/stats/history.ts";
import type { Dependencies } from "../../src/http/dependencies.ts";
import type { FetchCertificate } from "../../src/hooks/certificates.ts";
import type { Hooks } from "../../src/hooks/hook_settings.ts";
import { compact } from "../../src/lib/compact.ts";
import type { Scheduler } from "../../src/schedules/scheduler.ts";
import { openTriggers } from "../../src/service/triggers.ts";
import { trustsNone } from "../../src/http/request/client.ts";
import { openIds } from "../../src/lib/ids.ts";
import type { Log } from "../../src/lib/log.ts";
import { openMetrics } from "../../src/lib/metrics.ts";
import { noTraces } from "../../src/lib/traces.ts";
import type { QueueEngine } from "../../src/queue/engine.ts";
import { openQueue } from "../../src/queue/open.ts";
import { openSubmitParser } from "../../src/task/input/parse_submit.ts";
import { decide, type Outcome } from "../../src/task/outcome.ts";
import type { Ports } from "../../src/task/ports.ts";
import type { ClaimedTask } from "../../src/task/task.ts";
import { notifyPorts } from "./notify_ports.ts";
import { FakeClock } from "./fake_clock.ts";

/** What a test can set. */
export interface ApiOptions extends Partial<Omit<Dependencies, "ports" | "engine" | "keys">> {
  /** The API keys. */
  readonly keys?: readonly ApiKey[];
  /** The address that requests come from. */
  readonly remote?: string;
  /** The highest number of waiting tasks. */
  readonly maxQueued?: number;
  /** The hooks that exist. */
  readonly hookSettings?: Hooks;
  /** Fetches the certificates of their senders. */
  readonly fetchCertificate?: FetchCertificate;
  /** Some of the ports. */
  readonly ports?: Partial<Ports>;
  /** Wraps the queue in memory. */
  readonly engine?: (memory: QueueEngine) => QueueEngine;
}

/** A response. */
export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed, where it is JSON. */
  // deno-lint-ignore no-explicit-any -- tests read any response
  readonly body: any;
}

/** The API as an object; `await using` closes it. */
export class Api implements AsyncDisposable {
  readonly clock: FakeClock;
  readonly engine: QueueEngine;
  readonly schedules: Scheduler;
  readonly closing: AbortController = new AbortController();
  /** The warnings in the log. */
  readonly warnings: { message: string; fields: unknown }[] = [];
  /** The errors in the log. */
  readonly errors: { message: string; fields: unknown }[] = [];
  /** The dependencies of the app. */
  readonly parts: Dependencies;
  readonly #fetch: (request: Request) => Response | Promise<Response>;

  static async open(options: ApiOptions = {}): Promise<Api> {
    const clock = new FakeClock();
    const { maxQueued } = options;
    const memory = await openQueue("memory:", {
      clock,
      ...(maxQueued === undefined ? {} : { maxQueued }),
    });
    const engine = options.engine?.(memory) ?? memory;
    const { signal } = new AbortController();
    return new Api(clock, engine, await openSignOuts({ engine, clock, signal }), options);
  }

  private constructor(
    clock: FakeClock,
    engine: QueueEngine,
    signOuts: SignOuts,
    options: ApiOptions,
  ) {
    this.clock = clock;
    this.engine = engine;
    const log: Log = {
      debug() {},
      info() {},
      warn: (message, fields) => this.warnings.push({ message, fields }),
      error: (message, fields) => this.errors.push({ message, fields }),
    };
    const { ports: given, engine: _, maxQueued: __, hookSettings = new Map(), ...rest } = options;
    const { keys = [], remote = "127.0.0.1", fetchCertificate, ...parts } = rest;
    const ports: Ports = {
      ...notifyPorts(),
      aliasNames: () => [],
      templates: () => [],
      settings: () => ({ settings: [], file: "./postrider.yaml", sections: [] }),
      channels: () => ["email", "slack"].map((name) => ({ name, spelling: `${name}://` })),
      outbox: undefined,
      mailLaneOf: () => "mail:localhost:25",
      mailFrom: "Postrider <postrider@localhost>",
      downloads: "./nowhere",
      addressesOf: () => Promise.resolve(["192.0.2.1"]),
      progressOf: () => undefined,
      startedAtOf: () => undefined,
      runningTasks: () => [],
      worker: () => ({ running: 0, concurrency: 8, threads: [], lost: [] }),
      ...given,
    };
    const ids = openIds(() => clock.now(), (bytes) => bytes.fill(7));
    const acceptance = openSubmitParser(ports);
    const history = openHistory({ engine, clock, run: "test" });
    const metrics = withHistory(openMetrics({ version: "1.2.3", engine: "memory" }), history);
    const triggers = openTriggers({
      metrics,
      engine,
      ids,
      clock,
      log,
      acceptance,
      hooks: () => hookSettings,
      ...compact({ fetchCertificate }),
    });
    this.schedules = triggers.schedules;
    this.parts = {
      acceptance,
      hooks: triggers.hooks,
      schedules: triggers.schedules,
      reload: () => Promise.resolve({ applied: [], needsRestart: [] }),
      clock,
      log,
      metrics,
      history,
      signOuts,
      traces: noTraces,
      ids,
      keys: () => keys,
      keyLimits: () => new Map(),
      maxQueued: options.maxQueued ?? 1_000_000,
      removeFiles: () => Promise.resolve(),
      basePath: "",
      trustsProxy: trustsNone,
      anonymous: "loopback",
      accepting: () => true,
      ready: () => true,
      closing: this.closing.signal,
      version: "1.2.3",
      role: "all",
      startedAt: clock.now(),
      ...parts,
      engine,
      ports,
    };
    const app = createApp(this.parts);
    const remoteAddr = { transport: "tcp", hostname: remote, port: 50_000 } as const;
    this.#fetch = (request) => app.fetch(request, { remoteAddr });
  }

  /** Calls as `fetch` does, with JSON as `json`. */
  async raw(
    path: string,
    { json, headers, ...init }: RequestInit & { json?: unknown } = {},
  ): Promise<Response> {
    const body = json === undefined ? init.body : JSON.stringify(json);
    const type = json === undefined ? {} : { "content-type": "application/json" };
    return await this.#fetch(
      new Request(`http://localhost:8000${path}`, {
        ...init,
        ...(body === undefined ? {} : { body }),
        headers: { ...type, ...headers as Record<string, string> },
      }),
    );
  }

  /** Calls, and reads the whole response. */
  async call(method: string, path: string, init?: Parameters<Api["raw"]>[1]): Promise<Answered> {
    const { status, headers, ...response } = await this.#read(
      await this.raw(path, { ...init, method }),
    );
    return { status, headers, body: response.body };
  }

  async #read(response: Response): Promise<Answered> {
    const text = await response.text();
    const isJson = /json$/.test(response.headers.get("content-type") ?? "") &&
      !response.headers.get("content-type")?.includes("ndjson");
    const body = isJson && text !== "" ? JSON.parse(text) : text;
    return { status: response.status, headers: response.headers, body };
  }

  /** Submits with JSON. */
  post(path: string, json?: unknown, headers: Record<string, string> = {}): Promise<Answered> {
    return this.call("POST", path, { headers, ...(json === undefined ? {} : { json }) });
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Answered> {
    return this.call("GET", path, { headers });
  }

  delete(path: string, headers: Record<string, string> = {}): Promise<Answered> {
    return this.call("DELETE", path, { headers });
  }

  /** Submits one request and returns its id. */
  async accept(
    more: Record<string, unknown> = {},
    headers?: Record<string, string>,
  ): Promise<string> {
    const { status, body } = await this.post(
      "/fetch",
      { url: "https://example.org/", ...more },
      headers,
    );
    assert.equal(status, 202);
    return body.id;
  }

  /** Claims the tasks that are due: at least one. */
  claim(limit = 1): Promise<ClaimedTask[]> {
    return this.engine.claim(limit, AbortSignal.timeout(5_000));
  }

  /** Ends an attempt of a claimed task. */
  async settle(task: ClaimedTask, outcome: Outcome = { kind: "delivered" }): Promise<void> {
    const now = this.clock.now();
    assert.ok(await this.engine.settle(decide(task, outcome, { now, random: 0 })));
  }

  /** Claims and ends `count` tasks. */
  async finish(count = 1, outcome?: Outcome): Promise<string[]> {
    const ids: string[] = [];
    while (ids.length < count) {
      for (const task of await this.claim(count - ids.length)) {
        await this.settle(task, outcome);
        ids.push(task.id);
      }
    }
    return ids;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closing.abort();
    await this.schedules.stop();
    await this.engine[Symbol.asyncDispose]();
  }
}

/** A service whose lists of tasks wait until `held` says how they end. */
export async function withHeldLists(
  basePath = "",
): Promise<{ api: Api; held: PromiseWithResolvers<void> }> {
  const held = Promise.withResolvers<void>();
  const engine = (memory: QueueEngine): QueueEngine =>
    new Proxy(memory, {
      get(target, name) {
        const value = Reflect.get(target, name);
        if (name === "list") return (...given: []) => held.promise.then(() => value(...given));
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  return { api: await Api.open({ engine, basePath }), held };
}
