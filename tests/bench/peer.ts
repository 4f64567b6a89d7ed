/**
 * Compares Postrider with Hono and BullMQ on Node, with Redis in its default
 * settings and with every write synced, as Postrider's are.
 *
 *     deno task bench:peer     needs redis-server, node and npm
 *
 * @module
 */

import { linesOf } from "../support/lines.ts";
import { aFolder, startPostrider } from "../support/process.ts";
import { hasPostgres, openCluster } from "../support/postgres.ts";
import { load, median, ratioOf } from "./programs.ts";
import { machine, printHead, printLine } from "./table.ts";

/** Installed for this run; Postrider itself does not depend on them. */
const PACKAGES = [
  "@hono/node-server@2.1.8",
  "bullmq@6.7.0",
  "hono@4.13.19",
  "ioredis@6.0.0",
  "zod@4.6.7",
];
const MAIL = JSON.stringify({
  to: "ada@example.org",
  subject: "Hello",
  text: "It rides.",
  delay: "1h",
});
const ROUNDS = 3;
const REQUESTS = 30_000;

await using folder = await aFolder();
await Deno.copyFile(new URL("./peer_service.txt", import.meta.url), `${folder.path}/peer.mjs`);
await run("npm", "install", "--no-audit", "--no-fund", "--silent", ...PACKAGES);
await machine();
printHead();
for (const sync of ["everysec", "always"] as const) {
  await using redis = await startRedis(sync);
  await using peer = await start(/"port":(\d+)/, "node", "peer.mjs", String(redis.port));
  await using data = await aFolder();
  await using service = startPostrider({ data: data.path });
  const ours = Number(new URL((await service.listening).url).port);
  const rates: number[][] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    for (const [n, port] of [peer.port, ours].entries()) {
      const shot = { port, path: "/notify", body: MAIL, connections: 64 };
      const { seconds } = await load({ ...shot, requests: REQUESTS, warmup: REQUESTS / 4 });
      rates[n]!.push(REQUESTS / seconds);
    }
  }
  printLine({
    what: `accept, 64 connections, against Hono + BullMQ, Redis appendfsync ${sync}`,
    bare: median(rates[0]!),
    ours: median(rates[1]!),
    unit: "/s",
    ratio: ratioOf(rates[1]!, rates[0]!),
    wanted: { ratio: 1 },
  });
}

if (hasPostgres()) await nodesOnPostgres();

/** One node on PostgreSQL beside the peer whose Redis syncs every write, and three nodes beside one. */
async function nodesOnPostgres(): Promise<void> {
  await using redis = await startRedis("always");
  await using peer = await start(/"port":(\d+)/, "node", "peer.mjs", String(redis.port));
  await using cluster = await openCluster({ fsync: true });
  await using data = await aFolder();
  const node = (name: string) =>
    startPostrider({
      data: data.path,
      env: { POSTRIDER_QUEUE: cluster.url(), POSTRIDER_NODE: name, POSTRIDER_ROLE: "api" },
    });
  await using a = node("a");
  await using b = node("b");
  await using c = node("c");
  const ports = (await Promise.all([a, b, c].map(({ listening }) => listening)))
    .map(({ url }) => Number(new URL(url).port));
  const rateOf = async (ports: number[]) => {
    const shot = { path: "/notify", body: MAIL, connections: Math.ceil(64 / ports.length) };
    const requests = Math.ceil(REQUESTS / ports.length);
    const results = await Promise.all(
      ports.map((port) => load({ ...shot, port, requests, warmup: requests / 4 })),
    );
    return REQUESTS / Math.max(...results.map(({ seconds }) => seconds));
  };
  const rates: Record<"peer" | "one" | "three", number[]> = { peer: [], one: [], three: [] };
  for (let round = 0; round < ROUNDS; round++) {
    rates.peer.push(await rateOf([peer.port]));
    rates.one.push(await rateOf(ports.slice(0, 1)));
    rates.three.push(await rateOf(ports));
  }
  printLine({
    what: "accept on PostgreSQL, one node, against Hono + BullMQ, Redis appendfsync always",
    bare: median(rates.peer),
    ours: median(rates.one),
    unit: "/s",
    ratio: ratioOf(rates.one, rates.peer),
    wanted: { ratio: 1 },
  });
  printLine({
    what: "accept on PostgreSQL, three nodes together against one, on the cores of this machine",
    bare: median(rates.one),
    ours: median(rates.three),
    unit: "/s",
    ratio: ratioOf(rates.three, rates.one),
    wanted: { ratio: 0.85 },
  });
}

async function startRedis(sync: string) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--appendonly", "yes"];
  const redis = await start(/Ready to accept/, "redis-server", ...args, "--appendfsync", sync);
  return { ...redis, port };
}

/** Starts a program in the folder; resolves when it prints `ready`. */
async function start(ready: RegExp, program: string, ...args: string[]) {
  const child = new Deno.Command(program, { args, cwd: folder.path, stdout: "piped" }).spawn();
  const lines = linesOf(child.stdout);
  const [, port] = await lines.find(ready);
  return {
    port: Number(port),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
      await lines.ended;
    },
  };
}

async function run(program: string, ...args: string[]): Promise<void> {
  const { success } = await new Deno.Command(program, { args, cwd: folder.path }).output();
  if (!success) throw new Error(`${program} ${args.join(" ")} failed`);
}
