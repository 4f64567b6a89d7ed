/**
 * The schemas of the state of the service.
 *
 * @module
 */

import type { Json } from "../../task/task.ts";
import { choice, count, flag, list, number, ref, shape, text, time } from "./shapes.ts";

const quantiles = shape(
  Object.fromEntries(["p50?", "p95?", "p99?"].map((name) => [name, number("Milliseconds.")])),
);

const lane = shape({
  lane: text("scheme://host:port, or the relay."),
  running: count("Running attempts."),
  limit: count("The most attempts at once."),
  "heldUntil?": time("No attempt begins before it."),
  "reason?": text("Why it is held."),
});

const thread = shape({
  number: count("From 1; a replacement gets a new number."),
  attempts: count("Its running attempts."),
  silentMs: number("Milliseconds since its last sign of life."),
});

const node = shape({
  name: text("POSTRIDER_NODE, or the host name."),
  role: choice(["all", "api", "worker"], "What it does: api accepts, worker attempts."),
  version: text("The version of the service."),
  since: time("When it joined."),
  running: count("Running attempts."),
  concurrency: count("The most attempts at once."),
  seen: time("When it was last seen."),
});

/** By name. */
export const statusSchemas: Readonly<Record<string, Json>> = {
  Lane: lane,
  Thread: thread,
  Node: node,
  Status: shape({
    version: text("The version of the service."),
    "schema?": count("The version of the tables of the queue file."),
    uptime: count("In seconds."),
    engine: text("sqlite, postgres or memory."),
    durable: flag("Whether tasks outlive the process."),
    durability: choice(
      ["memory", "disk", "replicated"],
      "What an accepted task survives: nothing, a power cut, or the loss of a server.",
    ),
    accepting: flag("Whether submits are accepted."),
    running: count("Running attempts."),
    concurrency: count("The most attempts at once."),
    counts: ref("Counts"),
    queued: shape({
      due: count("Their time has come; a key, a limit or a hold may still stop them."),
      scheduled: count("Their own time has not come."),
      retrying: count("They wait for their next attempt."),
      paused: count("A pause covers them."),
      oldestDueSeconds: number("How long the oldest due task has been due; 0 when none is."),
    }, "Queued tasks by what they wait for; the four counts add up to counts.queued."),
    rates: shape({
      accepted: number("Accepted tasks a second, over the last minute."),
      settled: number("Finished tasks a second, over the last minute."),
    }),
    latency: shape({ accept: quantiles, finish: quantiles }),
    hosts: list(ref("Lane")),
    relays: list(ref("Lane")),
    threads: list(ref("Thread")),
    nodes: list(ref("Node")),
    "disk?": shape({
      fileBytes: count("Size of the queue file."),
      logBytes: count("Size of its log."),
      "freeBytes?": count("Free space on its disk."),
    }),
  }),
  Live: shape({
    status: { const: "live" },
    threads: list(ref("Thread")),
    lost: list(shape({ at: time("When it was given up."), reason: text("Why it was given up.") })),
  }),
  Ready: shape({
    status: choice(["ready", "not ready"], "Whether it accepts requests."),
    "reason?": text("Why not."),
  }),
};
