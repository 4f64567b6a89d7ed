import { openPostgresEngine } from "../../src/queue/postgres/open.ts";
import { parsePostgresUrl } from "../../src/queue/postgres/url.ts";
import type { QueueEngine } from "../../src/queue/engine.ts";
import { hasPostgres, openCluster } from "../support/postgres.ts";
import { engineContract } from "./contract.ts";
import type { OpenEngine } from "./world.ts";

if (hasPostgres()) {
  const cluster = await openCluster();
  Deno.test.afterAll(async () => await cluster[Symbol.asyncDispose]());
  let schemas = 0;

  const open: OpenEngine = async ({ clock, maxQueued }) => {
    const engine = await openPostgresEngine({
      url: parsePostgresUrl(cluster.url({ schema: `test_${++schemas}` })),
      clock,
      ...(maxQueued ? { maxQueued } : {}),
      name: "test",
      report: () => ({ role: "all", version: "test", running: 0, concurrency: 1 }),
      random: Math.random,
      ownTime: true,
    });
    return settledAtEachCall(engine);
  };
  engineContract("postgres", open);
} else {
  Deno.test.ignore("postgres: the contract of every engine (needs Debian's postgresql)", () => {});
}

/**
 * The database is another process: what a call brings about on this side (a claim that is served, a
 * watcher that hears of it) follows in its own time. The suite asks for it at once, so each call
 * waits until nothing is under way, before and after.
 */
function settledAtEachCall(engine: QueueEngine & { idle(): Promise<void> }): QueueEngine {
  const direct = new Set(["watch", "claim", "idle"]);
  const pending = new Set<Promise<unknown>>();
  return new Proxy(engine, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      const call = value.bind(target);
      if (name === Symbol.asyncDispose) {
        return async () => {
          await Promise.allSettled(pending);
          await call();
        };
      }
      if (typeof name === "symbol" || direct.has(name)) return call;
      return (...given: unknown[]) => {
        const answer = (async () => {
          await target.idle();
          const answer = await call(...given);
          await target.idle();
          // A round that was asked for meanwhile begins in a later turn.
          await new Promise((resolve) => setTimeout(resolve, 0));
          await target.idle();
          return answer;
        })();
        pending.add(answer);
        return answer.finally(() => pending.delete(answer));
      };
    },
  });
}
