/**
 * Sessions with one relay, kept open for the next mail.
 *
 * A relay often limits the sessions of one client: it refuses a further one, or
 * is silent. That is not an error of the mail. Further sessions are opened in
 * addition to those that work, and the mail takes the first that is free; the pool remembers
 * the limit. Only when no session can be opened at all is the relay unusable, and
 * all waiting attempts fail.
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
  /**
   * Whether other sessions are open; if so, closes this one and remembers that the
   * relay accepts no mail over a session in addition to them.
   */
  giveUp(session: SmtpSession): boolean;
  /**
   * The same for a refusal that may be about the mail instead of the session. It is
   * about the mail when the session has carried another mail or is the only one: then
   * the limit stays as it was.
   */
  suspect(session: SmtpSession): boolean;
  /** A mail that was refused over a suspected session was accepted over another. */
  confirm(): void;
  /** Fails all that wait, when the relay accepts no mail at all. */
  refuse(error: SmtpError): void;
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
  /** Until this time (monotonic clock), a refusal that may be about the mail counts as being about it. */
  #unsuspectingUntil = -Infinity;
  /** The limit before the first suspected refusal that is not confirmed yet. */
  #unsuspected: number | undefined;
  readonly #closed = new AbortController();

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
        if (this.#open === 0) {
          return { session: await this.#openFirst(signal, silenceMs), waitedMs };
        }
        this.#openFurther();
      }
      const since = clock.monotonic();
      await this.#turn(signal);
      waitedMs += clock.monotonic() - since;
    }
  }

  release(session: SmtpSession): void {
    const carried = (this.#carried.get(session) ?? 0) + 1;
    this.#carried.set(session, carried);
    if (!session.usable || carried >= this.#options.mails) return this.#drop(session);
    this.#keep(session);
  }

  giveUp(session: SmtpSession): boolean {
    if (!this.#learnLimit()) return false;
    this.#drop(session);
    return true;
  }

  suspect(session: SmtpSession): boolean {
    const now = this.#options.clock.monotonic();
    if (now < this.#unsuspectingUntil) return false;
    const limit = this.#limit;
    if (!session.proven && this.giveUp(session)) {
      this.#unsuspected ??= limit;
      return true;
    }
    this.#unsuspectingUntil = now + GROW_MS;
    this.#limit = this.#unsuspected ?? limit;
    this.#unsuspected = undefined;
    return false;
  }

  confirm(): void {
    this.#unsuspected = undefined;
  }

  refuse({ fault }: SmtpError): void {
    // What was learned before the relay failed says nothing about the time after it.
    this.#limit = this.#options.max;
    for (const { fail } of [...this.#waiting]) fail(new SmtpError(fault, true));
  }

  async close(): Promise<void> {
    this.#closed.abort("shutdown");
    for (const { session, undo } of this.#idle.splice(0)) {
      undo();
      this.#drop(session);
    }
    await Promise.all(this.#closing);
  }

  /** Whether other sessions are open or about to be; if so, their number becomes the limit. */
  #learnLimit(): boolean {
    const others = this.#open + this.#opening - 1;
    if (others < 1) return false;
    this.#limit = Math.min(this.#limit, others);
    this.#refusedAt = this.#options.clock.monotonic();
    return true;
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

  async #openFirst(signal: AbortSignal, silenceMs?: number): Promise<SmtpSession> {
    this.#opening++;
    try {
      const session = await this.#options.open(signal, silenceMs);
      this.#opening--;
      this.#open++;
      // The relay can be used, so the others may open theirs.
      this.#wakeAll();
      return session;
    } catch (error) {
      this.#opening--;
      if (error instanceof SmtpError && !signal.aborted) this.refuse(error);
      else this.#wakeNext();
      throw error;
    }
  }

  /** Opens a session for the next waiting mail: the mail that asked for it may get another session first. */
  #openFurther(): void {
    this.#opening++;
    const opening = this.#options.open(this.#closed.signal).then(
      (session) => {
        this.#opening--;
        this.#open++;
        this.#keep(session);
      },
      (error) => {
        const isLimit = this.#learnLimit();
        this.#opening--;
        if (isLimit || this.#closed.signal.aborted) return;
        if (!(error instanceof SmtpError)) throw error;
        this.refuse(error);
      },
    ).finally(() => this.#closing.delete(opening));
    this.#closing.add(opening);
  }

  #keep(session: SmtpSession): void {
    if (this.#closed.signal.aborted) return this.#drop(session);
    const undo = this.#options.clock.after(this.#options.idleMs, () => {
      this.#idle.splice(this.#idle.findIndex((idle) => idle.session === session), 1);
      this.#drop(session);
    });
    this.#idle.push({ session, undo });
    this.#wakeNext();
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
