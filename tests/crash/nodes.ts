/**
 * Three nodes on one PostgreSQL database, under load, while nodes are killed,
 * suspended for longer than their lease, and the database is restarted.
 *
 * In the end every acknowledged task must be final and have arrived, what
 * arrived twice must be marked, no two tasks of a key may have been attempted
 * at once, no lane may have run more than its limit, and the counts must be
 * those of the rows.
 *
 * @module
 */

import { aFolder, type Api, type Postrider, START, startPostrider } from "../support/process.ts";
import { type Cluster, openCluster } from "../support/postgres.ts";
import { seeded } from "../support/seeded.ts";

/** How long to go on, and from which seed. */
export interface NodesOptions {
  readonly seed: number;
  /** How long the load goes on, in seconds. */
  readonly seconds: number;
  /** Whether nodes are also suspended for longer than their lease. */
  readonly suspend?: boolean;
  readonly tell?: (line: string) => void;
}

/** The result. */
export interface NodesReport {
  readonly kills: number;
  readonly restarts: number;
  readonly suspensions: number;
  /** Nodes that ended by themselves, and not because the database was away at their start. */
  readonly died: readonly string[];
  readonly acknowledged: number;
  /** Acknowledged, and not there any more or not final. */
  readonly lost: readonly string[];
  /** Final, and not succeeded. */
  readonly failed: readonly string[];
  /** Succeeded, and never arrived. */
  readonly notMade: readonly string[];
  readonly duplicates: number;
  /** Arrived more than once without a mark. */
  readonly unmarked: readonly string[];
  /** Moments at which two tasks of one key were attempted. */
  readonly keysAtOnce: number;
  /** The most attempts at once in the limited lane. */
  readonly mostInLane: number;
  /** Whether `/status` counts what the table has. */
  readonly countsAreRows: boolean;
}

/** The limit of the lane that has one. */
export const LANE_LIMIT = 4;
/** The exit code of a node that could not reach the database at its start. */
const AWAY_AT_START = 75;
/** Longer than a node's lease. */
const SUSPENDED_MS = 14_000;
/** Longer than an attempt, a lease and the longest wait before a retry: what takes longer is stuck. */
const STUCK_MS = 400_000;
const KEYS = 20;

/** Runs the suite. */
export async function crashNodes(options: NodesOptions): Promise<NodesReport> {
  const { seed, seconds, suspend = false, tell = () => {} } = options;
  const random = seeded(seed);
  await using cluster = await openCluster({ fsync: true });
  await using folder = await aFolder();
  await using sink = openSink();
  await Deno.writeTextFile(
    `${folder.path}/postrider.yaml`,
    `hosts:\n  "127.0.0.1:${sink.limitedPort}":\n    concurrency: ${LANE_LIMIT}\n`,
  );
  const nodes: Postrider[] = [];
  const died: string[] = [];
  const killed = new Set<Postrider>();
  // As a supervisor does: one that ends is started again.
  const start = (at: number) => {
    const node = nodes[at] = startPostrider({
      data: folder.path,
      command: START,
      env: {
        POSTRIDER_QUEUE: cluster.url(),
        POSTRIDER_NODE: `n${at}`,
        POSTRIDER_CONFIG: `${folder.path}/postrider.yaml`,
        POSTRIDER_FETCH_ALLOW: "127.0.0.1",
        POSTRIDER_CONCURRENCY: "32",
        POSTRIDER_LOG_FORMAT: "text",
      },
    });
    node.exit.then((code) => {
      if (killed.has(node)) return;
      if (code !== AWAY_AT_START) died.push(`${code}: ${node.lines.said.slice(-5).join("\n")}`);
      start(at);
    });
  };
  for (const at of [0, 1, 2]) start(at);
  await Promise.all(nodes.map(({ listening }) => listening));
  const acknowledged = new Set<string>();
  const done = { kills: 0, restarts: 0, suspensions: 0 };
  const end = performance.now() + seconds * 1_000;
  const isOver = () => performance.now() > end;
  const load = Promise.all(
    Array.from({ length: 6 }, (_, n) => submitOn(() => nodes[n % 3]!, sink, acknowledged, isOver)),
  );
  while (!isOver()) {
    await pause(2_000 + random() * 2_000);
    const at = Math.floor(random() * 3);
    const what = random();
    if (what < 0.25) {
      done.restarts++;
      await cluster.stop("immediate");
      await pause(random() * 1_000);
      await cluster.start();
    } else if (what < 0.4 && suspend) {
      done.suspensions++;
      Deno.kill(nodes[at]!.pid, "SIGSTOP");
      await pause(SUSPENDED_MS);
      Deno.kill(nodes[at]!.pid, "SIGCONT");
    } else {
      done.kills++;
      const node = nodes[at]!;
      killed.add(node);
      try {
        node.kill("SIGKILL");
      } catch {
        // It has ended by itself, and is about to be started again.
      }
      await node.exit;
      start(at);
    }
    tell(`${JSON.stringify(done)}, ${acknowledged.size} acknowledged`);
    await nothingStuck(cluster, nodes);
  }
  await load;
  const api = await nodes[0]!.listening;
  await drained(cluster, nodes);
  const report = { ...done, died, ...await compare(api, cluster, acknowledged, sink) };
  for (const node of nodes) {
    killed.add(node);
    await node[Symbol.asyncDispose]();
  }
  return report;
}

