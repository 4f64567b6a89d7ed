/**
 * `Idempotency-Key`: a repeated submit returns the task of the first one.
 *
 * The engine stores the keys with the tasks. This file only knows the submits
 * that are being stored at this moment.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { Clock } from "../../lib/clock.ts";
import { slices } from "../../lib/json/json_steps.ts";
import { runInTurns, type Steps, turn } from "../../lib/steps.ts";
import type { Idempotency } from "../../queue/engine.ts";
import { Refusal } from "../problems.ts";

/** A submit under an `Idempotency-Key`. */
export interface Idempotent {
  /** The key as the engine stores it. */
  readonly key: Idempotency;
  /** To be called when the submit has been stored or has failed. */
  readonly end: () => void;
}

/** Reads the keys of submits. */
export interface IdempotencyKeys {
  /**
   * Takes the `Idempotency-Key` of a request within `scope`; `undefined` when it has
   * none. While an earlier request with the same key is being stored, it waits, at
   * most five seconds; then it throws a `Refusal`.
   */
  begin(
    request: Request,
    scope: string,
    body: string,
  ): Promise<Idempotent | undefined> | Idempotent | undefined;
}

/** How long a key is remembered, in milliseconds. */
const KEPT_MS = 24 * 3_600_000;
/** How long a second request waits for the first one to be stored, in milliseconds. */
const MAX_WAIT_MS = 5_000;
/** Quoted, as the draft of the IETF requires, or bare, as most clients send it. */
const KEY = /^(?:"([ !#-~]{1,255})"|([!#-~]{1,255}))$/;

/** A longer body is hashed in steps, in characters. */
const MAX_AT_ONCE = 2 ** 20;
/** Characters hashed in a microsecond. */
const HASH_SPEED = 300;

function* digestSteps(body: string): Steps<string> {
  const hash = createHash("sha256");
  for (const slice of slices(body)) {
    hash.update(slice);
    yield slice.length / HASH_SPEED;
  }
  return hash.digest("hex");
}

/** Opens it without any key in use. */
export function openIdempotency(clock: Clock): IdempotencyKeys {
  /** Resolves when the request with this key has been stored or has failed. */
  const inProgress = new Map<string, Promise<void>>();

  function claim(name: string, key: Idempotency): Idempotent {
    const { promise, resolve } = Promise.withResolvers<void>();
    inProgress.set(name, promise);
    const end = () => {
      inProgress.delete(name);
      resolve();
    };
    return { key, end };
  }

  async function waitAndClaim(name: string, key: Idempotency): Promise<Idempotent> {
    const late = Promise.withResolvers<"late">();
    const undo = clock.after(MAX_WAIT_MS, () => late.resolve("late"));
    try {
      // Of several waiting requests one continues, and the others wait for it.
      for (let first = inProgress.get(name); first; first = inProgress.get(name)) {
        if (await Promise.race([first, late.promise]) !== "late") continue;
        const headers = { "retry-after": "1" };
        throw new Refusal("idempotency_in_progress", { detail: "Try again in a moment", headers });
      }
      return claim(name, key);
    } finally {
      undo();
    }
  }

  return {
    begin(request, scope, body) {
      const given = request.headers.get("idempotency-key");
      if (given === null) return undefined;
      const [, quoted, bare] = KEY.exec(given) ?? [];
      const text = quoted ?? bare;
      if (text === undefined) {
        const detail = "Expected an Idempotency-Key of 1 to 255 printable ASCII characters";
        throw new Refusal("invalid", { detail, errors: [{ pointer: "", detail }] });
      }
      const claimOf = (fingerprint: string) => {
        const name = `${scope} ${text}`;
        const key = { scope, key: text, fingerprint, expiresAt: clock.now() + KEPT_MS };
        return inProgress.has(name) ? waitAndClaim(name, key) : claim(name, key);
      };
      return body.length > MAX_AT_ONCE
        ? runInTurns(digestSteps(body), turn).then(claimOf)
        : claimOf(createHash("sha256").update(body).digest("hex"));
    },
  };
}
