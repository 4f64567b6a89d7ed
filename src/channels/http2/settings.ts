/**
 * What the two sides of a connection allow each other.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { broken, ErrorCode } from "./fault.ts";
import { FrameType, numbersFrame, PREFACE, Setting, settingsFrame } from "./frames.ts";

/** What holds at present. */
export interface ServerSettings {
  /** Requests beside each other. */
  readonly maxStreams: number;
  /** What each may send before it has to wait, in bytes. */
  readonly initialWindow: number;
  /** The longest payload of a frame, in bytes. */
  readonly maxFrame: number;
}

/** What each side may send before it has to wait, when nobody says otherwise. */
export const FIRST_WINDOW = 65_535;

/** The bytes of one body that a server may send before it has to wait for us ... */
export const STREAM_WINDOW = 1_048_576;
/** ... and of all together. */
export const SESSION_WINDOW = 16 * STREAM_WINDOW;

/** What we say first. */
export function greeting(mostHeaderBytes: number): Uint8Array {
  const settings = settingsFrame([
    [Setting.enablePush, 0],
    [Setting.initialWindow, STREAM_WINDOW],
    [Setting.maxHeaderBytes, mostHeaderBytes],
  ]);
  const more = numbersFrame(FrameType.windowUpdate, 0, SESSION_WINDOW - FIRST_WINDOW);
  return Buffer.concat([PREFACE, settings, more]);
}

const UNSAID: ServerSettings = {
  maxStreams: Infinity,
  initialWindow: FIRST_WINDOW,
  maxFrame: 16_384,
};

/** Reads a SETTINGS frame; what it does not say stays as it was. Throws an `Http2Fault`. */
export function readSettings(payload: Buffer, before: ServerSettings = UNSAID): ServerSettings {
  let { maxStreams, initialWindow, maxFrame } = before;
  for (let at = 0; at < payload.length; at += 6) {
    const value = payload.readUInt32BE(at + 2);
    switch (payload.readUInt16BE(at)) {
      case Setting.enablePush:
        if (value !== 0) throw broken("A server cannot be pushed to");
        break;
      case Setting.maxStreams:
        maxStreams = value;
        break;
      case Setting.initialWindow:
        if (value > 2 ** 31 - 1) throw broken("A window is too large", ErrorCode.flowControl);
        initialWindow = value;
        break;
      case Setting.maxFrame:
        if (value < 16_384 || value > 2 ** 24 - 1) throw broken("Frames have a wrong size");
        maxFrame = value;
        break;
    }
  }
  return { maxStreams, initialWindow, maxFrame };
}
