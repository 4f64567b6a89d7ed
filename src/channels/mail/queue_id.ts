/**
 * The id under which a relay has queued a mail.
 *
 * @module
 */

/** The spellings of common relays: Postfix, Exim, Sendmail, SES, Gmail, Exchange and qmail. */
const SPELLINGS = [
  /\bqueued as <?([\w.+-]+)/i,
  /\bid=([\w.+-]+)/i,
  /(?<![\w.+-])([\w.+-]+) message accepted for delivery/i,
  /\bOk ([\w-]{16,})\s*$/i,
  /\bOK\s+\d+ ([\w.-]+) - gsmtp/i,
  /\[InternalId=(\d+)/i,
  /\bok \d+ qp (\d+)/i,
];

/** Reads it from the reply to the final dot; `undefined` when the reply names none. */
export function queueIdOf(reply: string): string | undefined {
  for (const spelling of SPELLINGS) {
    const id = spelling.exec(reply)?.[1];
    if (id !== undefined) return id;
  }
}
