/**
 * A session with a relay after greeting and login: sends one mail after another.
 *
 * It records how far each mail came, because only that distinguishes a mail that
 * was never sent from one that the relay may have accepted.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { Message } from "./message.ts";
import {
  needsLogin,
  type Refusal,
  SmtpError,
  type SmtpFault,
  type SmtpStage,
} from "./smtp_fault.ts";
import { refusalFault, type Reply, type SmtpWire } from "./smtp_wire.ts";

/** The longest waits of a session, in milliseconds. */
export interface SmtpWaits {
  /** For a connection to one address, implicit TLS included. */
  readonly connect: number;
  /** For the greeting, and for each step up to the login. */
  readonly greeting: number;
  /** For the reply to a command before the final dot; RFC 5321 §4.5.3.2 gives five minutes. */
  readonly reply: number;
  /** For the reply to the final dot; RFC 5321 §4.5.3.2.6 gives ten minutes. */
  readonly dot: number;
}

/** How one mail went. */
export type Sent =
  | {
    readonly kind: "taken";
    /** The reply to the final dot. */
    readonly reply: string;
    /** Recipients that the relay refused. */
    readonly refused: readonly Refusal[];
    /** Whether delivery reports were requested from the relay, when the mail requests them. */
    readonly dsn?: "requested" | "not_offered";
  }
  | {
    readonly kind: "failed";
    /** Absent when every recipient was refused. */
    readonly fault?: SmtpFault;
    /** Recipients that the relay had refused before. */
    readonly refused: readonly Refusal[];
    /** Whether the final dot may have left. */
    readonly dotLeft: boolean;
  };

/** What sending a mail depends on. */
export interface SendContext {
  /** Ends it; after the final dot only `shutdown` does. */
  readonly signal: AbortSignal;
  /** Ends also the wait for the reply to the final dot. */
  readonly shutdown: AbortSignal;
  /** Called before the final dot leaves. */
  readonly onDot: () => void;
  /** The longest silence of the relay before the final dot, in milliseconds. */
  readonly silenceMs?: number | undefined;
}

/** A session, logged in. */
export interface SmtpSession {
  /** `address:port`. */
  readonly remote: string;
  /** Whether the connection is encrypted. */
  readonly secure: boolean;
  /** Whether it has carried a mail before: the relay may have hung up since. */
  readonly used: boolean;
  /** Whether the relay has accepted a mail over it. */
  readonly proven: boolean;
  /** Whether another mail may be sent over it. */
  readonly usable: boolean;
  /** Sends a mail to these recipients. Resolves however it ends. */
  send(message: Message, recipients: readonly string[], context: SendContext): Promise<Sent>;
  /** Says QUIT and waits a moment for the reply. */
  close(): Promise<void>;
}

/** The relay, as its greeting describes it. */
export interface Relay {
  /** Keywords of EHLO in upper case, with what follows each. */
  readonly offers: ReadonlyMap<string, string>;
  /** Whether the connection is encrypted. */
  readonly secure: boolean;
  /** `address:port`. */
  readonly remote: string;
}

/** How long a relay may take over RSET and QUIT, in milliseconds. */
const GOODBYE_MS = 2_000;
/** RFC 5321 §4.2.3: 251 and 252 accept a recipient as well. */
const DONE = [250, 251, 252];

/** Makes a session of a connection that has been greeted. */
export function openSmtpSession(
  wire: SmtpWire,
  relay: Relay,
  options: { readonly waits: SmtpWaits },
): SmtpSession {
  return new Session(wire, relay, options);
}

class Session implements SmtpSession {
  readonly remote: string;
  readonly secure: boolean;
  readonly #wire: SmtpWire;
  readonly #offers: Relay["offers"];
  readonly #waits: SmtpWaits;
  #used = false;
  #proven = false;
  #usable = true;

