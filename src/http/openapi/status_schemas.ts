/**
 * The shapes of what the service says of itself, as JSON Schema.
 *
 * @module
 */

import type { Json } from "../../task/task.ts";
import { count, list, number, oneOf, ref, shape, text, time } from "./shapes.ts";

const quantiles = shape(
  Object.fromEntries(["p50?", "p95?", "p99?"].map((name) => [name, number("Milliseconds.")])),
);

const lane = shape({
  lane: text("scheme://host:port, or the relay."),
  running: count("Attempts under way."),
  limit: count("The most at once."),
  "heldUntil?": time("Held until then."),
  "reason?": text("Why it is held."),
});

const thread = shape({
  number: count("A thread that takes over gets a new number."),
  attempts: count("Attempts it has in hand."),
  silentMs: number("Milliseconds since it last answered."),
});

const node = shape({
  name: text("POSTRIDER_NODE, or the host name."),
  role: oneOf(["all", "api", "worker"], "What it does: api accepts, worker attempts."),
  version: text("Of the service."),
  since: time("When it joined."),
  running: count("Attempts under way."),
  concurrency: count("The most at once."),
  seen: time("When it was last seen."),
});

/** By name. */
export const statusSchemas: Readonly<Record<string, Json>> = {
  Lane: lane,
  Thread: thread,
  Node: node,
  Status: shape({
    version: text("Of the service."),
    uptime: count("Seconds."),
    engine: text("sqlite, postgres or memory."),
    durable: { type: "boolean", description: "Whether what is kept outlives the process." },
    durability: oneOf(
      ["memory", "disk", "replicated"],
      "What an accepted task survives: nothing, a power cut, or the loss of a server.",
    ),
    accepting: { type: "boolean", description: "Whether submits are taken." },
    running: count("Attempts under way."),
    concurrency: count("The most at once."),
    counts: ref("Counts"),
    rates: shape({
      accepted: number("Tasks a second, over the last minute."),
      settled: number("Tasks a second that became final, over the last minute."),
    }),
    latency: shape({ accept: quantiles, finish: quantiles }),
    hosts: list(ref("Lane")),
    relays: list(ref("Lane")),
    threads: list(ref("Thread")),
    nodes: list(ref("Node")),
  }),
  Live: shape({
    status: { const: "live" },
    threads: list(ref("Thread")),
    lost: list(shape({ at: time("When it was given up."), reason: text("Why.") })),
  }),
  Ready: shape({ status: oneOf(["ready", "not ready"], ""), "reason?": text("Why not.") }),
};
