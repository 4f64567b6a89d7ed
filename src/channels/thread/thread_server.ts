/**
 * The channel side of a thread: receives attempts and sends outcomes back.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import type { Clock } from "../../lib/clock.ts";
import { compact } from "../../lib/compact.ts";
import type { LogFields } from "../../lib/log.ts";
import { type Failpoint, noFailpoints } from "../../lib/failpoints.ts";
import type { AbortCause, Outcome } from "../../task/outcome.ts";
import type { Json } from "../../task/task.ts";
import { TooCostlyError } from "../compute/compute.ts";
import type {
  Channel,
  ChannelTable,
  ChannelTraits,
  Figures,
  OpenChannels,
  Progress,
} from "../channel.ts";
import { type FromThread, type SentAttempt, Stages, type ToThread } from "./thread_protocol.ts";

/** What the server needs. */
export interface ThreadServerOptions {
  /** Sends a message to the worker. */
  readonly send: (message: FromThread) => void;
  /** Spaces out the figures of progress. */
  readonly clock: Clock;
  /** Loads a table of channels: a module's default export. */
  readonly load: (table: string) => Promise<OpenChannels>;
  /** Called before, during and after each effect. */
  readonly failpoint?: Failpoint;
}

/** Figures are sent at most four times a second. */
const FIGURES_EVERY_MS = 250;

/** Opens the server; the returned function handles the worker's messages. */
export function openThreadServer(options: ThreadServerOptions): (message: ToThread) => void {
  const server = new ThreadServer(options);
  return (message) => server.receive(message);
}

class ThreadServer {
  readonly #send: ThreadServerOptions["send"];
  readonly #clock: Clock;
  readonly #load: ThreadServerOptions["load"];
  readonly #failpoint: Failpoint;
  /** By ref. Refs are small numbers: `lib/slab.ts` explains why this is not a `Map`. */
  readonly #running: (AbortController | undefined)[] = [];
  readonly #shutdown = new AbortController();
  readonly #figures = new Map<number, Figures>();
  #channels: ChannelTable = new Map<string, Channel>();
  #stages = new Stages();
  #outcomes: { ref: number; outcome: Outcome }[] = [];
  #undoFigures: (() => void) | undefined;

  constructor({ send, clock, load, failpoint = noFailpoints }: ThreadServerOptions) {
    this.#send = send;
    this.#clock = clock;
    this.#load = load;
    this.#failpoint = failpoint;
  }

  receive(message: ToThread): void {
    switch (message.type) {
      case "open":
        this.#stages = new Stages(message.stages);
        return void this.#open(message.table, message.settings);
      case "deliver":
        for (const sent of message.attempts) this.#deliver(sent);
        return;
      case "abort":
        return this.#abort(message.ref, message.cause);
      case "ping":
        return this.#send({ type: "pong", n: message.n });
      case "close":
        return void this.#close();
    }
  }

  #abort(ref: number, cause: AbortCause): void {
    this.#running[ref]?.abort(cause);
    // When the service ends, all attempts are aborted with this cause.
    if (cause === "shutdown" || cause === "drain") this.#shutdown.abort(cause);
  }

  async #open(table: string, settings: Json): Promise<void> {
    try {
      this.#channels = (await this.#load(table))(settings, {
        onLost: (reason) => this.#log("Compute thread lost and replaced", { reason }),
      });
    } catch (error) {
      return this.#send({ type: "failed_to_open", detail: textOf(error) });
    }
    const traits: Record<string, ChannelTraits> = {};
    for (const [name, { graceMs, oneThread }] of this.#channels) {
      if (graceMs ?? oneThread) traits[name] = compact({ graceMs, oneThread });
    }
    this.#send({ type: "opened", traits });
  }

  async #deliver({ ref, channel, attempt }: SentAttempt): Promise<void> {
    const aborter = new AbortController();
    this.#running[ref] = aborter;
    const progress = (reported: Progress) => {
      if (this.#running[ref] !== aborter) return;
      if (reported.stage) {
        this.#stages.set(ref, reported.stage);
        if (reported.stage === "sending") this.#failpoint("amid_effect");
      } else this.#noteFigures(ref, reported);
    };
    const context = { signal: aborter.signal, shutdown: this.#shutdown.signal, progress };
    let outcome: Outcome;
    this.#failpoint("before_effect");
    try {
      outcome =
        await (this.#channels.get(channel)?.deliver(attempt, context) ?? noChannel(channel));
    } catch (error) {
      const isSending = this.#stages.has(ref, "sending");
      const { signal } = aborter;
      if (error instanceof TooCostlyError) outcome = tooCostly(error, isSending);
      else if (signal.aborted && error === signal.reason) {
        outcome = aborted(String(error), isSending);
      } else {
        outcome = unexpectedError(isSending);
        const fields = { task: attempt.taskId, channel, error: textOf(error) };
        this.#log("Channel threw an unexpected error", fields);
      }
    }
    this.#failpoint("after_effect");
    this.#running[ref] = undefined;
    this.#figures.delete(ref);
    if (this.#outcomes.length === 0) setImmediate(() => this.#settle());
    this.#outcomes.push({ ref, outcome });
  }

  #log(message: string, fields: LogFields): void {
    this.#send({ type: "log", level: "error", message, fields });
  }

  #settle(): void {
    const outcomes = this.#outcomes;
    this.#outcomes = [];
    this.#send({ type: "settled", outcomes });
  }

  #noteFigures(ref: number, figures: Figures): void {
    this.#figures.set(ref, figures);
    this.#undoFigures ??= this.#clock.after(FIGURES_EVERY_MS, () => {
      this.#undoFigures = undefined;
      if (this.#figures.size === 0) return;
      const list = [...this.#figures].map(([ref, figures]) => ({ ref, ...figures }));
      this.#figures.clear();
      this.#send({ type: "figures", list });
    });
  }

  async #close(): Promise<void> {
    this.#undoFigures?.();
    for (const aborter of this.#running) aborter?.abort("shutdown");
    this.#shutdown.abort("shutdown");
    await Promise.allSettled([...this.#channels.values()].map((channel) => channel.close?.()));
    await this.#channels.close?.();
    this.#send({ type: "closed" });
  }
}

function noChannel(name: string): Outcome {
  return {
    kind: "rejected",
    error: { code: "unknown_channel", detail: `Unknown channel "${name}"` },
  };
}

/** Another attempt would be as costly. */
function tooCostly({ code, message: detail }: TooCostlyError, sending: boolean): Outcome {
  return { kind: sending ? "unknown" : "rejected", error: { code, detail } };
}

/** The attempt was aborted while it waited for costly work. */
function aborted(cause: string, sending: boolean): Outcome {
  const error = { code: cause, detail: "The attempt was aborted while its content was prepared" };
  return { kind: sending ? "unknown" : "deferred", error };
}

/** The bug may be fixed in the next version, so the task is kept. */
function unexpectedError(sending: boolean): Outcome {
  return {
    kind: sending ? "unknown" : "deferred",
    error: {
      code: "internal",
      detail: "The channel threw an unexpected error; the log has the details",
    },
  };
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}
