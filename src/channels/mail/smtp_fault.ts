/**
 * The faults of a relay: at which stage, with which code, in whose words.
 *
 * @module
 */

import { ConnectError } from "../guard/sockets.ts";
import { describeFault } from "../faults.ts";

/** The stages of a session, in order. */
export type SmtpStage =
  | "connect" // name, socket
  | "greeting" // greeting, EHLO
  | "tls"
  | "login"
  | "mail" // MAIL FROM
  | "rcpt" // RCPT TO
  | "data" // DATA, before its 354
  | "body" // after the 354, before the final dot has left
  | "dot"; // from the final dot to its reply

/** A recipient that the relay refused. */
export interface Refusal {
  /** The address. */
  readonly address: string;
  /** The reply's code. */
  readonly status: number;
  /** The whole reply. */
  readonly reply: string;
}

/** One fault of a relay. */
export interface SmtpFault {
  /** Where it happened. */
  readonly stage: SmtpStage;
  /** Snake case: `smtp_550`, `connection_refused`, `tls_required` … */
  readonly code: string;
  /** The reply's code, when the relay replied. */
  readonly status?: number;
  /** The whole reply, without the credentials that were sent. */
  readonly reply?: string;
  /** The reason in words, where a code alone does not tell what to change. */
  readonly reason?: string;
}

/** A session failed; the fault says where. */
export class SmtpError extends Error {
  /** `SmtpError`. */
  override name = "SmtpError";
  /** What failed. */
  readonly fault: SmtpFault;
  /** Whether the caller only waited for a session, which another mail failed to open. */
  readonly hasWaited: boolean;

  /** Wraps what failed. */
  constructor(fault: SmtpFault, hasWaited = false) {
    super(`The relay failed at ${fault.stage}: ${fault.code}`);
    this.fault = fault;
    this.hasWaited = hasWaited;
  }
}

/**
 * Whether a relay asks for a login or for TLS (RFC 4954 §6), which is the fault of no
 * mail and of no recipient: some relays do so only at one of these steps.
 */
export function needsLogin({ stage, status = 0 }: SmtpFault): boolean {
  return [530, 534, 535, 538].includes(status) &&
    (stage === "mail" || stage === "rcpt" || stage === "data");
}

/** Describes an error of a socket. */
export function faultOfError(error: unknown, stage: SmtpStage): SmtpFault {
  const { code } = describeFault(error);
  if (code !== "tls_failed") return { stage, code };
  return { stage: "tls", code, reason: tlsReason(error) };
}

/** What is wrong with a certificate or a handshake, and what to change. */
function tlsReason(error: unknown): string {
  const { code, reason } = (error ?? {}) as { code?: string; reason?: string };
  const [, name = "", names = ""] =
    /(?:Host: |IP: )(\S+?)\.? is not in the cert's (?:altnames|list): ?(.*)$/.exec(reason ?? "") ??
      [];
  if (name !== "") {
    const valid = names === "" ? "" : `; it is valid for ${names.replaceAll("DNS:", "")}`;
    return `the name ${name} is not in the certificate${valid}: use one of its names in the ` +
      "relay's URL";
  }
  switch (code) {
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "SELF_SIGNED_CERT_IN_CHAIN":
      return "self-signed certificate: name a file with it as POSTRIDER_CA_FILE";
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
      return "the issuer of the certificate is not trusted: name a file with the issuer's " +
        "certificate as POSTRIDER_CA_FILE";
    case "CERT_HAS_EXPIRED":
      return "the certificate has expired";
    case "CERT_NOT_YET_VALID":
      return "the certificate is not valid yet";
    case "ERR_SSL_WRONG_VERSION_NUMBER":
    case "EPROTO":
      return "the relay does not speak TLS on this port from the first byte: use smtp:// " +
        "instead of smtps://, or another port";
    default:
      return error instanceof ConnectError
        ? `the TLS handshake failed (${code})`
        : error instanceof Error
        ? error.message.slice(0, 200)
        : "the TLS handshake failed";
  }
}
