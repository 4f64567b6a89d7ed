/**
 * SMTP on the wire: commands out, replies in.
 *
 * A reply is read strictly. A relay that sends anything else gets nothing more
 * of the mail, for a loose reader takes `25` or a stray line for a success.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { Clock } from "../../lib/clock.ts";
import { faultOfError, SmtpError, type SmtpStage } from "./smtp_fault.ts";

/** One reply of a relay. */
export interface Reply {
  /** 200 to 559. */
  readonly status: number;
  /** All of it, code included; lines separated by `\n`, credentials masked. */
  readonly text: string;
  /** The text of each line, without the code. */
  readonly lines: readonly string[];
}

/** RFC 5321 §4.2: the code, then a hyphen before further lines or a space before text. */
const REPLY_LINE = /^([2-5][0-5]\d)(?:([ -])(.*))?$/s;
/** RFC 5321 §4.5.3.1.5 allows 512 octets a line; some relays say more. */
const MAX_REPLY_BYTES = 65_536;
const CHUNK_BYTES = 65_536;

interface Reader {
  readonly stage: SmtpStage;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: SmtpError) => void;
  /** Ends the wait for the reply. */
  undo: () => void;
}

/** A connection to a relay. One reply is awaited at a time, also when several commands were sent. */
export class SmtpWire {
  /** Replaces what must not be shown in a reply. */
  mask: (reply: string, stage: SmtpStage) => string = (reply) => reply;
  readonly #clock: Clock;
  #socket: Socket;
  #reader: Reader | undefined;
  /** Replies that came before they were awaited. */
  readonly #early: Reply[] = [];
  /** Commands whose replies were not awaited yet. */
  #unanswered = 0;
  #input = "";
  #lines: string[] = [];
  #status = "";
  /** Set once nothing more can be read. */
  #ended: { readonly error?: unknown } | undefined;
  #isGarbled = false;
  #onDrain: (() => void) | undefined;

  /** Takes a connected socket. */
  constructor(socket: Socket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
    this.#listen();
  }

  /** The socket, for an upgrade to TLS. */
  get socket(): Socket {
    return this.#socket;
  }

  /** Whether the connection is open and nothing unexpected was read. */
  get isOpen(): boolean {
    return !this.#ended && !this.#isGarbled && this.#early.length <= this.#unanswered;
  }

  /** How many commands were sent whose replies were not awaited yet. */
  get unanswered(): number {
    return this.#unanswered;
  }

  /** Whether something was read that belongs to no reply yet. */
  get hasInput(): boolean {
    return this.#input !== "" || this.#lines.length > 0 || this.#early.length > 0;
  }

  /** Goes on over another socket, such as one with TLS. */
  replaceSocket(socket: Socket): void {
    this.#socket = socket;
    this.#listen();
  }

  /** Stops reading from the socket, so that TLS can take it over. */
  detach(): Socket {
    for (const event of ["data", "error", "end", "close", "drain"]) {
      this.#socket.removeAllListeners(event);
    }
    return this.#socket;
  }

  /** Sends a command and resolves with its reply; rejects and throws as `send` does. */
  async ask(command: string, stage: SmtpStage, waitMs: number): Promise<Reply> {
    await this.send([command], stage, waitMs);
    return await this.reply(stage, waitMs);
  }

  /**
   * Sends commands at once, for each of which `reply` then resolves with its reply; rejects
   * with an `SmtpError`. A reply that came before them is the relay's goodbye, or belongs to
   * nothing. Throws when a command is more than one line: the rest would be commands of its own.
   */
  async send(commands: readonly string[], stage: SmtpStage, waitMs: number): Promise<void> {
    if (commands.some((command) => /[\r\n]/.test(command))) {
      throw new Error("An SMTP command contains a line break");
    }
    if (this.#early.length > 0) {
      const { status, text } = await this.reply(stage, waitMs);
      throw new SmtpError(
        status === 421
          ? refusalFault({ status, text }, stage)
          : { stage, code: "bad_response", reply: text },
      );
    }
    this.#unanswered = commands.length;
    this.#socket.write(`${commands.join("\r\n")}\r\n`);
  }

  /** Resolves with the next reply; rejects with an `SmtpError`. */
  reply(stage: SmtpStage, waitMs: number): Promise<Reply> {
    this.#unanswered = Math.max(0, this.#unanswered - 1);
    return new Promise((resolve, reject) => {
      const undo = this.#clock.after(waitMs, () => this.#fail({ stage, code: "timeout" }));
      this.#reader = { stage, resolve, reject, undo };
      this.#pump();
    });
  }