  constructor(wire: SmtpWire, relay: Relay, { waits }: { readonly waits: SmtpWaits }) {
    this.#wire = wire;
    this.#offers = relay.offers;
    this.#waits = waits;
    this.remote = relay.remote;
    this.secure = relay.secure;
  }

  get used(): boolean {
    return this.#used;
  }

  get proven(): boolean {
    return this.#proven;
  }

  get usable(): boolean {
    return this.#usable && this.#wire.isOpen;
  }

  async send(
    message: Message,
    recipients: readonly string[],
    context: SendContext,
  ): Promise<Sent> {
    const { signal, shutdown } = context;
    const progress = { dotLeft: false, stage: "mail" as SmtpStage, refused: [] as Refusal[] };
    const abort = () => {
      if (progress.dotLeft && !shutdown.aborted) return;
      const reason = shutdown.aborted ? shutdown.reason : signal.reason;
      this.#cut(new SmtpError({ stage: progress.stage, code: String(reason) }));
    };
    signal.addEventListener("abort", abort);
    shutdown.addEventListener("abort", abort);
    try {
      if (signal.aborted) throw new SmtpError({ stage: "mail", code: String(signal.reason) });
      return await this.#transact(message, recipients, context, progress);
    } catch (error) {
      if (!(error instanceof SmtpError)) throw error;
      const { refused, dotLeft } = progress;
      const { fault } = error;
      // A reply of its own leaves the session in order, but for 421 and a body that was cut.
      const isInOrder = fault.status !== undefined && fault.status !== 421 &&
        fault.stage !== "body";
      if (!isInOrder) this.#cut();
      else if (fault.stage !== "dot") await this.#reset();
      return { kind: "failed", fault, refused, dotLeft };
    } finally {
      signal.removeEventListener("abort", abort);
      shutdown.removeEventListener("abort", abort);
      this.#used = true;
    }
  }

  async close(): Promise<void> {
    if (this.usable) {
      this.#usable = false;
      await this.#wire.ask("QUIT", "mail", GOODBYE_MS).catch(() => {});
    }
    this.#cut();
  }

