/**
 * What a process says, as lines that a test can wait for.
 *
 * @module
 */

/** The lines of a process, as they come. */
export interface Lines {
  /** All so far. */
  readonly said: readonly string[];
  /** Resolves with the first line, said or yet to come, that matches; rejects when all has been said without it. */
  find(pattern: RegExp): Promise<RegExpExecArray>;
  /** Resolves once the process has closed its ends. */
  readonly ended: Promise<void>;
}

/** Reads streams to their end, whichever line comes first. */
export function linesOf(...streams: ReadableStream<Uint8Array<ArrayBuffer>>[]): Lines {
  const said: string[] = [];
  let over = false;
  let changed = Promise.withResolvers<void>();
  const tell = () => {
    changed.resolve();
    changed = Promise.withResolvers<void>();
  };
  const read = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + text).split(/\r?\n/);
      rest = parts.pop() ?? "";
      said.push(...parts);
      tell();
    }
    if (rest) said.push(rest);
  };
  const ended = Promise.all(streams.map(read)).then(() => {
    over = true;
    tell();
  });
  return {
    said,
    ended,
    async find(pattern) {
      for (let at = 0;; at++) {
        while (at >= said.length && !over) await changed.promise;
        const line = said[at];
        if (line === undefined) {
          throw new Error(`Nothing said matches ${pattern}:\n${said.join("\n")}`);
        }
        const match = pattern.exec(line);
        if (match) return match;
      }
    },
  };
}
