/**
 * The way into a session with a relay: name, socket, greeting, TLS, login.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import SMTPConnection from "nodemailer/lib/smtp-connection";
import type { Clock } from "../../lib/clock.ts";
import { isAddress } from "../guard/addresses.ts";
import type { RelaySettings } from "./mail_settings.ts";
import type { TokenSource } from "./oauth.ts";
import { resolveName } from "../guard/resolver.ts";
import { SmtpError, smtpFaultOf } from "./smtp_fault.ts";
import { Session, type SmtpSession } from "./smtp_session.ts";
import { firstOf, openSocket } from "../guard/sockets.ts";

/** What a session needs besides a relay. */
export interface SessionOptions {
  /** Times the connection. */
  readonly clock: Clock;
  /** Further CA certificates, PEM. */
  readonly ca?: string | undefined;
  /** What we call ourselves in EHLO: a full name, or an address in brackets. */
  readonly name: string;
  /** Bounds on waiting, in milliseconds. */
  readonly waits: SmtpWaits;
  /** Logs in by token. */
  readonly oauth?: { readonly user: string; readonly tokens: TokenSource };
}

/** In milliseconds. */
export interface SmtpWaits {
  /** For a connection to one address, implicit TLS included. */
  readonly connect: number;
  /** For the greeting, and again for STARTTLS. */
  readonly greeting: number;
  /** For any other reply; RFC 5321 §4.5.3.2.6 gives the one after the final dot ten minutes. */
  readonly reply: number;
}

/** Opens a session; rejects with an `SmtpError`. */
export async function openSession(
  relay: RelaySettings,
  options: SessionOptions,
  signal: AbortSignal,
): Promise<SmtpSession> {
  const { host, port, tls, login } = relay;
  const { clock, ca, name, waits } = options;
  const addresses = isAddress(host) ? [host] : await resolveName(host).catch(() => []);
  if (addresses.length === 0) throw new SmtpError({ stage: "connect", code: "dns_failed" });
  signal.throwIfAborted();
  const secure = tls === "implicit";
  const socketOptions = { clock, ca, alpn: [], connectMs: waits.connect };
  const socket = await firstOf(
    addresses,
    (address) => openSocket({ address, port, name: host, secure }, socketOptions),
  ).catch((error) => {
    throw new SmtpError(smtpFaultOf(error, "connect"));
  });
  const remote = `${socket.remoteAddress}:${socket.remotePort}`;
  const connection = new SMTPConnection({
    connection: socket,
    host,
    port,
    secure,
    secured: secure,
    requireTLS: tls === "required",
    opportunisticTLS: tls === "opportunistic",
    ignoreTLS: tls === "none",
    name,
    tls: {
      minVersion: "TLSv1.2",
      // Who takes clear text for good enough cannot ask for a certificate.
      rejectUnauthorized: tls !== "opportunistic",
      ...(isAddress(host) ? {} : { servername: host }),
      ...compact({ ca }),
    },
    greetingTimeout: waits.greeting,
    connectionTimeout: waits.greeting,
    socketTimeout: waits.reply,
    socketCloseTimeout: 0,
    logger: false,
  });
  const session = new Session(connection, remote, clock);
  const abort = () => session.cut();
  signal.addEventListener("abort", abort, { once: true });
  try {
    await session.open();
    if (options.oauth) await session.loginByToken(options.oauth);
    else if (login) await session.login(login);
  } catch (error) {
    session.cut();
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
  return session;
}
