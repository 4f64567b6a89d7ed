/**
 * One line per event, for a person at a terminal or for a collector.
 *
 * @module
 */

import { replaceUnseen } from "./text.ts";

/** How much is said. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** How a line is written. */
export type LogFormat = "text" | "json";

/** What goes with a line: ids, numbers, texts. Never a secret. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Says what happens. */
export interface Log {
  /** For debugging. */
  debug(message: string, fields?: LogFields): void;
  /** What an operator wants to know. */
  info(message: string, fields?: LogFields): void;
  /** What an operator should look at. */
  warn(message: string, fields?: LogFields): void;
  /** A fault of ours. */
  error(message: string, fields?: LogFields): void;
}

const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** What a log needs from outside. */
export interface LogOptions {
  /** The least important level that is written. */
  readonly level: LogLevel;
  /** How a line is written. */
  readonly format: LogFormat;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Takes a line without its end; standard error when absent. */
  readonly write?: (line: string) => void;
}

/** Opens a log. */
export function openLog({ level, format, now, write = writeStderr }: LogOptions): Log {
  const line = format === "json" ? jsonLine : textLine;
  const say = (at: LogLevel) => (message: string, fields: LogFields = {}) => {
    if (LEVELS.indexOf(at) >= LEVELS.indexOf(level)) {
      write(line(new Date(now()).toISOString(), at, message, fields));
    }
  };
  return { debug: say("debug"), info: say("info"), warn: say("warn"), error: say("error") };
}

function writeStderr(line: string): void {
  // deno-lint-ignore no-console -- the only use of the console
  console.error(line);
}

function jsonLine(at: string, level: LogLevel, message: string, fields: LogFields): string {
  const head = { at, level, message };
  return withoutControls(JSON.stringify({ ...head, ...plain(fields), ...head }));
}

function textLine(at: string, level: LogLevel, message: string, fields: LogFields): string {
  const rest = Object.entries(plain(fields)).map(([name, value]) =>
    ` ${name}=${
      typeof value === "string" && /^[\w.:/@+-]+$/.test(value) ? value : JSON.stringify(value)
    }`
  );
  return withoutControls(`${at.slice(11, 23)} ${level.padEnd(5)} ${message}${rest.join("")}`);
}

function plain(fields: LogFields): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined).map(([name, value]) => [
      name,
      value instanceof Error ? value.stack ?? value.message : writable(value),
    ]),
  );
}

/** A log never throws: what JSON cannot hold is written as its text. */
function writable(value: unknown): unknown {
  try {
    return JSON.stringify(value) === undefined ? String(value) : value;
  } catch {
    return String(value);
  }
}

/** A line break in a message would forge a second line; other controls would reach the terminal. */
function withoutControls(text: string): string {
  return replaceUnseen(text, " ");
}
