/**
 * Starts the servers of `h2_servers.mjs`.
 *
 * @module
 */

import { TextLineStream } from "./lines.ts";
import { makeIdentity, type TestIdentity } from "./tls_relay.ts";

/** Servers, each on a port of 127.0.0.1, as `localhost`. */
export interface Http2Servers extends AsyncDisposable {
  /** The CA certificate, PEM. */
  readonly identity: TestIdentity;
  /** Ports of servers that misbehave, by what they do. */
  readonly bad: Readonly<Record<string, number>>;
  /** Ports of servers that use rare but valid features, by what they do. */
  readonly odd: Readonly<Record<string, number>>;
  /** Ports of servers that echo the request, by protocol. */
  readonly good: Readonly<Record<string, number>>;
}

/** Starts them; they end with their scope. */
export async function startHttp2Servers(): Promise<Http2Servers> {
  const identity = await makeIdentity();
  const script = new URL("./h2_servers.mjs", import.meta.url).pathname;
  const child = new Deno.Command("node", {
    args: [script, identity.keyFile, identity.certFile],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
  const reader = lines.getReader();
  const { bad, odd, good } = JSON.parse((await reader.read()).value ?? "null");
  return {
    identity,
    bad,
    odd,
    good,
    async [Symbol.asyncDispose]() {
      await child.stdin.close();
      await child.status;
      await reader.cancel();
      await identity[Symbol.asyncDispose]();
    },
  };
}
