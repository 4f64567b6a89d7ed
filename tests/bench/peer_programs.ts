/**
 * Hono and BullMQ on Node, the programs that Postrider's accept is compared with.
 *
 * @module
 */

import { linesOf } from "../support/lines.ts";
import { aFolder, startPostrider } from "../support/process.ts";
import { load, median, ratioOf } from "./programs.ts";
import type { Line } from "./scenarios.ts";

/** Installed for a run; Postrider itself does not depend on them. */
const PACKAGES = [
  "@hono/node-server@2.1.8",
  "bullmq@6.7.0",
  "hono@4.13.19",
  "ioredis@6.0.0",
  "zod@4.6.7",
];
/** Accepted and not attempted. */
export const MAIL: string = JSON.stringify({
  to: "ada@example.org",
  subject: "Hello",
  text: "It rides.",
  delay: "1h",
});

/** When Redis writes its log to disk: each second, or before each response. */
export type Sync = "everysec" | "always";

/** A running server. */
export interface Running extends AsyncDisposable {
  /** Its port on 127.0.0.1. */
  readonly port: number;
}

/** The installed programs. */
export interface Peer extends AsyncDisposable {
  /** Starts Redis and the server in front of it. */
  start(sync: Sync): Promise<Running>;
  /** Compares the accepts of a service with theirs. */
  accept(sync: Sync, rounds: number, requests: number): Promise<Line>;
}

/** Whether redis-server, node and npm are there. */
export function hasPeer(): boolean {
  const path = Deno.env.get("PATH")?.split(":") ?? [];
  return ["redis-server", "node", "npm"].every((name) =>
    path.some((folder) => {
      try {
        return Deno.statSync(`${folder}/${name}`).isFile;
      } catch {
        return false;
      }
    })
  );
}

/** Installs the programs into a folder of their own. */
export async function openPeer(): Promise<Peer> {
  const folder = await aFolder();
  await Deno.copyFile(new URL("./peer_service.txt", import.meta.url), `${folder.path}/peer.mjs`);
  await run("npm", "install", "--no-audit", "--no-fund", "--silent", ...PACKAGES);

  async function startBoth(sync: Sync): Promise<Running> {
    const redis = await startRedis(sync);
    const server = await start(/"port":(\d+)/, "node", "peer.mjs", String(redis.port));
    return {
      port: server.port,
      async [Symbol.asyncDispose]() {
        await server[Symbol.asyncDispose]();
        await redis[Symbol.asyncDispose]();
      },
    };
  }

  async function accept(sync: Sync, rounds: number, requests: number): Promise<Line> {
    await using peer = await startBoth(sync);
    await using data = await aFolder();
    await using service = startPostrider({ data: data.path });
    const ports = {
      peer: peer.port,
      ours: Number(new URL((await service.listening).url).port),
    };
    const rates: Record<keyof typeof ports, number[]> = { peer: [], ours: [] };
    const shot = { path: "/notify", body: MAIL, connections: 64, requests, warmup: 0 };
    for (const port of Object.values(ports)) await load({ ...shot, port, requests: requests * 2 });
    for (let round = 0; round < rounds; round++) {
      for (const [name, port] of Object.entries(ports)) {
        const { seconds } = await load({ ...shot, port });
        rates[name as keyof typeof ports].push(requests / seconds);
      }
    }
    return {
      what: `accept, 64 connections, against Hono + BullMQ, Redis appendfsync ${sync}`,
      bare: median(rates.peer),
      ours: median(rates.ours),
      unit: "/s",
      ratio: ratioOf(rates.ours, rates.peer),
      wanted: { ratio: sync === "always" ? 1.6 : 1 },
    };
  }

  return { start: startBoth, accept, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };

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
}
