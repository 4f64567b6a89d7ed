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
   * What a request's `Idempotency-Key` means within `scope`; `undefined`
   * without one. Throws a `Refusal` while the first request with it is being stored.
   */
  begin(
    request: Request,
    scope: string,
    body: string,
  ): Idempotent | undefined;
}

const KEPT_MS = 24 * 3_600_000;
/** Quoted as the draft requires, or bare as most clients send it. */
const KEY = /^(?:"([ !#-~]{1,255})"|([!#-~]{1,255}))$/;

/** Opens the set of keys in use. */
export function openIdempotency(clock: Clock): IdempotencyKeys {
  const inProgress = new Set<string>();
  return {
    begin(request, scope, body) {
      const given = request.headers.get("idempotency-key");
      if (given === null) return undefined;
      const [, quoted, bare] = KEY.exec(given) ?? [];
      const key = quoted ?? bare;
      if (key === undefined) {
        const detail = "Expected an Idempotency-Key of 1 to 255 printable ASCII characters";
        throw new Refusal("invalid", { detail, errors: [{ pointer: "", detail }] });
      }
      const name = `${scope} ${key}`;
      if (inProgress.has(name)) {
        const headers = { "retry-after": "1" };
        throw new Refusal("idempotency_in_progress", { detail: "Try again in a moment", headers });
      }
      inProgress.add(name);
      const fingerprint = createHash("sha256").update(body).digest("hex");
      return {
        key: { scope, key, fingerprint, expiresAt: clock.now() + KEPT_MS },
        end: () => inProgress.delete(name),
      };
    },
  };
}
