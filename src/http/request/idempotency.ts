/**
 * `Idempotency-Key`: the same submit twice is one.
 *
 * The engine keeps the keys with the tasks; only what is being stored at this
 * very moment is known here alone.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { Clock } from "../../lib/clock.ts";
import type { Idempotency } from "../../queue/engine.ts";
import { Refusal } from "../problems.ts";

/** A submit under an `Idempotency-Key`. */
export interface Idempotent {
  /** As the engine keeps it. */
  readonly key: Idempotency;
  /** Says that it has been stored, or will not be. */
  readonly end: () => void;
}

/** Reads the key of a submit. */
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
/** Quoted as the draft wants it, or bare as most send it. */
const KEY = /^(?:"([ !#-~]{1,255})"|([!#-~]{1,255}))$/;

/** Opens the book of keys in use. */
export function openIdempotency(clock: Clock): IdempotencyKeys {
  const underWay = new Set<string>();
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
      if (underWay.has(name)) {
        const headers = { "retry-after": "1" };
        throw new Refusal("idempotency_in_progress", { detail: "Ask again in a moment", headers });
      }
      underWay.add(name);
      const fingerprint = createHash("sha256").update(body).digest("hex");
      return {
        key: { scope, key, fingerprint, expiresAt: clock.now() + KEPT_MS },
        end: () => underWay.delete(name),
      };
    },
  };
}
