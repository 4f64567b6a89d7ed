/**
 * Maps faults of the network to the error codes of tasks.
 *
 * Decides by the codes of errors, never by their messages.
 *
 * @module
 */

import type { TaskError } from "../task/task.ts";
import { AddressError } from "./guard/guard.ts";
import { BodyError } from "./compute/decoder.ts";
import { SaveError } from "./http/download.ts";
import { ConnectError } from "./guard/sockets.ts";
import { SharedFault } from "./http2/fault.ts";
import { HttpFault } from "./upstream.ts";

/** The task error for a fault. */
export function describeFault(fault: unknown): TaskError {
  if (fault instanceof AddressError) return fault.error;
  if (fault instanceof BodyError) return { code: fault.code, detail: fault.message };
  if (fault instanceof SaveError) {
    return { code: fault.code, detail: fault.detail ?? DETAILS[fault.code] };
  }
  if (fault instanceof SharedFault) return describeFault(fault.cause);
  if (fault instanceof HttpFault) return { code: fault.code, detail: DETAILS[fault.code] };
  const error = faultOfCode(codeOf(fault));
  if (error.code !== "network_fault" || !(fault instanceof ConnectError && fault.atTls)) {
    return error;
  }
  return { code: "tls_failed", detail: DETAILS.tls_failed };
}

/** The task error for a code of the system or of a library. */
function faultOfCode(code: string): TaskError {
  const known = CODES[code] ?? FAMILIES.find(([pattern]) => pattern.test(code))?.[1] ??
    "network_fault";
  return { code: known, detail: DETAILS[known] };
}

function codeOf(fault: unknown): string {
  if (!(fault instanceof Error)) return "";
  const { code } = fault as { code?: unknown };
  return typeof code === "string" ? code : codeOf(fault.cause);
}

const DETAILS = {
  bad_request: "Cannot send the request: a header or the URL is not valid in HTTP",
  bad_response: "The server's response is not valid HTTP",
  connection_refused: "The server refused the connection",
  connection_reset: "The connection was lost",
  network_fault: "The connection failed",
  proxy_failed: "The egress proxy did not open the connection",
  storage_failed: "Cannot write the file on this machine",
  storage_full: "The disk of this machine is full",
  timeout: "The server did not answer in time",
  tls_failed: "The TLS handshake or the server's certificate failed verification",
  unreachable: "No route to the server",
} as const;

const FAMILIES: readonly (readonly [RegExp, keyof typeof DETAILS])[] = [
  [/^(?:ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|EPROTO$)/, "tls_failed"],
];

const CODES: Record<string, keyof typeof DETAILS | undefined> = {
  ECONNREFUSED: "connection_refused",
  ECONNRESET: "connection_reset",
  ECONNABORTED: "connection_reset",
  EPIPE: "connection_reset",
  ETIMEDOUT: "timeout",

  EPROXY: "proxy_failed",
  EHOSTUNREACH: "unreachable",
  ENETUNREACH: "unreachable",
  EADDRNOTAVAIL: "unreachable",
};
