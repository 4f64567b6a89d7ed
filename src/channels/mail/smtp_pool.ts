/**
 * Sessions with one relay, kept open for the next mail.
 *
 * A relay often limits the sessions of one client and refuses a further one.
 * That is not an error of the mail: the pool remembers the limit, and the mail
 * waits for an open session. Only when no session can be opened at all is the
 * relay unusable, and all waiting attempts fail.
 *
 * @module
 */

import type { Clock } from "../../lib/clock.ts";
import { SmtpError } from "./smtp_fault.ts";
import type { SmtpSession } from "./smtp_session.ts";

/** What a pool needs. */
export interface PoolOptions {
  /** Opens a session; rejects with an `SmtpError`. */
  readonly open: (signal: AbortSignal, silenceMs?: number) => Promise<SmtpSession>;
  /** Times idle sessions. */
  readonly clock: Clock;
  /** The most sessions at once. */
  readonly max: number;
  /** An idle session is closed after this time, before the relay does it, in milliseconds. */
  readonly idleMs: number;
  /** A session is closed after this many mails: some relays insist on it. */
  readonly mails: number;
}

/** A session for one mail. */
export interface Acquired {
  /** To be given back. */
  readonly session: SmtpSession;
  /** How long the mail waited for others, in milliseconds. */
  readonly waitedMs: number;
}

/** Hands out sessions, one mail at a time. */
export interface SmtpPool {
  /**
   * Resolves with an idle session or a new one, in the order of the calls. Rejects
   * with an `SmtpError`, or with the signal's reason while it waits.
   */
  acquire(signal: AbortSignal, silenceMs?: number): Promise<Acquired>;
  /** Takes a session back. */
  release(session: SmtpSession): void;
  /** Whether other sessions are open; if so, remembers that the relay accepts no further one. */
  learnLimit(): boolean;
  /** Closes idle sessions now and the others as they come back. */
  close(): Promise<void>;
}

/** Opens a pool without a session. */
export function openSmtpPool(options: PoolOptions): SmtpPool {
  return new Pool(options);
}

/** After a refused session, how long until one more is tried, in milliseconds. */
const GROW_MS = 30_000;

interface Idle {
  readonly session: SmtpSession;
  readonly undo: () => void;
}

interface Waiting {
  readonly wake: () => void;
  readonly fail: (error: SmtpError) => void;
}

class Pool implements SmtpPool {
  readonly #options: PoolOptions;
  /** The session used last comes first, so that the others can be closed. */
  readonly #idle: Idle[] = [];
  readonly #waiting = new Set<Waiting>();
  readonly #carried = new WeakMap<SmtpSession, number>();
  readonly #closing = new Set<Promise<void>>();
  /** Sessions that are open, those that say goodbye included. */
  #open = 0;
  #opening = 0;
  #limit: number;
  #refusedAt = 0;
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#limit = options.max;
  }

  async acquire(signal: AbortSignal, silenceMs?: number): Promise<Acquired> {
    const { clock } = this.#options;
    let waitedMs = 0;
    for (let turn = 0;; turn++) {
      if (signal.aborted) {
        // The session that this one was woken for goes to the next.
        this.#wakeNext();
        throw signal.reason;
      }
      // Those who came before are served first.
      const idle = turn > 0 || this.#waiting.size === 0 ? this.#takeIdle() : undefined;
      if (idle) return { session: idle, waitedMs };
      if (this.#mayOpen()) {
        const session = await this.#openOne(signal, silenceMs);
        if (session) return { session, waitedMs };
      }
      const since = clock.monotonic();
      await this.#turn(signal);
      waitedMs += clock.monotonic() - since;
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
    this.#wakeNext();
  }

  learnLimit(): boolean {
    const others = this.#open + this.#opening - 1;
    if (others < 1) return false;
    this.#limit = Math.min(this.#limit, others);
    this.#refusedAt = this.#options.clock.monotonic();
    return true;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { session, undo } of this.#idle.splice(0)) {
      undo();
      this.#drop(session);
    }
    await Promise.all(this.#closing);
  }

  /** The first session is opened alone, to find out whether the relay can be used at all. */
  #mayOpen(): boolean {
    const { max, clock } = this.#options;
    if (this.#limit < max && clock.monotonic() - this.#refusedAt >= GROW_MS) {
      this.#limit++;
      this.#refusedAt = clock.monotonic();
    }
    if (this.#open === 0) return this.#opening === 0;
    return this.#open + this.#opening < this.#limit;
  }

  /** `undefined` when the relay takes no further session beside those that are open. */
  async #openOne(signal: AbortSignal, silenceMs?: number): Promise<SmtpSession | undefined> {
    this.#opening++;
    try {
      const session = await this.#options.open(signal, silenceMs);
      this.#opening--;
      this.#open++;
      // The relay can be used, so the others may open theirs.
      this.#wakeAll();
      return session;
    } catch (error) {
      const isRefused = !signal.aborted && error instanceof SmtpError && this.learnLimit();
      this.#opening--;
      if (isRefused) return undefined;
      if (error instanceof SmtpError && !signal.aborted) this.#failAll(error);
      else this.#wakeNext();
      throw error;
    }
  }

  #takeIdle(): SmtpSession | undefined {
    for (let idle = this.#idle.pop(); idle; idle = this.#idle.pop()) {
      idle.undo();
      if (idle.session.usable) return idle.session;
      this.#drop(idle.session);
    }
  }

  /** The relay counts a session until it is closed, and so do we. */
  #drop(session: SmtpSession): void {
    const closing = session.close().finally(() => {
      this.#closing.delete(closing);
      this.#open--;
      this.#wakeNext();
    });
    this.#closing.add(closing);
  }

  #wakeNext(): void {
    const [first] = this.#waiting;
    first?.wake();
  }

  #wakeAll(): void {
    for (const { wake } of [...this.#waiting]) wake();
  }

  #failAll({ fault }: SmtpError): void {
    for (const { fail } of [...this.#waiting]) fail(new SmtpError(fault, true));
  }

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = () => {
        this.#waiting.delete(waiting);
        signal.removeEventListener("abort", leave);
      };
      const waiting: Waiting = {
        wake() {
          end();
          resolve();
        },
        fail(error) {
          end();
          reject(error);
        },
      };
      const leave = () => {
        end();
        reject(signal.reason);
      };
      this.#waiting.add(waiting);
      signal.addEventListener("abort", leave, { once: true });
    });
  }
}