  /**
   * Writes a mail and its final dot. `onDot` is called before the last bytes leave;
   * each piece must be taken within `waitMs`. Rejects with an `SmtpError`.
   */
  async writeBody(bytes: Uint8Array, onDot: () => void, waitMs: number): Promise<void> {
    for (let at = 0; at + CHUNK_BYTES < bytes.length; at += CHUNK_BYTES) {
      const isTaken = this.#socket.write(bytes.subarray(at, at + CHUNK_BYTES));
      if (!isTaken) await this.#drain(waitMs);
      if (!this.isOpen) break;
    }
    // A relay that replies before the final dot has rejected the mail.
    if (!this.isOpen) {
      const { status, text } = await this.reply("body", waitMs);
      throw new SmtpError(
        status >= 400
          ? refusalFault({ status, text }, "body")
          : { stage: "body", code: "bad_response", reply: text },
      );
    }
    const last = bytes.subarray(Math.floor((bytes.length - 1) / CHUNK_BYTES) * CHUNK_BYTES);
    onDot();
    this.#socket.write(Buffer.concat([last, DOT]));
  }

  /** Closes the connection without a word. A QUIT within a body would become part of the mail. */
  cut(error?: SmtpError): void {
    if (error) this.#reject(error);
    this.#end(undefined);
    this.#socket.destroy();
  }

  #listen(): void {
    const socket = this.#socket;
    socket.on("data", (bytes: Uint8Array) => this.#read(bytes));
    socket.on("error", (error: unknown) => this.#end(error));
    socket.on("end", () => this.#end(undefined));
    socket.on("close", () => this.#end(undefined));
    socket.on("drain", () => this.#onDrain?.());
  }

  #drain(waitMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const undo = this.#clock.after(waitMs, () => {
        this.#onDrain = undefined;
        reject(new SmtpError({ stage: "body", code: "timeout" }));
      });
      this.#onDrain = () => {
        undo();
        this.#onDrain = undefined;
        resolve();
      };
    });
  }

  #read(bytes: Uint8Array): void {
    this.#input += Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
    for (let end = this.#input.indexOf("\n"); end >= 0; end = this.#input.indexOf("\n")) {
      const line = this.#input.slice(0, end).replace(/\r$/, "");
      this.#input = this.#input.slice(end + 1);
      this.#readLine(line);
    }
    if (this.#input.length > MAX_REPLY_BYTES) this.#isGarbled = true;
    this.#pump();
    // A body that is being written must stop.
    if (this.#isGarbled || this.#early.length > 0) this.#onDrain?.();
  }

  #readLine(line: string): void {
    // What follows a line that is no reply cannot be trusted.
    if (this.#isGarbled) return;
    const [, status = "", more = " ", text = ""] = REPLY_LINE.exec(line) ?? [];
    const length = this.#lines.reduce((sum, { length }) => sum + length, 0);
    const isSame = this.#status === "" || this.#status === status;
    if (status === "" || !isSame || /\0/.test(text) || length > MAX_REPLY_BYTES) {
      this.#isGarbled = true;
      return;
    }
    this.#status = status;
    // Replies are ASCII or, RFC 6531 §3.7.4.2, UTF-8.
    this.#lines.push(new TextDecoder().decode(Buffer.from(text, "latin1")));
    if (more === "-") return;
    const lines = this.#lines;
    this.#lines = [];
    this.#status = "";
    const whole = lines.map((text, i) => {
      const between = i < lines.length - 1 ? "-" : text === "" ? "" : " ";
      return `${status}${between}${text}`;
    });
    this.#early.push({ status: Number(status), text: whole.join("\n"), lines });
  }

  /** Answers the reader, when there is something to answer. */
  #pump(): void {
    if (!this.#reader) return;
    const reply = this.#early.shift();
    if (reply) {
      const { resolve, undo, stage } = this.#reader;
      this.#reader = undefined;
      undo();
      resolve({ ...reply, text: this.mask(reply.text, stage) });
    } else if (this.#isGarbled) {
      this.#fail({ stage: this.#reader.stage, code: "bad_response" });
    } else if (this.#ended) {
      this.#fail(faultOfError(this.#ended.error ?? CLOSED, this.#reader.stage));
    }
  }

  #end(error: unknown): void {
    this.#ended ??= { error };
    this.#pump();
    this.#onDrain?.();
  }

  #fail(fault: SmtpError["fault"]): void {
    this.#reject(new SmtpError(fault));
  }

  #reject(error: SmtpError): void {
    const reader = this.#reader;
    this.#reader = undefined;
    reader?.undo();
    reader?.reject(error);
  }
}

const DOT = Buffer.from(".\r\n");
/** The other side has closed the connection. */
export const CLOSED = Object.assign(new Error("The connection ended"), { code: "ECONNRESET" });

/** A reply that refuses a step, as a fault. */
export function refusalFault(
  { status, text }: Pick<Reply, "status" | "text">,
  stage: SmtpStage,
): SmtpError["fault"] {
  return { stage, code: `smtp_${status}`, status, reply: text };
}
