/**
 * What goes wrong between us and a server that speaks HTTP/2.
 *
 * @module
 */

/** Error codes (RFC 9113 §7) that we say or heed. */
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

/** A connection or a stream has failed, and what is told to the server. */
export class Http2Fault extends Error {
  /** `Http2Fault`. */
  override name = "Http2Fault";
  /** What a task keeps of it. */
  readonly code: "bad_request" | "bad_response" | "connection_reset" | "timeout";
  /** What the server is told. */
  readonly said: number;

  /** Says why. */
  constructor(code: Http2Fault["code"], why: string, said: number = ErrorCode.protocol) {
    super(why);
    this.code = code;
    this.said = said;
  }
}

/** A connection has failed under several requests, of which another one tells. */
export class SharedFault extends Error {
  /** `SharedFault`. */
  override name = "SharedFault";
}

/** The server broke the protocol. */
export function broken(why: string, said: number = ErrorCode.protocol): Http2Fault {
  return new Http2Fault("bad_response", why, said);
}
