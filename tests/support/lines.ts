/**
 * The output of a process, as lines that a test can wait for.
 *
 * @module
 */

/** How long to wait for a line, in milliseconds. */
const MAX_WAIT_MS = 60_000;

/** The lines of a process, as they come. */
export interface Lines {
  /** All lines so far. */
  readonly said: readonly string[];
  /** Resolves with the first line that matches, also one still to come; rejects when none did in a minute, or by the end of the output. */
  find(pattern: RegExp): Promise<RegExpExecArray>;
  /** Resolves when the process has closed its output. */
  readonly ended: Promise<void>;
}

/** Reads streams to their end, and orders their lines as they arrive. */
export function linesOf(...streams: ReadableStream<Uint8Array<ArrayBuffer>>[]): Lines {
  const lines: string[] = [];
  let over = false;
  let changed = Promise.withResolvers<void>();
  const notify = () => {
    changed.resolve();
    changed = Promise.withResolvers<void>();
  };
  const read = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + text).split(/\r?\n/);
      rest = parts.pop() ?? "";
      lines.push(...parts);
      notify();
    }
    if (rest) lines.push(rest);
  };
  const ended = Promise.all(streams.map(read)).then(() => {
    over = true;
    notify();
  });
  return {
    said: lines,
    ended,
    async find(pattern) {
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, MAX_WAIT_MS);
      let isLate = false;
      late.promise.then(() => isLate = true);
      try {
        for (let at = 0;; at++) {
          while (at >= lines.length && !over && !isLate) {
            await Promise.race([changed.promise, late.promise]);
          }
          const line = lines[at];
          if (line === undefined) {
            throw new Error(`No line matches ${pattern}:\n${lines.join("\n")}`);
          }
          const match = pattern.exec(line);
          if (match) return match;
        }
      } finally {
        clearTimeout(timer);
      }
    },
  };
}
