/**
 * Faults of an HTTP/2 connection.
 *
 * @module
 */

import { HttpFault } from "../upstream.ts";

/** The error codes (RFC 9113 §7) that are sent or handled here. */
export const ErrorCode = {
  none: 0x0,
  protocol: 0x1,
  flowControl: 0x3,
  streamClosed: 0x5,
  frameSize: 0x6,
  refused: 0x7,
  cancel: 0x8,
  compression: 0x9,
  calm: 0xb,
  http11: 0xd,
} as const;

/** A connection or a stream has failed. */
export class Http2Fault extends HttpFault {
  /** `Http2Fault`. */
  override name = "Http2Fault";
  /** The error code that the server gets in GOAWAY or RST_STREAM. */
  readonly goAwayCode: number;

  /** `why` is for the log; the server gets `goAwayCode`. */
  constructor(code: Http2Fault["code"], why: string, goAwayCode: number = ErrorCode.protocol) {
    super(code, why);
    this.goAwayCode = goAwayCode;
  }
}

/** A connection failed under several requests; another of them carries the cause. */
export class SharedFault extends Error {
  /** `SharedFault`. */
  override name = "SharedFault";
}

/** The server violated the protocol. */
export function broken(why: string, goAwayCode: number = ErrorCode.protocol): Http2Fault {
  return new Http2Fault("bad_response", why, goAwayCode);
}