/** Submits until it is over; only an answer of 202 counts. */
async function submitOn(
  node: () => Postrider,
  sink: Sink,
  acknowledged: Set<string>,
  isOver: () => boolean,
): Promise<void> {
  for (let n = 0; !isOver(); n++) {
    try {
      const api = await node().listening;
      const isLimited = n % 4 === 0;
      const key = n % 3 === 0 ? `k${n % KEYS}` : undefined;
      const { status, body } = await api.call<{ id: string }>("/fetch", {
        url: `http://127.0.0.1:${isLimited ? sink.limitedPort : sink.port}/${key ?? ""}`,
        retry: 5,
        ...(key ? { key } : {}),
      });
      if (status === 202) acknowledged.add(body.id);
      await pause(5);
    } catch {
      // The node is down, or its answer was lost: nothing was acknowledged.
      await pause(50);
    }
  }
}

interface Sink extends AsyncDisposable {
  readonly port: number;
  readonly limitedPort: number;
  /** Arrivals by task. */
  readonly arrivals: ReadonlyMap<string, number>;
  readonly keysAtOnce: () => number;
  readonly mostInLane: () => number;
}

/** Receives the requests, each for some milliseconds. */
function openSink(): Sink {
  const arrivals = new Map<string, number>();
  const busyKeys = new Map<string, string>();
  let keysAtOnce = 0;
  let inLane = 0;
  let mostInLane = 0;
  const handle = (isLimited: boolean) => async (request: Request) => {
    const task = request.headers.get("postrider-task") ?? "";
    const key = new URL(request.url).pathname.slice(1);
    arrivals.set(task, (arrivals.get(task) ?? 0) + 1);
    if (isLimited) mostInLane = Math.max(mostInLane, ++inLane);
    const other = busyKeys.get(key);
    if (key && other !== undefined && other !== task) keysAtOnce++;
    if (key) busyKeys.set(key, task);
    await pause(10);
    if (key && busyKeys.get(key) === task) busyKeys.delete(key);
    if (isLimited) inLane--;
    return new Response("ok");
  };
  const quiet = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
  const free = Deno.serve(quiet, handle(false));
  const limited = Deno.serve(quiet, handle(true));
  return {
    port: free.addr.port,
    limitedPort: limited.addr.port,
    arrivals,
    keysAtOnce: () => keysAtOnce,
    mostInLane: () => mostInLane,
    async [Symbol.asyncDispose]() {
      await Promise.all([free.shutdown(), limited.shutdown()]);
    },
  };
}

