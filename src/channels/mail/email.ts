/**
 * The channel `email`: sends a mail to a relay, or writes it to the outbox.
 *
 * @module
 */

import type { Clock } from "../../lib/clock.ts";
import type { Outcome } from "../../task/outcome.ts";
import type { TaskError } from "../../task/task.ts";
import type { Attempt, Channel, DeliverContext } from "../channel.ts";
import type { Compute } from "../compute/compute.ts";
import { type MailComposer, openMailComposer } from "./compose.ts";
import { Mail } from "./mail_attempt.ts";
import { dateOf, readCarry } from "./mail_carry.ts";
import type { MailSettings, OutboxSettings } from "./mail_settings.ts";
import { openTokens } from "./oauth.ts";
import { openOutbox } from "./outbox.ts";
import { type DkimKey, type RelayRule, relaysFor } from "./relays.ts";
import { errorOf, isRelayFault, refusesSession } from "./smtp_classify.ts";
import { openSession } from "./smtp_connect.ts";
import { needsLogin, SmtpError, type SmtpFault } from "./smtp_fault.ts";
import { openSmtpPool, type SmtpPool } from "./smtp_pool.ts";
import type { Sent, SmtpWaits } from "./smtp_session.ts";

/** What the channel needs besides a relay. */
export interface EmailOptions {
  /** Measures and bounds the time. */
  readonly clock: Clock;
  /** Further CA certificates, PEM. */
  readonly ca?: string | undefined;
  /** The name in EHLO: a full host name; the connection's own address when absent. */
  readonly hostname?: string | undefined;
  /** The longest waits, in milliseconds, in addition to the attempt's own deadline. */
  readonly waits?: Partial<SmtpWaits>;
  /** Relays that replace the single one, the best first. */
  readonly relays?: readonly RelayRule[] | undefined;
  /** Keys that mails are signed with. */
  readonly dkim?: readonly DkimKey[] | undefined;
  /** Composes long mails; on this thread when absent. */
  readonly compute?: Compute;
  /** The folder that keeps refresh tokens. */
  readonly tokens?: string | undefined;
}

/** RFC 5321 §4.5.3.2.6, in milliseconds: cutting the last wait short makes duplicates. */
const DOT_MS = 600_000;
/** Below the limit per client of most relays, which is often ten or twenty. */
const MAX_SESSIONS = 8;
/** How long a relay that cannot be used is passed over, in milliseconds. */
const DOWN_MS = 30_000;
/** A mail that waited longer for a session gets its timeout from then on, in milliseconds. */
const LATE_MS = 50;
/** Composing takes less; what takes longer has waited for other large mails. */
const LONG_MS = 1_000;
/** How often a mail is moved to another session because its own was refused. */
const MAX_MOVES = MAX_SESSIONS;
const WAITS: SmtpWaits = { connect: 15_000, greeting: 30_000, reply: 300_000, dot: DOT_MS };

/** Opens the channel. */
export function openEmailChannel(settings: MailSettings, options: EmailOptions): Channel {
  const { relays = [] } = options;
  if (relays.length > 0) return new EmailChannel(relays, options);
  return settings.kind === "outbox"
    ? openOutbox(settings, options)
    : new EmailChannel([{ relay: settings }], options);
}

/**
 * Connects to a relay and logs in; resolves with the error, if there is one. An outbox has none.
 */
export async function verifyRelay(
  settings: OutboxSettings | RelayRule["relay"],
  options: EmailOptions,
): Promise<TaskError | undefined> {
  if (settings.kind === "outbox") return undefined;
  try {
    const session = await openerOf(settings, options)(new AbortController().signal);
    await session.close();
  } catch (error) {
    if (error instanceof SmtpError) return errorOf(error.fault);
    throw error;
  }
}

function openerOf(relay: RelayRule["relay"], options: EmailOptions) {
  const { clock, ca, hostname, tokens: folder } = options;
  const { oauth } = relay;
  const tokens = oauth && openTokens(oauth, { clock, folder });
  const waits = { ...WAITS, ...options.waits };
  const session = {
    clock,
    ca,
    name: relay.name ?? hostname,
    ...(oauth && tokens ? { oauth: { user: oauth.user, tokens } } : {}),
  };
  return (signal: AbortSignal, silenceMs = Infinity) => {
    const connect = Math.min(waits.connect, silenceMs);
    const greeting = Math.min(waits.greeting, silenceMs);
    return openSession(relay, { ...session, waits: { ...waits, connect, greeting } }, signal);
  };
}

