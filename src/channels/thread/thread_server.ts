/**
 * The channels' side of a thread: attempts come in, outcomes go out.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import type { Clock } from "../../lib/clock.ts";
import { type Failpoint, noFailpoints } from "../../lib/failpoints.ts";
import type { Outcome } from "../../task/outcome.ts";
import type { Json } from "../../task/task.ts";
import type { Channel, Figures, OpenChannels, Progress } from "../channel.ts";
import { type FromThread, type SentAttempt, Stages, type ToThread } from "./thread_protocol.ts";

/** What the server needs. */
export interface ThreadServerOptions {
  /** Sends a message to the worker. */
  readonly send: (message: FromThread) => void;
  /** Spaces out the figures of progress. */
  readonly clock: Clock;
  /** Loads a table of channels: a module's default export. */
  readonly load: (table: string) => Promise<OpenChannels>;
  /** Told before, amid and after each effect. */
  readonly failpoint?: Failpoint;
}

/** Figures cross at most four times a second. */
const FIGURES_EVERY_MS = 250;

/** Makes what answers the worker's messages. */
export function openThreadServer(options: ThreadServerOptions): (message: ToThread) => void {
  const server = new ThreadServer(options);
  return (message) => server.receive(message);
}

class ThreadServer {
  readonly #send: ThreadServerOptions["send"];
  readonly #clock: Clock;
  readonly #load: ThreadServerOptions["load"];
  readonly #failpoint: Failpoint;
  /** By their refs, which are small: see `lib/slots.ts` for why this is no `Map`. */
  readonly #inHand: (AbortController | undefined)[] = [];
  readonly #figures = new Map<number, Figures>();
  #channels: ReadonlyMap<string, Channel> = new Map();
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
        return this.#inHand[message.ref]?.abort(message.cause);
      case "ping":
        return this.#send({ type: "pong", n: message.n });
      case "close":
        return void this.#close();
    }
  }

  async #open(table: string, settings: Json): Promise<void> {
    try {
      this.#channels = (await this.#load(table))(settings);
    } catch (error) {
      return this.#send({ type: "failed_to_open", detail: textOf(error) });
    }
    const graces: Record<string, number> = {};
    for (const [name, { graceMs }] of this.#channels) {
      if (graceMs !== undefined) graces[name] = graceMs;
    }
    this.#send({ type: "opened", graces });
  }

  async #deliver({ ref, channel, attempt }: SentAttempt): Promise<void> {
    const aborter = new AbortController();
    this.#inHand[ref] = aborter;
    const progress = (said: Progress) => {
      if (this.#inHand[ref] !== aborter) return;
      if (said.stage) {
        this.#stages.setSending(ref);
        this.#failpoint("amid_effect");
      } else this.#noteFigures(ref, said);
    };
    const context = { signal: aborter.signal, progress };
    let outcome: Outcome;
    this.#failpoint("before_effect");
    try {
      outcome =
        await (this.#channels.get(channel)?.deliver(attempt, context) ?? noChannel(channel));
    } catch (error) {
      outcome = broken(this.#stages.isSending(ref));
      const fields = { task: attempt.taskId, channel, error: textOf(error) };
      this.#send({ type: "log", level: "error", message: "A channel broke", fields });
    }
    this.#failpoint("after_effect");
    this.#inHand[ref] = undefined;
    this.#figures.delete(ref);
    if (this.#outcomes.length === 0) setImmediate(() => this.#settle());
    this.#outcomes.push({ ref, outcome });
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
    for (const aborter of this.#inHand) aborter?.abort("shutdown");
    await Promise.allSettled([...this.#channels.values()].map((channel) => channel.close?.()));
    this.#send({ type: "closed" });
  }
}

function noChannel(name: string): Outcome {
  return {
    kind: "rejected",
    error: { code: "unknown_channel", detail: `There is no channel "${name}" here` },
  };
}

/** The fault may be gone with the next version, so the task is kept. */
function broken(sending: boolean): Outcome {
  return {
    kind: sending ? "unknown" : "deferred",
    error: { code: "internal", detail: "The channel broke; the log says how" },
  };
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}
