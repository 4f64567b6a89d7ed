/**
 * What a relay's words mean for a mail and for each of its recipients.
 *
 * @module
 */

import type { LaneHold, Outcome } from "../../task/outcome.ts";
import type { TaskError } from "../../task/task.ts";
import type { RecipientOutcome, RecipientResult } from "./mail_result.ts";
import type { SmtpFault } from "./smtp_fault.ts";
import type { Sent } from "./smtp_session.ts";

/** A relay that cannot be reached is left alone so long, in milliseconds. */
const HOLD_MS = 5_000;
/** A relay that says 554 at once wants nothing from us today. */
const HOLD_554_MS = 15 * 60_000;
/** What only an operator can mend: a certificate, a password. */
const HOLD_CONFIG_MS = 60_000;
const MAX_REPLY = 500;

const CONFIG = new Set(["auth_failed", "tls_required", "tls_failed", "smtp_530"]);

/**
 * What a session that could not be opened means: the mail waits, and so does
 * every other for this relay, since it would fare no better.
 */
export function relayOutcome(fault: SmtpFault): Extract<Outcome, { kind: "deferred" }> {
  const error = errorOf(fault);
  return { kind: "deferred", error, hold: { forMs: holdMs(fault), reason: error.detail } };
}

function holdMs({ stage, code, status }: SmtpFault): LaneHold["forMs"] {
  if (stage === "greeting" && status === 554) return HOLD_554_MS;
  return CONFIG.has(code) ? HOLD_CONFIG_MS : HOLD_MS;
}

/** What became of each recipient of a mail that was sent, or broke off. */
export function recipientResults(sent: Sent, recipients: readonly string[]): RecipientResult[] {
  if (sent.kind === "taken") {
    return withRefused(recipients, sent.refused, {
      outcome: "delivered",
      reply: shortened(sent.reply),
    });
  }
  const { fault, dotLeft } = sent;
  const outcome = faultOutcome(fault, dotLeft);
  return withRefused(recipients, fault.refused ?? [], { outcome, reply: errorOf(fault).detail });
}

function withRefused(
  recipients: readonly string[],
  refused: NonNullable<SmtpFault["refused"]>,
  rest: Omit<RecipientResult, "address">,
): RecipientResult[] {
  const refusals = new Map(refused.map((refusal) => [refusal.address, refusal]));
  return recipients.map((address) => {
    const refusal = refusals.get(address);
    if (!refusal) return { address, ...rest };
    const { status, reply } = refusal;
    return { address, outcome: refusalOutcome(status), reply: shortened(reply) };
  });
}

/** RFC 5321 §4.5.3.1.10: 552 at RCPT counts as 452, so it is worth another try. */
function refusalOutcome(status: number): RecipientOutcome {
  return status >= 500 && status !== 552 ? "rejected" : "deferred";
}

function faultOutcome({ stage, status, code }: SmtpFault, dotLeft: boolean): RecipientOutcome {
  if (code === "too_large") return "rejected";
  // The relay's last word counts, unless it is 421: that may come before it has decided.
  const answered = status !== undefined && status !== 421 && stage === "message";
  if (dotLeft && !answered) return "unknown";
  return status !== undefined && status >= 500 ? "rejected" : "deferred";
}

/** A fault as a task keeps it. */
export function errorOf({ stage, code, reply }: SmtpFault): TaskError {
  const detail = reply === undefined
    ? (WORDS[code] ?? "The relay failed") + (stage === "connect" ? "" : ` at ${STAGES[stage]}`)
    : `The relay said at ${STAGES[stage]}: ${shortened(reply)}`;
  return { code, detail };
}

/** The error of a mail by its worst recipient. */
export function recipientError(results: readonly RecipientResult[]): TaskError {
  const worst = ["unknown", "deferred", "rejected"]
    .map((outcome) => results.find((result) => result.outcome === outcome))
    .find((result) => result !== undefined);
  const [, status] = /^([2-5]\d\d)/.exec(worst?.reply ?? "") ?? [];
  const others = results.filter(({ outcome }) => outcome !== "delivered").length - 1;
  const more = others > 0 ? ` (and ${others} more)` : "";
  return {
    code: status === undefined ? "not_delivered" : `smtp_${status}`,
    detail: `${worst?.address}: ${worst?.reply}${more}`,
  };
}

function shortened(reply: string): string {
  const line = reply.replace(/\s+/g, " ").trim();
  return line.length > MAX_REPLY ? `${line.slice(0, MAX_REPLY)}…` : line;
}

const STAGES: Record<SmtpFault["stage"], string> = {
  connect: "the connection",
  greeting: "the greeting",
  tls: "STARTTLS",
  login: "the login",
  sender: "MAIL FROM",
  recipients: "RCPT TO",
  data: "DATA",
  message: "the message",
};

const WORDS: Record<string, string | undefined> = {
  auth_failed: "The relay does not take the login",
  bad_response: "The relay does not speak SMTP",
  connection_refused: "The relay refused the connection",
  connection_reset: "The connection to the relay was lost",
  dns_failed: "The relay's name does not resolve",
  timeout: "The relay did not answer in time",
  tls_failed: "The relay's TLS was not accepted",
  tls_required: "The relay offers no TLS, and it is required",
  too_large: "The mail is larger than the relay takes",
  unreachable: "There is no way to the relay",
};
