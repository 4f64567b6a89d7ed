/**
 * The output of a process, as lines that a test can wait for.
 *
 * @module
 */

/** Only what hangs takes as long, also on a busy machine, in milliseconds. */
const MAX_WAIT_MS = 300_000;

/** The lines of a process, as they come. */
export interface Lines {
  /** All lines so far. */
  readonly said: readonly string[];
  /** Resolves with the first line that matches, also one still to come; rejects, and says which, when none did in five minutes, or by the end of the output. */
  find(pattern: RegExp): Promise<RegExpExecArray>;
  /** Whether the process has closed its output. */
  readonly isOver: boolean;
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
    get isOver() {
      return over;
    },
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
            const when = over ? "before its output ended" : `in ${MAX_WAIT_MS / 1_000} seconds`;
            throw new Error(`No line matched ${pattern} ${when}:\n${lines.join("\n")}`);
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
