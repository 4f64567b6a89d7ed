/**
 * What a relay's replies mean for a mail and for each of its recipients.
 *
 * @module
 */

import { wordsOnOneLine } from "../../lib/text.ts";
import type { Outcome } from "../../task/outcome.ts";
import type { TaskError } from "../../task/task.ts";
import type { RecipientOutcome, RecipientResult } from "./mail_result.ts";
import type { Refusal, SmtpFault } from "./smtp_fault.ts";
import type { Sent } from "./smtp_session.ts";

/** How long a relay that cannot be used is left alone before the next probe, in milliseconds. */
const HOLD_MS = 5_000;
/** After a 554 or 521 greeting: the relay accepts no mail at all (RFC 5321 §3.1, RFC 7504). */
const HOLD_554_MS = 15 * 60_000;
/** For faults of the settings: a certificate, a password. */
const HOLD_CONFIG_MS = 60_000;
const MAX_REPLY = 500;

const CONFIG = new Set([
  "auth_failed",
  "oauth_failed",
  "smtp_530",
  "smtp_534",
  "smtp_535",
  "smtp_538",
  "tls_failed",
  "tls_required",
]);

/**
 * The outcome when no session could be opened. Every other mail would fare the
 * same, so the lane of the relay is held, and then probed by one mail at a time.
 */
export function relayOutcome(fault: SmtpFault, error: TaskError) {
  const hold = { forMs: holdMs(fault), reason: error.detail, probe: true } as const;
  return { kind: "deferred", error, hold } satisfies Outcome;
}

function holdMs({ stage, code, status }: SmtpFault): number {
  if (stage === "greeting" && (status === 554 || status === 521)) return HOLD_554_MS;
  return CONFIG.has(code) ? HOLD_CONFIG_MS : HOLD_MS;
}

/** Whether this relay lacks what the mail needs: another one may offer it. */
export function isUnableRelay({ code }: SmtpFault): boolean {
  return code === "too_large" || code === "smtputf8_not_offered";
}

/** Whether the relay answered and refuses everybody: then the mail has not been tried. */
export function refusesEverybody({ stage, code, status }: SmtpFault): boolean {
  return CONFIG.has(code) || (status !== undefined && stage !== "mail" && stage !== "rcpt");
}

/** Whether the relay was never reached, so that no mail can be the reason. */
export function isOutOfReach({ stage, status }: SmtpFault): boolean {
  return status === undefined && (stage === "connect" || stage === "greeting");
}

/**
 * Whether a refusal is about one more session, and not about the mail. Relays word
 * this in many ways. A code for the system or its load means yes (RFC 3463: x.3.2,
 * x.4.5; and 432); one for the address, the mailbox or the content means no (x.1, x.2,
 * x.5.3, x.6).
 */
export function refusesSession(sent: Sent): "yes" | "maybe" | "no" {
  if (sent.kind !== "failed") return "no";
  const { fault, refused } = sent;
  const replies = fault ? [fault] : refused.map((one) => ({ ...one, stage: "rcpt" as const }));
  const words = replies.map(({ stage, status = 0, reply = "" }) => {
    const isDecided = stage === "mail" || stage === "rcpt" || stage === "data" || stage === "dot";
    if (!isDecided || status < 400 || status >= 500 || status === 421) return "no";
    const [, detail = ""] = /^4\d\d[ -]4\.(\d\.\d{1,3})(?!\d)/.exec(reply) ?? [];
    if (status === 432 || detail === "3.2" || detail === "4.5") return "yes";
    const isEarly = stage === "mail" || stage === "rcpt";
    return isEarly && !/^(?:[126]\.|5\.3$)/.test(detail) ? "maybe" : "no";
  });
  return words.includes("no") ? "no" : words.includes("maybe") ? "maybe" : "yes";
}

/**
 * Whether a fault says nothing about the mail, before its final dot has left:
 * another session, or another relay, may take it.
 */
export function isRelayFault({ code, status }: SmtpFault): boolean {
  return status === undefined ? RELAY_FAULTS.has(code) : status === 421;
}

const RELAY_FAULTS = new Set([
  "bad_response",
  "connection_refused",
  "connection_reset",
  "network_fault",
  "timeout",
  "unreachable",
]);

/** The result of each recipient of a mail that was sent or failed. */
export function recipientResults(sent: Sent, recipients: readonly string[]): RecipientResult[] {
  const refusals = new Map(sent.refused.map((refusal) => [refusal.address, refusal]));
  const rest = sent.kind === "taken"
    ? { outcome: "delivered" as const, reply: shortened(sent.reply) }
    : sent.fault && {
      outcome: faultOutcome(sent.fault, sent.dotLeft),
      reply: sent.fault.reply === undefined
        ? errorOf(sent.fault).detail
        : shortened(sent.fault.reply),
    };
  return recipients.flatMap((address) => {
    const refusal = refusals.get(address);
    if (refusal) return [refusalResult(refusal)];
    return rest ? [{ address, ...rest }] : [];
  });
}

/** RFC 5321 §4.5.3.1.10: 552 at RCPT counts as 452, so it is worth another try. */
function refusalResult({ address, status, reply }: Refusal): RecipientResult {
  const outcome = status >= 500 && status !== 552 ? "rejected" : "deferred";
  return { address, outcome, reply: shortened(reply) };
}

function faultOutcome(fault: SmtpFault, dotLeft: boolean): RecipientOutcome {
  if (isUnableRelay(fault)) return "rejected";
  const { stage, status } = fault;
  // The reply to the dot decides, unless it is 421: that may come before the relay has decided.
  const isDecided = status !== undefined && status !== 421 && stage === "dot";
  if (dotLeft && !isDecided) return "unknown";
  return status !== undefined && status >= 500 ? "rejected" : "deferred";
}

/** A fault as a task keeps it. */
export function errorOf({ stage, code, reply, reason }: SmtpFault): TaskError {
  const at = stage === "connect" || code === "tls_failed" ? "" : ` at ${STAGES[stage]}`;
  const what = reply === undefined
    ? `${WORDS[code] ?? "The relay failed"}${at}`
    : `The relay replied${at}: ${shortened(reply)}`;
  return { code, detail: reason === undefined ? what : `${what}: ${reason}` };
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
  const line = wordsOnOneLine(reply);
  return line.length > MAX_REPLY ? `${line.slice(0, MAX_REPLY)}…` : line;
}

const STAGES: Record<SmtpFault["stage"], string> = {
  connect: "the connection",
  greeting: "the greeting",
  tls: "STARTTLS",
  login: "the login",
  mail: "MAIL FROM",
  rcpt: "RCPT TO",
  data: "DATA",
  body: "the body",
  dot: "the final dot",
};

const WORDS: Record<string, string | undefined> = {
  auth_failed: "The relay refused the login",
  bad_response: "The relay sent a reply that is not SMTP",
  cancelled: "The attempt was cancelled",
  connection_refused: "The relay refused the connection",
  connection_reset: "The connection to the relay was lost",
  dns_failed: "The relay's name does not resolve",
  oauth_failed: "No access token for the relay",
  smtputf8_not_offered: "The relay cannot take this mail",
  timeout: "The relay did not answer in time",
  tls_failed: "TLS with the relay failed",
  tls_required: "The relay offers no TLS, and it is required",
  too_large: "The mail is larger than the relay takes",
  unreachable: "The relay is unreachable",
};
