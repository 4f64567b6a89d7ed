/**
 * The channel `email`: a mail leaves for a relay, or for the outbox.
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
import type { MailSettings, OutboxSettings } from "./mail_settings.ts";
import type { Message } from "./message.ts";
import { openTokens } from "./oauth.ts";
import { openOutbox } from "./outbox.ts";
import { type DkimKey, type RelayRule, relaysFor } from "./relays.ts";
import { errorOf, relayOutcome } from "./smtp_classify.ts";
import { openSession, type SmtpWaits } from "./smtp_connect.ts";
import { SmtpError, type SmtpFault } from "./smtp_fault.ts";
import { openSmtpPool, type SmtpPool } from "./smtp_pool.ts";
import type { Sent } from "./smtp_session.ts";

/** What the channel needs besides a relay. */
export interface EmailOptions {
  /** Times what it does. */
  readonly clock: Clock;
  /** Further CA certificates, PEM. */
  readonly ca?: string | undefined;
  /** What we call ourselves to a relay: a full host name; an address literal when absent. */
  readonly hostname?: string | undefined;
  /** Bounds on waiting, in milliseconds, beside the attempt's own deadline. */
  readonly waits?: Partial<SmtpWaits>;
  /** Take the place of the one relay, the best first. */
  readonly relays?: readonly RelayRule[] | undefined;
  /** Keys that mails are signed with. */
  readonly dkim?: readonly DkimKey[] | undefined;
  /** Composes long mails; on this thread when absent. */
  readonly compute?: Compute;
}

/** RFC 5321 §4.5.3.2.6, in milliseconds: cutting the last wait short makes duplicates. */
const DOT_MS = 600_000;
/** A relay's limit per client is often twenty; two threads stay below. */
const MAX_SESSIONS = 8;
/** A relay that cannot be used is passed over so long, in milliseconds. */
const DOWN_MS = 30_000;
const WAITS: SmtpWaits = { connect: 15_000, greeting: 30_000, reply: DOT_MS + 60_000 };

/** Opens the channel. */
export function openEmailChannel(settings: MailSettings, options: EmailOptions): Channel {
  const { relays = [] } = options;
  if (relays.length > 0) return new EmailChannel(relays, options);
  return settings.kind === "outbox"
    ? openOutbox(settings, options)
    : new EmailChannel([{ relay: settings }], options);
}

/**
 * Connects to a relay and logs in, or makes the outbox's directory; resolves
 * with what went wrong.
 */
export async function verifyRelay(
  settings: OutboxSettings | RelayRule["relay"],
  options: EmailOptions,
): Promise<TaskError | undefined> {
  if (settings.kind === "outbox") {
    try {
      await Deno.mkdir(settings.directory, { recursive: true });
      return undefined;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return { code: "outbox_failed", detail: `Cannot make the outbox: ${why}` };
    }
  }
  try {
    const session = await openerOf(settings, options)(new AbortController().signal);
    await session.close();
  } catch (error) {
    if (error instanceof SmtpError) return errorOf(error.fault);
    throw error;
  }
}

function openerOf(relay: RelayRule["relay"], options: EmailOptions) {
  const { oauth } = relay;
  const tokens = oauth && openTokens(oauth, options.clock);
  const more = oauth && tokens ? { oauth: { user: oauth.user, tokens } } : {};
  return (signal: AbortSignal) => {
    return openSession(relay, { ...sessionOptions(options), ...more }, signal);
  };
}

function sessionOptions({ clock, ca, hostname, waits }: EmailOptions) {
  return { clock, ca, name: hostname ?? "[127.0.0.1]", waits: { ...WAITS, ...waits } };
}

/** A relay at work. */
interface OpenRelay {
  readonly rule: RelayRule;
  readonly name: string;
  readonly pool: SmtpPool;
  /** Passed over until then where there is another, on the monotonic clock. */
  downUntil: number;
}

class EmailChannel implements Channel {
  readonly graceMs = DOT_MS;
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
        most: MAX_SESSIONS,
        idleMs: 30_000,
        mails: 100,
      }),
      downUntil: 0,
    }));
  }

  async deliver(attempt: Attempt, context: DeliverContext): Promise<Outcome> {
    const { signal } = context;
    return await this.#composer.withMessage(
      attempt,
      signal,
      (message) => this.#send(message, attempt, context),
    );
  }

  async #send(message: Message, attempt: Attempt, context: DeliverContext): Promise<Outcome> {
    const mail = new Mail(message, attempt);
    let fault: SmtpFault | undefined;
    for (const relay of this.#relaysFor(message.from)) {
      mail.via(relay.name);
      try {
        // A relay that takes some and has had enough (452) is given the rest at once.
        while (mail.isOpen && await this.#sendVia(relay, mail, context));
        fault = undefined;
        break;
      } catch (error) {
        if (context.signal.aborted) return mail.aborted(String(context.signal.reason));
        if (!(error instanceof SmtpError)) throw error;
        fault = error.fault;
        mail.passedOver(errorOf(fault));
        relay.downUntil = this.#clock.monotonic() + DOWN_MS;
      }
    }
    if (fault) return mail.outcome(relayOutcome(fault));
    return context.signal.aborted && mail.isOpen
      ? mail.aborted(String(context.signal.reason))
      : mail.outcome();
  }

  /** A relay that was down a moment ago comes last, not never. */
  #relaysFor(sender: string): OpenRelay[] {
    const rules = relaysFor(this.#relays.map(({ rule }) => rule), sender);
    const relays = rules.flatMap((rule) => this.#relays.filter((relay) => relay.rule === rule));
    const now = this.#clock.monotonic();
    const isDown = ({ downUntil }: OpenRelay) => downUntil > now;
    return [...relays.filter((relay) => !isDown(relay)), ...relays.filter(isDown)];
  }

  async close(): Promise<void> {
    await Promise.all(this.#relays.map(({ pool }) => pool.close()));
  }

  /** Sends to all who are still open; true when some were served and others may be now. */
  async #sendVia(
    { pool }: OpenRelay,
    mail: Mail,
    { signal, progress }: DeliverContext,
  ): Promise<boolean> {
    for (;;) {
      const session = await pool.acquire(signal);
      const stale = session.used;
      const onDot = () => progress({ stage: "sending" });
      const sent = await session.send(mail.message, mail.open, { signal, onDot });
      pool.release(session);
      // The relay hung up between two mails: this one has not begun.
      if (stale && neverBegan(sent) && !signal.aborted) continue;
      // RFC 4954 §6: a login or TLS is missing. No mail is at fault, and none would fare better.
      if (sent.kind === "failed" && sent.fault.status === 530) throw new SmtpError(sent.fault);
      return mail.note(sent, session) && !signal.aborted;
    }
  }
}

function neverBegan(sent: Sent): boolean {
  return sent.kind === "failed" && !sent.dotLeft && sent.fault.stage === "sender" &&
    (sent.fault.code === "connection_reset" || sent.fault.status === 421);
}
