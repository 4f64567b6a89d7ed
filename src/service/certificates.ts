/**
 * Fetches the certificates with which senders of webhooks sign.
 *
 * @module
 */

import type { EgressProxy } from "../channels/guard/egress_proxy.ts";
import { Http1Pool } from "../channels/http1/pool.ts";
import type { Guard } from "../channels/guard/guard.ts";
import { guardedOpener } from "../channels/guard/guarded_connector.ts";
import type { FetchCertificate } from "../hooks/certificates.ts";
import type { Clock } from "../lib/clock.ts";
import { compact } from "../lib/compact.ts";

/** How connections are opened. */
export interface CertificateOptions {
  /** Decides where connections may go. */
  readonly guard: () => Guard;
  /** Bounds the wait for a connection. */
  readonly clock: Clock;
  /** Further CA certificates, PEM. */
  readonly ca?: string | undefined;
  /** The proxy that all connections go through. */
  readonly egressProxy?: EgressProxy | undefined;
}

/** The longest certificate, in bytes. */
const MAX_BYTES = 65_536;
/** The longest time that a fetch may take, in milliseconds. */
const WAIT_MS = 5_000;

/** Opens the fetcher. */
export function openCertificateFetcher(
  { guard, clock, ca, egressProxy }: CertificateOptions,
): FetchCertificate {
  return async (url) => {
    const options = { clock, connectMs: WAIT_MS, ...compact({ ca }) };
    const pool = new Http1Pool({ open: guardedOpener(guard(), options, egressProxy), clock });
    try {
      return await get(pool, new URL(url), clock);
    } finally {
      await pool.close();
    }
  };
}

/** The body of a response with the status 200. */
function get(pool: Http1Pool, { href, origin, pathname, search }: URL, clock: Clock) {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const fail = (why: string) => reject(new Error(`Cannot fetch ${href}: ${why}`));
  const undo = clock.after(WAIT_MS, () => fail(`no answer within ${WAIT_MS / 1_000} s`));
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  const request = { origin, path: pathname + search, method: "GET", headers: {}, body: null };
  pool.dispatch({
    request,
    tries: 0,
    handler: {
      onRequestStart() {},
      onResponseStart(controller, status) {
        if (status < 200 || status === 200) return;
        fail(`got the status ${status}`);
        controller.abort();
      },
      onResponseData(controller, chunk) {
        bytes += chunk.length;
        parts.push(Uint8Array.from(chunk));
        if (bytes <= MAX_BYTES) return;
        fail("it is too long");
        controller.abort();
      },
      onResponseEnd: () => resolve(new Blob(parts).text()),
      onResponseError: reject,
    },
  });
  return promise.finally(undo);
}