  async #transact(
    message: Message,
    recipients: readonly string[],
    { onDot, silenceMs = Infinity }: SendContext,
    progress: { dotLeft: boolean; stage: SmtpStage; refused: Refusal[] },
  ): Promise<Sent> {
    const replyMs = Math.min(silenceMs, this.#waits.reply);
    const { sender, recipient, dsn } = this.#envelope(message);
    // RFC 2920: the relay reads the whole envelope at once, and replies to each command in turn.
    const isPipelined = this.#offers.has("PIPELINING");
    if (isPipelined) {
      await this.#wire.send([sender, ...recipients.map(recipient), "DATA"], "mail", replyMs);
    }
    const ask = (command: string, stage: SmtpStage) => {
      progress.stage = stage;
      return isPipelined
        ? this.#wire.reply(stage, replyMs)
        : this.#wire.ask(command, stage, replyMs);
    };
    expect(await ask(sender, "mail"), "mail", DONE);
    for (const address of recipients) {
      const reply = await ask(recipient(address), "rcpt");
      const fault = refusalFault(reply, "rcpt");
      // Neither is about this recipient.
      if (reply.status === 421 || needsLogin(fault)) throw new SmtpError(fault);
      if (reply.status >= 400) {
        progress.refused.push({ address, status: reply.status, reply: reply.text });
      } else expect(reply, "rcpt", DONE);
    }
    if (progress.refused.length === recipients.length) {
      await this.#reset();
      return { kind: "failed", refused: progress.refused, dotLeft: false };
    }
    expect(await ask("DATA", "data"), "data", [354]);
    progress.stage = "body";
    await this.#wire.writeBody(stuffed(message.bytes), () => {
      progress.dotLeft = true;
      progress.stage = "dot";
      onDot();
    }, replyMs);
    const reply = await this.#wire.reply("dot", this.#waits.dot);
    expect(reply, "dot", DONE);
    this.#proven = true;
    return { kind: "taken", reply: reply.text, refused: progress.refused, ...dsn };
  }

  /** The commands of the envelope, with the extensions that this relay offers. */
  #envelope(message: Message) {
    const { from, bytes, needs = {} } = message;
    const limit = Number(this.#offers.get("SIZE") ?? 0);
    if (limit > 0 && bytes.length > limit) {
      const reason = `the mail has ${bytes.length} bytes and the relay takes ${limit}`;
      throw new SmtpError({ stage: "mail", code: "too_large", reason });
    }
    if (needs.smtpUtf8 && !this.#offers.has("SMTPUTF8")) {
      const reason = "an address has letters beyond ASCII before its @, and the relay does not " +
        "offer SMTPUTF8";
      throw new SmtpError({ stage: "mail", code: "smtputf8_not_offered", reason });
    }
    const reports = needs.dsn && this.#offers.has("DSN") ? needs.dsn : undefined;
    const parameters = [
      ...(this.#offers.has("SIZE") ? [`SIZE=${bytes.length}`] : []),
      ...(needs.smtpUtf8 ? ["SMTPUTF8", "BODY=8BITMIME"] : []),
      ...(reports ? [`RET=HDRS`, `ENVID=${reports.envelopeId}`] : []),
    ];
    return {
      sender: [`MAIL FROM:<${from}>`, ...parameters].join(" "),
      recipient: (address: string) =>
        `RCPT TO:<${address}>` +
        (reports ? ` NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=${originalRecipient(address)}` : ""),
      dsn: needs.dsn ? { dsn: reports ? "requested" as const : "not_offered" as const } : {},
    };
  }

  /** After a refusal the session goes on, but for what was begun. */
  async #reset(): Promise<void> {
    if (!this.usable) return;
    try {
      while (this.#wire.unanswered > 0) {
        const { status } = await this.#wire.reply("mail", GOODBYE_MS);
        // After 354 all that is sent is the mail, and a dot would deliver it.
        if (status === 354 || status === 421) return this.#cut();
      }
      const { status } = await this.#wire.ask("RSET", "mail", GOODBYE_MS);
      if (status !== 250) this.#cut();
    } catch {
      this.#cut();
    }
  }

  #cut(error?: SmtpError): void {
    this.#usable = false;
    this.#wire.cut(error);
  }
}

/** Rejects a reply that is neither one of these nor a refusal. */
function expect(reply: Reply, stage: SmtpStage, statuses: readonly number[]): void {
  if (statuses.includes(reply.status)) return;
  const { status, text } = reply;
  throw new SmtpError(
    status >= 400 ? refusalFault(reply, stage) : { stage, code: "bad_response", reply: text },
  );
}

/** RFC 5321 §4.5.2: a dot at the beginning of a line is doubled. */
function stuffed(bytes: Uint8Array): Uint8Array {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer[0] !== DOT && !buffer.includes("\r\n.", 0, "latin1")) return bytes;
  const pieces: Uint8Array[] = [];
  let from = 0;
  if (buffer[0] === DOT) pieces.push(ONE_DOT);
  for (let at = buffer.indexOf("\r\n.", 0, "latin1"); at >= 0;) {
    pieces.push(buffer.subarray(from, at + 2), ONE_DOT);
    from = at + 2;
    at = buffer.indexOf("\r\n.", from, "latin1");
  }
  pieces.push(buffer.subarray(from));
  return Buffer.concat(pieces);
}

const DOT = 0x2e;
const ONE_DOT = Buffer.from(".");

/** RFC 3461 §4, and RFC 6533 §3 for letters beyond ASCII. */
function originalRecipient(address: string): string {
  const hex = (letter: string) =>
    (letter.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(2, "0");
  return /^[!-~]*$/.test(address)
    ? `rfc822;${address.replace(/[+=]/g, (letter) => `+${hex(letter)}`)}`
    : `utf-8;${address.replace(/[^!-*,-<>-~]|\\/gu, (letter) => `\\x{${hex(letter)}}`)}`;
}