/** Rejects when an attempt has been running for longer than its timeout and any rescue allow. */
async function nothingStuck(cluster: Cluster, nodes: readonly Postrider[]): Promise<void> {
  const old = await cluster.sql(
    `SELECT count(*) FROM postrider.task
      WHERE state = 1 AND started_at < extract(epoch FROM clock_timestamp()) * 1000 - ${STUCK_MS}`,
  );
  if (old !== "0") throw new Error(await stuck(cluster, nodes));
}

/** Resolves when nothing is queued or running. The tasks of a key run one by one, so this may take minutes. */
async function drained(cluster: Cluster, nodes: readonly Postrider[]): Promise<void> {
  let fewest = Infinity;
  let end = 0;
  for (;;) {
    const left = Number(await cluster.sql("SELECT count(*) FROM postrider.task WHERE state < 2"));
    if (left === 0) return;
    if (left < fewest) [fewest, end] = [left, performance.now() + STUCK_MS];
    if (performance.now() > end) throw new Error(await stuck(cluster, nodes));
    await pause(200);
  }
}

/** What is known of tasks that do not end. */
async function stuck(cluster: Cluster, nodes: readonly Postrider[]): Promise<string> {
  const columns = "seq, id, state, attempt, node, behind, due_at, started_at, key";
  const asked = [
    "SELECT clock_timestamp()",
    `SELECT ${columns} FROM postrider.task WHERE state = 1 ORDER BY started_at`,
    `SELECT ${columns} FROM postrider.task WHERE state = 0 AND behind = 0 ORDER BY due_at LIMIT 20`,
    "SELECT key, count(*), min(seq) FROM postrider.task WHERE state = 0 AND behind <> 0 GROUP BY key",
    `SELECT h.key, h.seq, t.id, t.state, t.attempt, t.node, t.behind, t.due_at
       FROM postrider.holder h LEFT JOIN postrider.task t USING (seq)`,
    "SELECT id, slot, name, since, seen FROM postrider.node",
    "SELECT id, name, own_limit, adaptive_limit, held_until, reason FROM postrider.lane",
    "SELECT pid, state, wait_event, application_name, left(query, 80) FROM pg_stat_activity",
  ];
  const lines = ["Tasks are stuck"];
  for (const sql of asked) lines.push(`${sql}:`, await cluster.sql(sql).catch(String));
  for (const { lines: { said } } of nodes) {
    lines.push("The last lines of a node:", ...said.slice(-40));
  }
  return lines.join("\n");
}

async function compare(
  api: Api,
  cluster: Cluster,
  acknowledged: ReadonlySet<string>,
  { arrivals, keysAtOnce, mostInLane }: Sink,
) {
  const rows = (await cluster.sql("SELECT id, state, duplicate FROM postrider.task")).split("\n");
  const stored = new Map(rows.map((row) => {
    const [id = "", state, duplicate] = row.split("|");
    return [id, { state: Number(state), isMarked: duplicate === "t" }];
  }));
  const lost: string[] = [];
  const failed: string[] = [];
  const notMade: string[] = [];
  for (const id of acknowledged) {
    const state = stored.get(id)?.state ?? 0;
    if (state < 2) lost.push(id);
    else if (state !== 2) failed.push(id);
    else if (!arrivals.has(id)) notMade.push(id);
  }
  const doubled = [...arrivals].filter(([, times]) => times > 1);
  const counts = await api.counts();
  const byState = [0, 0, 0, 0, 0, 0];
  for (const { state } of stored.values()) byState[state]!++;
  return {
    acknowledged: acknowledged.size,
    lost,
    failed,
    notMade,
    duplicates: doubled.reduce((sum, [, times]) => sum + times - 1, 0),
    unmarked: doubled.filter(([id]) => !stored.get(id)?.isMarked).map(([id]) => id),
    keysAtOnce: keysAtOnce(),
    mostInLane: mostInLane(),
    countsAreRows: JSON.stringify(Object.values(counts)) === JSON.stringify(byState),
  };
}

function pause(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), ms));
}
