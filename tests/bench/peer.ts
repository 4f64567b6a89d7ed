/**
 * Compares Postrider with Hono and BullMQ on Node, with Redis in its default
 * settings and with every write synced, as Postrider's are.
 *
 *     deno task bench:peer     needs redis-server, node and npm
 *
 * @module
 */

import { aFolder, type Postrider, startPostrider } from "../support/process.ts";
import { hasPostgres, openCluster } from "../support/postgres.ts";
import { MAIL, openPeer } from "./peer_programs.ts";
import { load, median, ratioOf } from "./programs.ts";
import { machine, printHead, printLine, say } from "./table.ts";

const ROUNDS = 3;
const REQUESTS = 30_000;

/** Settings of PostgreSQL that decide about the speed of writes. */
const SETTINGS = [
  "fsync",
  "synchronous_commit",
  "full_page_writes",
  "wal_compression",
  "shared_buffers",
  "max_wal_size",
  "checkpoint_timeout",
];

await using peer = await openPeer();
await machine();
say("Redis: its defaults, with appendonly yes and appendfsync as each row says", "");
printHead();
for (const sync of ["everysec", "always"] as const) {
  printLine(await peer.accept(sync, ROUNDS, REQUESTS));
}

if (hasPostgres()) await nodesOnPostgres();

/** One node on PostgreSQL beside the peer whose Redis syncs every write, and three nodes beside one. */
async function nodesOnPostgres(): Promise<void> {
  await using theirs = await peer.start("always");
  await using cluster = await openCluster({ fsync: true });
  await using data = await aFolder();
  const names = SETTINGS.map((name) => `'${name}'`).join(", ");
  const settings = await cluster.sql(
    `SELECT string_agg(name || ' ' || current_setting(name), ', ') FROM pg_settings WHERE name IN (${names})`,
  );
  const node = (name: string) =>
    startPostrider({
      data: data.path,
      env: { POSTRIDER_QUEUE: cluster.url(), POSTRIDER_NODE: name, POSTRIDER_ROLE: "api" },
    });
  const portOf = async ({ listening }: Postrider) => Number(new URL((await listening).url).port);
  const shot = { path: "/notify", body: MAIL, connections: 64, warmup: 0 };
  // One sender for one node and for three, so that only the nodes differ.
  const rateOf = async (port: number, ...otherPorts: number[]) => {
    const { seconds } = await load({ ...shot, port, otherPorts, requests: REQUESTS });
    return REQUESTS / seconds;
  };
  const warmUp = (port: number) => load({ ...shot, port, requests: REQUESTS * 2 });
  const compare = async (
    what: string,
    wanted: number,
    bare: () => Promise<number>,
    ours: () => Promise<number>,
  ) => {
    const rates: Record<"bare" | "ours", number[]> = { bare: [], ours: [] };
    for (let round = 0; round < ROUNDS; round++) {
      rates.bare.push(await bare());
      rates.ours.push(await ours());
    }
    printLine({
      what,
      bare: median(rates.bare),
      ours: median(rates.ours),
      unit: "/s",
      ratio: ratioOf(rates.ours, rates.bare),
      wanted: { ratio: wanted },
    });
  };
  await using a = node("a");
  const one = await portOf(a);
  for (const port of [theirs.port, one]) await warmUp(port);
  await compare(
    "accept on PostgreSQL, one node, against Hono + BullMQ, Redis appendfsync always",
    1,
    () => rateOf(theirs.port),
    () => rateOf(one),
  );
  // Not before: an idle node also takes CPU, and the peer has none.
  await using b = node("b");
  await using c = node("c");
  const others = await Promise.all([b, c].map(portOf));
  for (const port of others) await warmUp(port);
  await compare(
    "accept on PostgreSQL, three nodes together against one, on the cores of this machine",
    0.85,
    () => rateOf(one),
    () => rateOf(one, ...others),
  );
  say("", `PostgreSQL: ${settings}`);
}
