/**
 * The messages between a channel thread and the thread that decodes its bodies.
 *
 * @module
 */

import type { BodyError, Coding } from "./decoder.ts";

/** Messages to the decoding thread, about one body. */
export type ToDecoder =
  & { readonly id: number }
  & (
    | { readonly type: "open"; readonly codings: readonly Coding[] }
    /** Not a `Uint8Array`, which takes 200 ms a MiB on its way here on Deno 2.9.6. */
    | { readonly type: "write"; readonly chunk: ArrayBuffer }
    | { readonly type: "end" }
    | { readonly type: "abandon" }
    /** Decoded bytes that have been used. */
    | { readonly type: "used"; readonly bytes: number }
  );

/** Messages from the decoding thread, about one body. */
export type FromDecoder =
  & { readonly id: number }
  & (
    /** One more chunk has been decoded, and the next may be written. */
    | { readonly type: "taken" }
    | { readonly type: "decoded"; readonly chunk: Uint8Array<ArrayBuffer> }
    | { readonly type: "ended" }
    | { readonly type: "failed"; readonly code: BodyError["code"]; readonly detail: string }
  );
