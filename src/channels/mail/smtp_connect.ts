/**
 * Opens a session with a relay: name, socket, greeting, TLS, login.
 *
 * SMTP is spoken by code of our own, because a library decides too much on the
 * way: whether the final dot had left when a connection broke, what the relay
 * said of each recipient before, and which replies count as replies. It can be
 * replaced by a library that reports all three.
 *
 * @module
 */

import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Clock } from "../../lib/clock.ts";
import { compact } from "../../lib/compact.ts";
import { isAddress } from "../guard/addresses.ts";
import { resolveName } from "../guard/resolver.ts";
import { firstOf, openSocket } from "../guard/sockets.ts";
import type { RelaySettings } from "./mail_settings.ts";
import { TokenError, type TokenSource } from "./oauth.ts";
import { logIn } from "./smtp_auth.ts";
import { faultOfError, SmtpError, type SmtpFault } from "./smtp_fault.ts";
import { openSmtpSession, type Relay, type SmtpSession, type SmtpWaits } from "./smtp_session.ts";
import { CLOSED, refusalFault, SmtpWire } from "./smtp_wire.ts";

/** What a session needs besides a relay. */
export interface SessionOptions {
  /** Measures and bounds the time. */
  readonly clock: Clock;
  /** Further CA certificates, PEM. */
  readonly ca?: string | undefined;
  /** The name in EHLO: a full host name; the connection's own address when absent. */
  readonly name?: string | undefined;
  /** The longest waits. */
  readonly waits: SmtpWaits;
  /** Logs in with tokens. */
  readonly oauth?: { readonly user: string; readonly tokens: TokenSource };
}

