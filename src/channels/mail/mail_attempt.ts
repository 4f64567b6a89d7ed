/**
 * One attempt at a mail: the state of each recipient, and the outcome it makes.
 *
 * A recipient who has the mail gets no second one; one who was refused for good
 * is not asked again.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import type { Outcome } from "../../task/outcome.ts";
import type { TaskError } from "../../task/task.ts";
import type { MailCarry } from "./mail_carry.ts";
import { writeCarry } from "./mail_carry.ts";
import { type RecipientResult, resultJson } from "./mail_result.ts";
import type { Message } from "./message.ts";
import { queueIdOf } from "./queue_id.ts";
import {
  errorOf,
  isOutOfReach,
  isRelayFault,
  isUnableRelay,
  recipientError,
  recipientResults,
  refusesEverybody,
  relayOutcome,
} from "./smtp_classify.ts";
import type { SmtpFault } from "./smtp_fault.ts";
import type { Sent, SmtpSession } from "./smtp_session.ts";

const MAX_REPLY = 500;

/** One mail within an attempt. */
export class Mail {
  /** The message. */
  readonly message: Message;
  readonly #before: MailCarry;
  readonly #date: number;
  readonly #number: number;
  #relay = "";
  readonly #tried: { relay: string; code: string; stage: string; detail: string }[] = [];
  readonly #results: Map<string, RecipientResult>;
  /** The recipients of the last note. */
  #openBefore: readonly string[] = [];
  #queueId: string | undefined;
  #dsn: "requested" | "not_offered" | undefined;
  #session: SmtpSession | undefined;
  #failed: Extract<Sent, { kind: "failed" }> | undefined;

  /** Continues after the previous attempt; `date` is when the first one began, `number` that of this one. */
  constructor(
    message: Message,
    before: MailCarry,
    { date, number }: { readonly date: number; readonly number: number },
  ) {
    this.message = message;
    this.#before = before;
    this.#date = date;
    this.#number = number;
    this.#results = new Map(before.recipients.map((result) => [result.address, result]));
  }

  /** Recipients that are neither delivered nor rejected. */
  get open(): string[] {
    return this.message.recipients.filter((address) => {
      const outcome = this.#results.get(address)?.outcome;
      return outcome !== "delivered" && outcome !== "rejected";
    });
  }

  /** Whether a recipient is open. */
  get isOpen(): boolean {
    return this.open.length > 0;
  }

  /** The fault of a relay that ended before the final dot and says nothing about the mail. */
  get relayFault(): SmtpFault | undefined {
    const failed = this.#failed;
    return failed?.fault && !failed.dotLeft && isRelayFault(failed.fault) && this.isOpen
      ? failed.fault
      : undefined;
  }

  /** Sets the relay that is tried now, as the result names it. */
  via(relay: string): void {
    this.#relay = relay;
  }

  /** Notes that the present relay cannot be used. */
  passedOver(fault: SmtpFault): void {
    const { code, detail } = errorOf(fault);
    this.#tried.push({ relay: this.#relay, code, stage: fault.stage, detail });
  }

