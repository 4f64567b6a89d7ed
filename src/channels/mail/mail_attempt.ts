/**
 * One attempt at a mail: who is still open, who is done, and what that makes.
 *
 * Each recipient is remembered by itself: who has the mail gets no second one,
 * who was refused for good is not asked again.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import type { Outcome } from "../../task/outcome.ts";
import type { TaskError } from "../../task/task.ts";
import type { Attempt } from "../channel.ts";
import { readCarry, writeCarry } from "./mail_carry.ts";
import { type RecipientResult, resultJson } from "./mail_result.ts";
import type { Message } from "./message.ts";
import { queueIdOf } from "./queue_id.ts";
import { errorOf, recipientError, recipientResults } from "./smtp_classify.ts";
import type { Sent, SmtpSession } from "./smtp_session.ts";

/** One mail on its way through an attempt. */
export class Mail {
  /** What is sent. */
  readonly message: Message;
  #relay = "";
  readonly #tried: { relay: string; code: string }[] = [];
  readonly #results: Map<string, RecipientResult>;
  #queueId: string | undefined;
  #session: SmtpSession | undefined;
  #failed: Extract<Sent, { kind: "failed" }> | undefined;

  /** Takes up where the last attempt ended. */
  constructor(message: Message, attempt: Attempt) {
    this.message = message;
    this.#results = new Map(readCarry(attempt).map((result) => [result.address, result]));
  }

  /** Who has not been heard of, or may be tried again. */
  get open(): string[] {
    return this.message.recipients.filter((address) => {
      const outcome = this.#results.get(address)?.outcome;
      return outcome !== "delivered" && outcome !== "rejected";
    });
  }

  /** Whether there is such a one. */
  get isOpen(): boolean {
    return this.open.length > 0;
  }

  /** The relay that is tried now, as the result calls it. */
  via(relay: string): void {
    this.#relay = relay;
  }

  /** That relay cannot be used. */
  passedOver({ code }: TaskError): void {
    this.#tried.push({ relay: this.#relay, code });
  }

  /** Takes down what was said; true when some were served and others were too many at once. */
  note(sent: Sent, session: SmtpSession): boolean {
    const results = recipientResults(sent, this.open);
    for (const result of results) this.#results.set(result.address, result);
    this.#session = session;
    this.#failed = sent.kind === "failed" ? sent : undefined;
    if (sent.kind === "taken") this.#queueId = queueIdOf(sent.reply) ?? this.#queueId;
    // Too many recipients at once is no word on any of them; greylisting (450, 451) is.
    return sent.kind === "taken" && this.isOpen &&
      sent.refused.some(({ status }) => status === 452 || status === 552);
  }

  /** The attempt was cut off by us. */
  aborted(cause: string): Outcome {
    const kind = this.#failed?.dotLeft ? "unknown" : "deferred";
    const detail = kind === "unknown"
      ? "The attempt was cut off while the relay had the whole mail"
      : "The attempt was cut off before the mail had left";
    return this.outcome({ kind, error: { code: cause, detail } });
  }

  /** What became of all recipients; `instead` when the attempt ended without the relay's word. */
  outcome(instead?: Extract<Outcome, { kind: "deferred" | "unknown" }>): Outcome {
    const results = this.message.recipients.map((address) =>
      this.#results.get(address) ??
        { address, outcome: "deferred" as const, reply: instead?.error.detail ?? "not tried yet" }
    );
    const has = (outcome: string) => results.some((result) => result.outcome === outcome);
    const common = {
      result: resultJson({
        messageId: this.message.messageId,
        relay: this.#relay,
        ...compact({ queueId: this.#queueId }),
        recipients: results,
      }),
      carry: writeCarry(results),
      evidence: this.#evidence(),
    };
    const delivery = has("delivered") ? { delivery: "partial" as const } : {};
    const error = instead?.error ?? this.#error(results);
    if (instead?.kind === "unknown" || has("unknown")) return { kind: "unknown", error, ...common };
    if (has("deferred")) return { kind: "deferred", error, ...instead, ...delivery, ...common };
    if (has("rejected")) return { kind: "rejected", error, ...delivery, ...common };
    return { kind: "delivered", ...common };
  }

  #error(results: readonly RecipientResult[]): TaskError {
    const fault = this.#failed?.fault;
    return fault && !fault.refused ? errorOf(fault) : recipientError(results);
  }

  #evidence() {
    const session = this.#session;
    const fault = this.#failed?.fault;
    return {
      ...(this.#tried.length > 0 ? { tried: this.#tried } : {}),
      ...(session ? { remote: session.remote, tls: session.secure } : {}),
      ...(fault ? { stage: fault.stage } : {}),
      ...(fault?.reply === undefined ? {} : { reply: fault.reply.slice(0, 500) }),
    };
  }
}
