/**
 * Settings of an HTTP/2 connection.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { broken, ErrorCode } from "./fault.ts";
import { FrameType, numbersFrame, PREFACE, Setting, settingsFrame } from "./frames.ts";

/** The server's current settings. */
export interface ServerSettings {
  /** Concurrent streams. */
  readonly maxStreams: number;
  /** Initial send window of each stream, in bytes. */
  readonly initialWindow: number;
  /** The longest payload of a frame, in bytes. */
  readonly maxFrame: number;
}

/** The protocol's initial window, in bytes. */
export const FIRST_WINDOW = 65_535;

/** Receive window of one stream, in bytes. */
export const STREAM_WINDOW = 1_048_576;
/** Receive window of the whole connection, in bytes. */
export const SESSION_WINDOW = 16 * STREAM_WINDOW;

/** The preface, our settings and our connection window. */
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

/** Reads a SETTINGS frame; settings that it leaves out keep their value. Throws an `Http2Fault`. */
export function readSettings(payload: Buffer, before: ServerSettings = UNSAID): ServerSettings {
  let { maxStreams, initialWindow, maxFrame } = before;
  for (let at = 0; at < payload.length; at += 6) {
    const value = payload.readUInt32BE(at + 2);
    switch (payload.readUInt16BE(at)) {
      case Setting.enablePush:
        if (value !== 0) throw broken("A server must not enable push");
        break;
      case Setting.maxStreams:
        maxStreams = value;
        break;
      case Setting.initialWindow:
        if (value > 2 ** 31 - 1) {
          throw broken("SETTINGS_INITIAL_WINDOW_SIZE is out of range", ErrorCode.flowControl);
        }
        initialWindow = value;
        break;
      case Setting.maxFrame:
        if (value < 16_384 || value > 2 ** 24 - 1) {
          throw broken("SETTINGS_MAX_FRAME_SIZE is out of range");
        }
        maxFrame = value;
        break;
    }
  }
  return { maxStreams, initialWindow, maxFrame };
}