/** Opens a session; rejects with an `SmtpError`, also when `signal` aborts. */
export async function openSession(
  settings: RelaySettings,
  options: SessionOptions,
  signal: AbortSignal,
): Promise<SmtpSession> {
  const socket = await connect(settings, options, signal);
  const wire = new SmtpWire(socket, options.clock);
  const abort = () => wire.cut(new SmtpError(abortFault(signal, "greeting")));
  signal.addEventListener("abort", abort, { once: true });
  try {
    const relay = await greet(wire, settings, options, signal);
    return openSmtpSession(wire, relay, options);
  } catch (error) {
    wire.cut();
    if (!(error instanceof SmtpError)) throw error;
    throw new SmtpError(withHint(error.fault, settings));
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

async function connect(
  { host, port, tls }: RelaySettings,
  { clock, ca, waits }: SessionOptions,
  signal: AbortSignal,
): Promise<Socket> {
  const addresses = isAddress(host)
    ? [host]
    : await orAborted(resolveName(host).catch(() => []), signal, "connect");
  if (signal.aborted) throw new SmtpError(abortFault(signal, "connect"));
  if (addresses.length === 0) throw new SmtpError({ stage: "connect", code: "dns_failed" });
  const secure = tls === "implicit";
  const connectMs = waits.connect / addresses.length;
  const socketOptions = { clock, ca, alpn: [], connectMs, signal };
  return await firstOf(
    addresses,
    (address) => openSocket({ address, port, name: host, secure }, socketOptions),
  ).catch((error) => {
    throw new SmtpError(
      signal.aborted ? abortFault(signal, "connect") : faultOfError(error, "connect"),
    );
  });
}

/** From the greeting to the login. */
async function greet(
  wire: SmtpWire,
  settings: RelaySettings,
  options: SessionOptions,
  signal: AbortSignal,
): Promise<Relay> {
  const { tls, login } = settings;
  const { waits, oauth } = options;
  const hello = wire.reply("greeting", waits.greeting);
  const greeting = await hello;
  if (greeting.status !== 220) throw new SmtpError(refused(greeting));
  const name = options.name ?? literalOf(wire.socket.localAddress);
  let offers = await sayHello(wire, name, waits.greeting);
  let secure = tls === "implicit";
  if (tls === "required" || (tls === "opportunistic" && offers.has("STARTTLS"))) {
    secure = await orAborted(startTls(wire, settings, options), signal, "tls");
    if (secure) offers = await sayHello(wire, name, waits.greeting);
  }
  const credentials = oauth ?? login;
  if (credentials) {
    if (offers.has("STARTTLS") && !secure && tls === "opportunistic") {
      const reason =
        "the relay offers STARTTLS and refuses it, so the login would cross in clear " +
        "text: set tls=none to allow that";
      throw new SmtpError({ stage: "login", code: "auth_failed", reason });
    }
    const methods = (offers.get("AUTH") ?? "").toUpperCase().split(/\s+/).filter(Boolean);
    const loggedIn = logIn(wire, methods, credentials, waits.greeting).catch((error) => {
      if (!(error instanceof TokenError)) throw error;
      throw new SmtpError({ stage: "login", code: "oauth_failed", reason: error.message });
    });
    await orAborted(loggedIn, signal, "login");
  }
  return { offers, secure, remote: remoteOf(wire.socket) };
}

/** Says EHLO, or HELO to a relay that does not know it; returns what the relay offers. */
async function sayHello(
  wire: SmtpWire,
  name: string,
  waitMs: number,
): Promise<ReadonlyMap<string, string>> {
  const reply = await wire.ask(`EHLO ${name}`, "greeting", waitMs);
  if (reply.status === 250) {
    const offers = new Map<string, string>();
    for (const line of reply.lines.slice(1)) {
      const [, keyword = "", more = ""] = /^([A-Za-z0-9-]+)[ =]?(.*)$/.exec(line) ?? [];
      const name = keyword.toUpperCase();
      // Some relays list their logins on several lines, for old clients as `AUTH=LOGIN`.
      const before = name === "AUTH" ? `${offers.get(name) ?? ""} ` : "";
      offers.set(name, before + more);
    }
    return offers;
  }
  if (reply.status < 500) throw new SmtpError(refused(reply));
  const older = await wire.ask(`HELO ${name}`, "greeting", waitMs);
  if (older.status !== 250) throw new SmtpError(refused(older));
  return new Map();
}

/** Returns whether the connection is now encrypted; `opportunistic` TLS may be refused. */
async function startTls(
  wire: SmtpWire,
  { host, tls }: RelaySettings,
  { ca, clock, waits }: SessionOptions,
): Promise<boolean> {
  const reply = await wire.ask("STARTTLS", "tls", waits.greeting);
  if (reply.status !== 220) {
    if (tls === "opportunistic") return false;
    const fault = refusalFault(reply, "tls");
    throw new SmtpError(reply.status >= 500 ? { ...fault, code: "tls_required" } : fault);
  }
  // Bytes that came with the reply are clear text, possibly injected on the way.
  if (wire.hasInput) throw new SmtpError({ stage: "tls", code: "bad_response" });
  const plain = wire.detach();
  const socket = await new Promise<Socket>((resolve, reject) => {
    const undo = clock.after(waits.greeting, () => fail(undefined, "timeout"));
    const fail = (error: unknown, code?: string) => {
      undo();
      plain.destroy();
      reject(
        new SmtpError(code ? { stage: "tls", code } : faultOfTls(faultOfError(error, "tls"))),
      );
    };
    const secured = connectTls({
      socket: plain,
      host,
      minVersion: "TLSv1.2",
      // A relay that may be spoken to in clear text needs no certificate either.
      rejectUnauthorized: tls !== "opportunistic",
      ...(isAddress(host) ? {} : { servername: host }),
      ...compact({ ca }),
    });
    secured.once("error", fail);
    secured.once("close", () => fail(CLOSED));
    secured.once("secureConnect", () => {
      undo();
      secured.removeAllListeners("error");
      secured.removeAllListeners("close");
      resolve(secured);
    });
  });
  wire.replaceSocket(socket);
  return true;
}

/** A handshake that ends without a code is still a fault of TLS. */
function faultOfTls(fault: SmtpFault): SmtpFault {
  return fault.code === "network_fault" ? { ...fault, stage: "tls", code: "tls_failed" } : fault;
}

function refused(reply: Parameters<typeof refusalFault>[0]): SmtpFault {
  return reply.status < 400
    ? { stage: "greeting", code: "bad_response", reply: reply.text }
    : refusalFault(reply, "greeting");
}

/** Rejects at once when the signal aborts; what the promise becomes after that is ignored. */
function orAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal,
  stage: SmtpFault["stage"],
): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(new SmtpError(abortFault(signal, stage)));
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

function abortFault({ reason }: AbortSignal, stage: SmtpFault["stage"]): SmtpFault {
  return { stage, code: String(reason) };
}

/** Adds what to set, where the fault alone does not say it. */
function withHint(fault: SmtpFault, { tls, login }: RelaySettings): SmtpFault {
  const { stage, code, reply, reason } = fault;
  const hint = (reason: string): SmtpFault => ({ ...fault, reason });
  if (code === "tls_required") {
    return hint(
      "it offers no TLS: use smtps:// if it expects TLS from the first byte, or tls=none",
    );
  }
  if (code === "auth_failed" && reason === undefined && login) {
    return hint("check the user and the password in the relay's URL");
  }
  if (tls === "implicit") return fault;
  if (code === "tls_failed" && reason?.startsWith("the relay does not speak TLS")) {
    return hint("what the relay sent after STARTTLS is not TLS");
  }
  // A relay that waits for TLS from the first byte says nothing in clear text.
  const isMute = stage === "greeting" && reply === undefined && reason === undefined &&
    (code === "timeout" || code === "bad_response");
  return isMute
    ? hint("if it expects TLS from the first byte, use smtps:// instead of smtp://")
    : fault;
}

/** RFC 5321 §4.1.3: a client without a name gives its address. */
function literalOf(address = "127.0.0.1"): string {
  const bare = address.replace(/^::ffff:/, "").replace(/%.*$/, "");
  return bare.includes(":") ? `[IPv6:${bare}]` : `[${bare}]`;
}

function remoteOf({ remoteAddress = "", remotePort = 0 }: Socket): string {
  return `${remoteAddress}:${remotePort}`;
}
