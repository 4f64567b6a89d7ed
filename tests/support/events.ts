/**
 * Reads server-sent events as a browser does.
 *
 * @module
 */

import assert from "node:assert/strict";

/** One event. A comment has only `text`. */
export interface SentEvent {
  readonly id?: string;
  readonly event?: string;
  // deno-lint-ignore no-explicit-any -- tests read any event
  readonly data?: any;
  /** The text as received. */
  readonly text: string;
}

/** A stream of events; `await using` closes it. */
export class Events implements AsyncDisposable {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";

  constructor(response: Response) {
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "text/event-stream");
    this.#reader = (response.body ?? assert.fail("expected a body"))
      .pipeThrough(new TextDecoderStream()).getReader();
  }

  /** The next event or comment; `undefined` at the end. */
  async next(): Promise<SentEvent | undefined> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end >= 0) {
        const text = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        return parse(text);
      }
      const { value, done } = await this.#reader.read();
      if (done) return undefined;
      this.#text += value;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader.cancel().catch(() => {});
  }
}

function parse(text: string): SentEvent {
  const fields = Object.fromEntries(
    text.split("\n").map((line) => line.split(/: (.*)/s).slice(0, 2)).filter(([name]) => name),
  );
  const { data, id, event } = fields;
  return {
    text,
    ...(id ? { id } : {}),
    ...(event ? { event } : {}),
    ...(data ? { data: JSON.parse(data) } : {}),
  };
}