  /** Passes over a relay that lacks what this mail needs; returns whether it does. */
  passUnable(): boolean {
    const fault = this.#failed?.fault;
    if (!fault || !isUnableRelay(fault)) return false;
    this.passedOver(fault);
    for (const address of this.#openBefore) this.#results.delete(address);
    return true;
  }

  /** Notes how the mail was sent; returns whether the rest can be sent at once. */
  note(sent: Sent, session: SmtpSession): boolean {
    this.#openBefore = this.open;
    for (const result of recipientResults(sent, this.#openBefore)) {
      this.#results.set(result.address, result);
    }
    this.#session = session;
    this.#failed = sent.kind === "failed" ? sent : undefined;
    if (sent.kind === "taken") {
      this.#queueId = queueIdOf(sent.reply) ?? this.#queueId;
      this.#dsn = sent.dsn;
    }
    // 452 and 552 refuse too many recipients at once; greylisting (450, 451) refuses one.
    return sent.kind === "taken" && this.isOpen &&
      sent.refused.some(({ status }) => status === 452 || status === 552);
  }

  /** The outcome of an attempt that we cut off; `isEarly` when it had not had its whole time. */
  aborted(cause: string, isEarly = false): Outcome {
    if (this.#failed?.dotLeft) {
      const detail = "The attempt was cut off after the relay had the whole mail, before its reply";
      return this.outcome({ kind: "unknown", error: { code: cause, detail } });
    }
    const detail = "The attempt was cut off before the mail had left";
    const error = { code: cause, detail: this.#withTried(detail) };
    const isUntried = cause === "timeout" &&
      (isEarly || (this.#tried.length === 0 && !this.#failed));
    return isUntried
      ? this.outcome({ kind: "deferred", error, untried: true })
      : this.outcome({ kind: "deferred", error });
  }

  /** The outcome when no relay took a session; `hasWaited` when another mail tried to open one. */
  refused(fault: SmtpFault, hasWaited: boolean): Outcome {
    const { code, detail } = errorOf(fault);
    const error = { code, detail: this.#tried.length > 1 ? this.#withTried("") : detail };
    const outcome = relayOutcome(fault, error);
    if (hasWaited) return this.outcome({ ...outcome, untried: true });
    const { uncounted = 0 } = this.#before;
    if (refusesEverybody(fault)) {
      return this.outcome({ ...outcome, uncounted: uncounted + 1 }, fault);
    }
    const isFirst = this.#number - uncounted === 1;
    return this.outcome(
      isOutOfReach(fault) && isFirst ? { ...outcome, uncounted } : outcome,
      fault,
    );
  }

  /** The outcome of all recipients; `instead` when no relay decided it. */
  outcome(
    instead?: Extract<Outcome, { kind: "deferred" | "unknown" }>,
    fault: SmtpFault | undefined = this.#failed?.fault,
  ): Outcome {
    const results = this.message.recipients.map((address) =>
      this.#results.get(address) ??
        { address, outcome: "deferred" as const, reply: instead?.error.detail ?? "not tried yet" }
    );
    const has = (outcome: string) => results.some((result) => result.outcome === outcome);
    const uncounted = instead?.kind === "deferred" && instead.uncounted || this.#before.uncounted;
    const common = {
      result: resultJson({
        messageId: this.message.messageId,
        relay: this.#relay,
        queueId: this.#queueId,
        dsn: this.#dsn,
        recipients: results,
      }),
      carry: writeCarry({ recipients: results, date: this.#date, uncounted }),
      evidence: this.#evidence(fault),
    };
    const delivery = has("delivered") ? { delivery: "partial" as const } : {};
    const error = instead?.error ?? this.#error(results);
    if (instead?.kind === "unknown" || has("unknown")) return { kind: "unknown", error, ...common };
    if (has("deferred")) {
      const counted = uncounted ? { uncounted } : {};
      return { kind: "deferred", error, ...counted, ...instead, ...delivery, ...common };
    }
    if (has("rejected")) return { kind: "rejected", error, ...delivery, ...common };
    return { kind: "delivered", ...common };
  }

  #error(results: readonly RecipientResult[]): TaskError {
    const fault = this.#failed?.fault;
    return fault ? errorOf(fault) : recipientError(results);
  }

  /** What each relay said, the first one too: it is often the one that matters. */
  #withTried(detail: string): string {
    const tried = this.#tried.map((one) => `${one.relay}: ${one.detail}`);
    return [detail, ...tried].filter(Boolean).join("; ");
  }

  #evidence(fault: SmtpFault | undefined) {
    const session = this.#session;
    return compact({
      tried: this.#tried.length > 0 ? this.#tried : undefined,
      remote: session?.remote,
      tls: session?.secure,
      stage: fault?.stage,
      reply: fault?.reply?.slice(0, MAX_REPLY),
    });
  }
}
