/**
 * What identified the last response for each owner and URL, for requests with `ifChanged`.
 *
 * Each is a small file, so that all channel threads share them and a restart keeps them. Their
 * names are hashes: neither the owner nor the URL is written down.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { compact } from "../../lib/compact.ts";
import type { Clock } from "../../lib/clock.ts";
import type { ResponseHead } from "./exchange.ts";

/** What a response was identified by. */
export interface Validator {
  /** The URL that answered, after all redirects. */
  readonly url: string;
  /** Its `ETag`, weak ones too: RFC 9110 §13.1.2. */
  readonly etag?: string;
  /** Its `Last-Modified`. */
  readonly modified?: string;
}

/** The validators of all owners. */
export interface Validators {
  /** What identified the last response to `owner` for `url`. */
  find(owner: string, url: string): Promise<Validator | undefined>;
  /** Replaces it by what identifies this response; forgets it when nothing does. */
  keep(owner: string, url: string, answered: URL, head: ResponseHead): Promise<void>;
}

/** How long and where they are kept. */
export interface ValidatorOptions {
  /** The folder; created when the first one is kept. */
  readonly folder: string;
  /** How long a validator is kept, in milliseconds. */
  readonly retentionMs: number;
  /** Tells how old they are. */
  readonly clock: Clock;
  /** The most that are kept; 10,000 when absent. */
  readonly max?: number;
}

/** The folder is cleaned up after this many writes. */
const SWEEP_EVERY = 500;

/** Opens the validators in a folder. */
export function openValidators(
  { folder, retentionMs, clock, max = 10_000 }: ValidatorOptions,
): Validators {
  let writes = 0;
  const pathOf = (owner: string, url: string) =>
    `${folder}/${createHash("sha256").update(JSON.stringify([owner, url])).digest("hex")}.json`;
  return {
    async find(owner, url) {
      try {
        const { at, ...validator } = JSON.parse(await Deno.readTextFile(pathOf(owner, url)));
        return clock.now() - at < retentionMs ? validator : undefined;
      } catch {
        return undefined;
      }
    },

    async keep(owner, url, answered, { headers: { etag, "last-modified": modified } }) {
      const path = pathOf(owner, url);
      if (etag === undefined && modified === undefined) {
        return await Deno.remove(path).catch(() => {});
      }
      const validator: Validator = compact({ url: answered.href, etag, modified });
      await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
      const text = JSON.stringify({ ...validator, at: clock.now() });
      await Deno.writeTextFile(`${path}.new`, text, { mode: 0o600 });
      await Deno.rename(`${path}.new`, path);
      if (writes++ % SWEEP_EVERY === 0) await sweep();
    },
  };

  /** Removes those that are too old, and the oldest beyond the most that are kept. */
  async function sweep(): Promise<void> {
    const ages: { name: string; at: number }[] = [];
    for await (const { name } of Deno.readDir(folder)) {
      const info = await Deno.stat(`${folder}/${name}`).catch(() => undefined);
      ages.push({ name, at: info?.mtime?.getTime() ?? 0 });
    }
    ages.sort((one, other) => other.at - one.at);
    const oldest = clock.now() - retentionMs;
    for (const [index, { name, at }] of ages.entries()) {
      if (index >= max || at < oldest) await Deno.remove(`${folder}/${name}`).catch(() => {});
    }
  }
}

/** The headers that ask for a response only when it has changed (RFC 9110 §13.1). */
export function conditionOf({ etag, modified }: Validator): Record<string, string> {
  return compact({ "if-none-match": etag, "if-modified-since": modified });
}
