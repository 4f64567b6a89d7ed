/**
 * Certificates, and a relay that shows them.
 *
 * @module
 */

import { TextLineStream } from "./lines.ts";

/** A certificate that signs itself, for `localhost` alone. */
export interface TestIdentity extends AsyncDisposable {
  readonly keyFile: string;
  readonly certFile: string;
  /** PEM; trusting it is trusting this server. */
  readonly ca: string;
  readonly key: string;
}

/** Makes a certificate. */
export async function makeIdentity(): Promise<TestIdentity> {
  const directory = await Deno.makeTempDir();
  const keyFile = `${directory}/key.pem`;
  const certFile = `${directory}/cert.pem`;
  const { success, stderr } = await new Deno.Command("openssl", {
    args: [
      ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2".split(" "),
      ..."-subj /CN=localhost -addext subjectAltName=DNS:localhost".split(" "),
      ...["-keyout", keyFile, "-out", certFile],
    ],
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return {
    keyFile,
    certFile,
    ca: await Deno.readTextFile(certFile),
    key: await Deno.readTextFile(keyFile),
    [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }),
  };
}

/** What the relay tells of a mail. */
export interface SecureMail {
  readonly from: string;
  readonly to: string[];
  readonly user?: string;
  readonly secure: boolean;
  readonly body: string;
}

/** A relay run by Node. */
export interface TlsRelay extends AsyncDisposable {
  /** Speaks STARTTLS, and takes no mail without. */
  readonly plain: number;
  /** Speaks TLS from the first byte. */
  readonly secured: number;
  /** The next mail it takes. */
  next(): Promise<SecureMail>;
}

/** Starts the relay. */
export async function openTlsRelay({ keyFile, certFile }: TestIdentity): Promise<TlsRelay> {
  const script = new URL("./tls_relay.mjs", import.meta.url).pathname;
  const child = new Deno.Command("node", {
    args: [script, keyFile, certFile],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
  const reader = lines.getReader();
  const next = async () => JSON.parse((await reader.read()).value ?? "null");
  const { plain, secured } = await next();
  return {
    plain,
    secured,
    next,
    async [Symbol.asyncDispose]() {
      await child.stdin.close();
      await child.status;
      await reader.cancel();
    },
  };
}
