/**
 * Fetches the certificates with which senders of webhooks sign.
 *
 * @module
 */

import type { EgressProxy } from "../channels/guard/egress_proxy.ts";
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

/** Opens the fetcher. The first certificate loads its HTTP client: few services need one. */
export function openCertificateFetcher(
  { guard, clock, ca, egressProxy }: CertificateOptions,
): FetchCertificate {
  return async (url) => {
    const { Agent, request } = await import("undici");
    const open = guardedOpener(
      guard(),
      { clock, connectMs: WAIT_MS, ...compact({ ca }) },
      egressProxy,
    );
    const agent = new Agent({
      headersTimeout: 0,
      bodyTimeout: 0,
      connect({ protocol, hostname, port }, callback) {
        open({ protocol, hostname, port }).then(
          (socket) => callback(null, socket),
          (error) => callback(error, null),
        );
      },
    });
    const late = new AbortController();
    const undo = clock.after(WAIT_MS, () => late.abort());
    try {
      const { signal } = late;
      const { statusCode, body } = await request(url, { dispatcher: agent, signal });
      if (statusCode !== 200) throw new Error(`Cannot fetch ${url}: got the status ${statusCode}`);
      const parts: Uint8Array[] = [];
      let bytes = 0;
      for await (const part of body) {
        bytes += part.length;
        if (bytes > MAX_BYTES) throw new RangeError(`Cannot fetch ${url}: it is too long`);
        parts.push(part);
      }
      return await new Blob(parts as Uint8Array<ArrayBuffer>[]).text();
    } catch (error) {
      if (late.signal.aborted) {
        throw new Error(`Cannot fetch ${url}: no answer within ${WAIT_MS / 1_000} s`);
      }
      throw error;
    } finally {
      undo();
      await agent.destroy();
    }
  };
}
