/**
 * What can go wrong with a relay, and where.
 *
 * @module
 */

import { describeFault, faultOfCode } from "../faults.ts";

/** Where in a session. */
export type SmtpStage =
  | "connect"
  | "greeting"
  | "tls"
  | "login"
  | "sender" // MAIL FROM
  | "recipients" // RCPT TO
  | "data" // DATA, before its 354
  | "message"; // after the 354: the body and its final dot

/** A recipient that the relay would not have. */
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
  /** The reply's code, when the relay said something. */
  readonly status?: number;
  /** The whole reply. */
  readonly reply?: string;
  /** Who was refused, when that ended the mail. */
  readonly refused?: readonly Refusal[];
}

/** A session failed; the fault says where. */
export class SmtpError extends Error {
  /** `SmtpError`. */
  override name = "SmtpError";
  /** What failed. */
  readonly fault: SmtpFault;

  /** Wraps what failed. */
  constructor(fault: SmtpFault) {
    super(`The relay failed at ${fault.stage}: ${fault.code}`);
    this.fault = fault;
  }
}

/** What nodemailer says of a fault. */
export interface NodemailerFault {
  /** Its own word for the fault, such as `EENVELOPE`. */
  readonly code?: string | undefined;
  /** The system's word. */
  readonly originalCode?: string | undefined;
  /** The command that failed. */
  readonly command?: string | undefined;
  /** The whole reply. */
  readonly response?: string | undefined;
  /** The reply's code. */
  readonly responseCode?: number | false | undefined;
  /** Who was refused. */
  readonly recipient?: string | undefined;
  /** All who were refused. */
  readonly rejectedErrors?: readonly NodemailerFault[] | undefined;
}

/** Reads a fault; `stage` is where we were. Without an error the connection just ended. */
export function smtpFaultOf(error: unknown, stage: SmtpStage): SmtpFault {
  if (!error) return { stage, code: "connection_reset" };
  const fault = error as NodemailerFault;
  const at = stageOf(fault, stage);
  const { response: reply, responseCode: status, rejectedErrors } = fault;
  return {
    stage: at,
    code: codeOf(fault, at, error),
    ...(status ? { status } : {}),
    ...(reply ? { reply } : {}),
    ...(rejectedErrors ? { refused: refusalsOf(rejectedErrors) } : {}),
  };
}

/** Reads the recipients that nodemailer says were refused. */
export function refusalsOf(errors: readonly NodemailerFault[] | undefined): Refusal[] {
  return (errors ?? []).map(({ recipient = "", responseCode = 0, response = "" }) => ({
    address: recipient,
    status: Number(responseCode),
    reply: response,
  }));
}

function stageOf({ code, command = "" }: NodemailerFault, stage: SmtpStage): SmtpStage {
  if (code === "ETLS" || command === "STARTTLS") return "tls";
  if (command.startsWith("AUTH")) return "login";
  switch (command) {
    case "EHLO":
    case "HELO":
      return "greeting";
    case "MAIL FROM":
      return "sender";
    case "RCPT TO":
      return "recipients";
    case "DATA":
      return code === "EMESSAGE" ? "message" : "data";
    default:
      return stage;
  }
}

function codeOf(fault: NodemailerFault, stage: SmtpStage, error: unknown): string {
  const { code = "", originalCode, responseCode } = fault;
  if (responseCode) {
    const lasting = responseCode >= 500;
    if (stage === "tls" && lasting) return "tls_required";
    if (stage === "login" && lasting) return "auth_failed";
    return `smtp_${responseCode}`;
  }
  switch (code) {
    case "ECONNECTION":
      return "connection_reset";
    case "ETLS":
      return "tls_failed";
    case "EAUTH":
      return "auth_failed";
    case "EPROTOCOL":
      return "bad_response";
    // nodemailer compares with the SIZE that the relay announced.
    case "EMESSAGE":
      return "too_large";
    case "ESOCKET":
      return faultOfCode(originalCode ?? "").code;
    default:
      return describeFault(error).code;
  }
}
