import type { Log } from "../../src/lib/log.ts";

/** Writes nothing. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
