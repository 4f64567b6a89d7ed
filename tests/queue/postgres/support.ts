/**
 * Several nodes on one schema, each an engine of this process.
 *
 * @module
 */

import { systemClock } from "../../../src/lib/clock.ts";
import { type IdSource, openIds } from "../../../src/lib/ids.ts";
import type { FailedTask } from "../../../src/queue/engine.ts";
import type { PostgresEngine } from "../../../src/queue/postgres/engine.ts";
import { openPostgresEngine } from "../../../src/queue/postgres/open.ts";
import { parsePostgresUrl } from "../../../src/queue/postgres/url.ts";
import type { Settlement } from "../../../src/task/outcome.ts";
import type { ClaimedTask, NewTask } from "../../../src/task/task.ts";
import type { Cluster } from "../../support/postgres.ts";

/** The lane of tasks that name none. */
export const LANE = "http://example.org:80";

/** A node and what makes its ids. */
export interface TestNode {
  readonly engine: PostgresEngine;
  readonly ids: IdSource;
}

/** Nodes that share a schema of their own. */
export class Nodes implements AsyncDisposable {
  static #schemas = 0;
  readonly #cluster: Cluster;
  readonly schema = `nodes_${++Nodes.#schemas}`;
  readonly #open: TestNode[] = [];
  /** What the nodes have reported as failed. */
  readonly failed: FailedTask[] = [];

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Starts a node; through another port than the server's, and with a direct way for notifications, if so. */
  async start(
    name: string,
    options: Readonly<Record<string, string>> = {},
    { port, listens = false }: { port?: number; listens?: boolean } = {},
  ): Promise<TestNode> {
    const direct = this.#cluster.url({ schema: this.schema, ...options });
    const url = port === undefined ? direct : direct.replace(/:\d+\//, `:${port}/`);
    const engine = await openPostgresEngine({
      url: parsePostgresUrl(url),
      ...(listens ? { listenUrl: parsePostgresUrl(direct) } : {}),
      clock: systemClock,
      random: Math.random,
      name,
      report: () => ({ role: "all", version: "test", running: 0, concurrency: 10 }),
      onFailed: (task) => this.failed.push(task),
    });
    const random = crypto.getRandomValues.bind(crypto);
    const ids = openIds(() => systemClock.now(), random, engine.lastSequence, engine.idTurn);
    const node = { engine, ids };
    this.#open.push(node);
    return node;
  }

  /** Runs SQL on the schema. */
  sql(text: string): Promise<string> {
    return this.#cluster.sql(text.replaceAll("@.", `${this.schema}.`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { engine } of this.#open) await engine[Symbol.asyncDispose]();
  }
}

/** A task that waits for nothing. */
export function aTask({ ids }: TestNode, fields: Partial<NewTask> = {}): NewTask {
  const now = systemClock.now();
  return {
    id: ids("tsk"),
    type: "fetch",
    channel: "http",
    lane: LANE,
    payload: `{"url":"http://example.org/"}`,
    label: "GET http://example.org/",
    createdAt: now,
    dueAt: now,
    priority: 5,
    retry: [1_000, 5_000],
    timeoutMs: 30_000,
    onUnknown: "retry",
    ...fields,
  };
}

/** Stores tasks, each by a submission of its own; their ids. */
export async function insert(node: TestNode, ...fields: Partial<NewTask>[]): Promise<string[]> {
  const tasks = fields.map((one) => aTask(node, one));
  await Promise.all(tasks.map((task) => node.engine.insert({ tasks: [task] })));
  return tasks.map(({ id }) => id);
}

/** Claims one task at least. */
export function claim({ engine }: TestNode, limit = 100): Promise<ClaimedTask[]> {
  return engine.claim(limit, new AbortController().signal);
}

/** What a claim gets within a round, which may be nothing. */
export async function claimNow({ engine }: TestNode, limit = 100): Promise<ClaimedTask[]> {
  const stop = new AbortController();
  const claimed = engine.claim(limit, stop.signal);
  await engine.idle();
  stop.abort();
  return await claimed;
}

/** Settles a task: delivered, unless `fields` say otherwise. */
export function settle(
  { engine }: TestNode,
  { id, attempt, startedAt }: ClaimedTask,
  fields: Partial<Settlement> = {},
): Promise<boolean> {
  const at = systemClock.now();
  const record = { number: attempt, startedAt, endedAt: at, outcome: "delivered" } as const;
  return engine.settle({
    id,
    attempt,
    at,
    event: "succeed",
    delivery: "delivered",
    record,
    ...fields,
  });
}

/** Resolves once `is` says so; rejects after a minute. */
export async function until(what: string, is: () => Promise<boolean>): Promise<void> {
  const end = systemClock.monotonic() + 60_000;
  while (!await is()) {
    if (systemClock.monotonic() > end) throw new Error(`Waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