/** A relay with its sessions. */
interface OpenRelay {
  readonly rule: RelayRule;
  readonly name: string;
  readonly pool: SmtpPool;
  /** Until then it comes after the others, on the monotonic clock. */
  downUntil: number;
}

/** The time of one attempt. */
interface Deadline {
  /** Aborts when the attempt is aborted or, once it had to wait, when its time is up. */
  readonly signal: AbortSignal;
  /** Restarts the timeout, for a mail that has waited for its session. */
  restart(): void;
  /** What is left, in milliseconds. */
  left(): number;
  /** Whether the worker's timeout came although the mail had begun late. */
  isEarly(): boolean;
  end(): void;
}

class EmailChannel implements Channel {
  readonly graceMs = DOT_MS;
  readonly oneThread = true;
  readonly #relays: readonly OpenRelay[];
  readonly #composer: MailComposer;
  readonly #clock: Clock;

  constructor(rules: readonly RelayRule[], options: EmailOptions) {
    this.#clock = options.clock;
    this.#composer = openMailComposer(options);
    this.#relays = rules.map((rule) => ({
      rule,
      name: rule.relay.lane.slice("mail:".length),
      pool: openSmtpPool({
        open: openerOf(rule.relay, options),
        clock: options.clock,
        max: MAX_SESSIONS,
        idleMs: 30_000,
        mails: 100,
      }),
      downUntil: 0,
    }));
  }

  async deliver(attempt: Attempt, context: DeliverContext): Promise<Outcome> {
    const deadline = this.#deadlineOf(attempt, context);
    const { signal } = deadline;
    const before = readCarry(attempt);
    const date = dateOf(attempt, this.#clock.now());
    const calledAt = this.#clock.monotonic();
    try {
      return await this.#composer.withMessage(attempt, { date, signal }, (message) => {
        // A large mail waits for its turn.
        if (this.#clock.monotonic() - calledAt > LONG_MS) this.#beginLate(context, deadline);
        const mail = new Mail(message, before, { date, number: attempt.number });
        return this.#deliver(mail, context, deadline);
      });
    } catch (error) {
      if (!signal.aborted || error !== signal.reason) throw error;
      const detail = "The attempt was cut off while it waited for its turn";
      const outcome = { kind: "deferred", error: { code: causeOf(signal), detail } } as const;
      return signal.reason === "timeout" ? { ...outcome, untried: true } : outcome;
    } finally {
      deadline.end();
    }
  }

  /** A mail that had to wait for its turn or its session gets its whole timeout from now on. */
  #beginLate({ progress }: DeliverContext, deadline: Deadline): void {
    progress({ stage: "begun" });
    deadline.restart();
  }

  async #deliver(mail: Mail, context: DeliverContext, deadline: Deadline): Promise<Outcome> {
    const { signal } = deadline;
    const relays = this.#relaysFor(mail.message.author);
    let refusal: SmtpError | undefined;
    for (const [i, relay] of relays.entries()) {
      mail.via(relay.name);
      const hasNext = i < relays.length - 1;
      // A relay that is silent must leave time for those after it.
      const silenceMs = hasNext ? deadline.left() / (relays.length - i) : undefined;
      try {
        // A relay that refused some recipients as too many at once (452) is given the rest.
        while (
          mail.isOpen && await this.#send(relay, mail, { ...context, ...deadline, silenceMs })
        );
        refusal = undefined;
        if (!hasNext || signal.aborted) break;
        if (mail.passUnable()) continue;
        const fault = mail.relayFault;
        if (!fault) break;
        mail.passedOver(fault);
        relay.downUntil = this.#clock.monotonic() + DOWN_MS;
      } catch (error) {
        if (signal.aborted && !(error instanceof SmtpError)) {
          return mail.aborted(causeOf(signal), deadline.isEarly());
        }
        if (!(error instanceof SmtpError)) throw error;
        refusal = error;
        mail.passedOver(error.fault);
        if (signal.aborted && signal.reason !== "timeout") {
          return mail.aborted(causeOf(signal), deadline.isEarly());
        }
        if (signal.aborted) break;
        relay.downUntil = this.#clock.monotonic() + DOWN_MS;
      }
    }
    if (refusal) return mail.refused(refusal.fault, refusal.hasWaited);
    return signal.aborted && mail.isOpen
      ? mail.aborted(causeOf(signal), deadline.isEarly())
      : mail.outcome();
  }

  async close(): Promise<void> {
    await Promise.all(this.#relays.map(({ pool }) => pool.close()));
  }

  /** A relay that was unusable a moment ago comes last. */
  #relaysFor(sender: string): OpenRelay[] {
    const rules = relaysFor(this.#relays.map(({ rule }) => rule), sender);
    const relays = rules.flatMap((rule) => this.#relays.filter((relay) => relay.rule === rule));
    const now = this.#clock.monotonic();
    const isDown = ({ downUntil }: OpenRelay) => downUntil > now;
    return [...relays.filter((relay) => !isDown(relay)), ...relays.filter(isDown)];
  }

  /** Sends to all open recipients; returns whether the rest can be sent at once. */
  async #send(
    { pool }: OpenRelay,
    mail: Mail,
    context: DeliverContext & Deadline & { readonly silenceMs: number | undefined },
  ): Promise<boolean> {
    const { signal, shutdown, progress, silenceMs } = context;
    let isMoved = false;
    for (let moves = 0;;) {
      const { session, waitedMs } = await pool.acquire(signal, silenceMs);
      if (waitedMs > LATE_MS) this.#beginLate(context, context);
      const isStale = session.used;
      const onDot = () => progress({ stage: "sending" });
      const sent = await session.send(mail.message, mail.open, {
        signal,
        shutdown,
        onDot,
        silenceMs,
      });
      const isUnbegun = !signal.aborted && neverBegan(sent);
      const refusal = refusesSession(sent);
      if (!signal.aborted && moves < MAX_MOVES) {
        // The relay takes no mail over one more session.
        const isCertain = (isUnbegun && !isStale) || refusal === "yes";
        const isElsewhere = isCertain
          ? pool.giveUp(session)
          : refusal === "maybe" && pool.suspect(session);
        if (isElsewhere) {
          moves++;
          isMoved = true;
          continue;
        }
      }
      if (isMoved && sent.kind === "taken") pool.confirm();
      pool.release(session);
      // The relay hung up between two mails.
      if (isUnbegun && isStale) continue;
      if (isUnbegun && sent.fault.status === 421) {
        const error = new SmtpError(sent.fault);
        pool.refuse(error);
        throw error;
      }
      if (sent.kind === "failed" && sent.fault && needsLogin(sent.fault)) {
        const { fault, ...before } = sent;
        mail.note(before, session);
        const reason = "set tls=required, or a user and a password, in the relay's URL";
        throw new SmtpError({ ...fault, reason });
      }
      return mail.note(sent, session) && !signal.aborted;
    }
  }

  #deadlineOf({ deadlineAt }: Attempt, { signal }: DeliverContext): Deadline {
    const clock = this.#clock;
    const timeoutMs = Math.max(0, deadlineAt - clock.now());
    const aborter = new AbortController();
    const abort = () => aborter.abort(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    let endsAt = clock.monotonic() + timeoutMs;
    let isLate = false;
    let undo = () => {};
    return {
      signal: aborter.signal,
      isEarly: () => isLate && endsAt > clock.monotonic(),
      restart() {
        isLate = true;
        undo();
        endsAt = clock.monotonic() + timeoutMs;
        undo = clock.after(timeoutMs, () => aborter.abort("timeout"));
      },
      left: () => Math.max(0, endsAt - clock.monotonic()),
      end() {
        undo();
        signal.removeEventListener("abort", abort);
      },
    };
  }
}

function causeOf({ reason }: AbortSignal): string {
  return String(reason);
}

/** Whether a session ended, or was refused, before the relay accepted anything of the mail. */
function neverBegan(sent: Sent): sent is Sent & { readonly fault: SmtpFault } {
  if (sent.kind !== "failed" || sent.dotLeft || !sent.fault) return false;
  const { stage, status, code } = sent.fault;
  return isRelayFault(sent.fault) && code !== "timeout" &&
    (stage === "mail" || (stage === "rcpt" && status === 421 && sent.refused.length === 0));
}
