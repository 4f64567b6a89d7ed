/**
 * Sessions with one relay, kept for the next mail.
 *
 * @module
 */

import type { Clock } from "../../lib/clock.ts";
import type { SmtpSession } from "./smtp_session.ts";

/** What a pool needs. */
export interface PoolOptions {
  /** Opens a session; rejects with an `SmtpError`. */
  readonly open: (signal: AbortSignal) => Promise<SmtpSession>;
  /** Times the idle ones. */
  readonly clock: Clock;
  /** The most sessions at once. */
  readonly most: number;
  /** An idle session is closed after so many milliseconds, before the relay does it. */
  readonly idleMs: number;
  /** After so many mails a session is closed: some relays insist. */
  readonly mails: number;
}

/** Hands out sessions, one mail at a time. */
export interface SmtpPool {
  /** An idle session or a new one; waits its turn. Rejects with an `SmtpError` or the signal's reason. */
  acquire(signal: AbortSignal): Promise<SmtpSession>;
  /** Takes a session back. */
  release(session: SmtpSession): void;
  /** Closes what is idle, and every other as it comes back. */
  close(): Promise<void>;
}

/** Opens a pool; sessions are opened as they are asked for. */
export function openSmtpPool(options: PoolOptions): SmtpPool {
  return new Pool(options);
}

interface Idle {
  readonly session: SmtpSession;
  readonly undo: () => void;
}

class Pool implements SmtpPool {
  readonly #options: PoolOptions;
  /** The one used last comes first, so that the rest may fall idle. */
  readonly #idle: Idle[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #carried = new WeakMap<SmtpSession, number>();
  readonly #closing = new Set<Promise<void>>();
  #open = 0;
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  async acquire(signal: AbortSignal): Promise<SmtpSession> {
    for (;;) {
      signal.throwIfAborted();
      const idle = this.#takeIdle();
      if (idle) return idle;
      if (this.#open < this.#options.most) break;
      await this.#turn(signal);
    }
    this.#open++;
    try {
      return await this.#options.open(signal);
    } catch (error) {
      this.#left();
      throw error;
    }
  }

  release(session: SmtpSession): void {
    const carried = (this.#carried.get(session) ?? 0) + 1;
    this.#carried.set(session, carried);
    if (!session.usable || carried >= this.#options.mails || this.#closed) {
      return this.#drop(session);
    }
    const undo = this.#options.clock.after(this.#options.idleMs, () => {
      this.#idle.splice(this.#idle.findIndex((idle) => idle.session === session), 1);
      this.#drop(session);
    });
    this.#idle.push({ session, undo });
    this.#next();
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { session, undo } of this.#idle.splice(0)) {
      undo();
      this.#drop(session);
    }
    await Promise.all(this.#closing);
  }

  #takeIdle(): SmtpSession | undefined {
    for (let idle = this.#idle.pop(); idle; idle = this.#idle.pop()) {
      idle.undo();
      if (idle.session.usable) return idle.session;
      this.#drop(idle.session);
    }
  }

  #drop(session: SmtpSession): void {
    const closing = session.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
    this.#left();
  }

  #left(): void {
    this.#open--;
    this.#next();
  }

  /** Lets the one that waited longest look again. */
  #next(): void {
    const [first] = this.#waiting;
    if (!first) return;
    this.#waiting.delete(first);
    first();
  }

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const wake = () => {
        signal.removeEventListener("abort", leave);
        resolve();
      };
      const leave = () => {
        this.#waiting.delete(wake);
        reject(signal.reason);
      };
      this.#waiting.add(wake);
      signal.addEventListener("abort", leave, { once: true });
    });
  }
}
