/**
 * One session with a relay: opened, logged in, and used for one mail after another.
 *
 * nodemailer speaks; here it is recorded how far it came, because only that
 * tells a mail that never left from one whose fate nobody knows.
 *
 * @module
 */

import type SMTPConnection from "nodemailer/lib/smtp-connection";
import type { TokenSource } from "./oauth.ts";
import type { Clock } from "../../lib/clock.ts";
import { bodyOf } from "./mail_body.ts";
import type { Message } from "./message.ts";
import { type Refusal, refusalsOf, SmtpError, type SmtpFault, smtpFaultOf } from "./smtp_fault.ts";

/** How one mail went. */
export type Sent =
  | {
    readonly kind: "taken";
    /** The reply to the final dot. */
    readonly reply: string;
    /** Recipients that the relay would not have. */
    readonly refused: readonly Refusal[];
  }
  | {
    readonly kind: "failed";
    readonly fault: SmtpFault;
    /** Whether the final dot may have left. */
    readonly dotLeft: boolean;
  };

/** A session, logged in. */
export interface SmtpSession {
  /** `address:port`. */
  readonly remote: string;
  /** Whether what is said is encrypted. */
  readonly secure: boolean;
  /** Whether it has carried a mail before: the relay may have hung up since. */
  readonly used: boolean;
  /** Whether another mail may be sent over it. */
  readonly usable: boolean;
  /**
   * Sends a mail to these recipients. `onDot` is called before the last bytes
   * leave. Resolves however it ends; a session cut off by `signal` is closed.
   */
  send(
    message: Message,
    recipients: readonly string[],
    context: { readonly signal: AbortSignal; readonly onDot: () => void },
  ): Promise<Sent>;
  /** Says goodbye and waits a moment for the answer. */
  close(): Promise<void>;
}

/** How long a relay may take over RSET and QUIT, in milliseconds. */
const GOODBYE_MS = 2_000;

/** A session over a connection of nodemailer's. */
export class Session implements SmtpSession {
  /** `address:port`. */
  readonly remote: string;
  readonly #connection: SMTPConnection;
  readonly #clock: Clock;
  #used = false;
  #usable = false;
  /** Ends what is under way, when the connection ends first. */
  #onEnd: (error?: unknown) => void = () => {};

  /** Takes a connection that was not used yet. */
  constructor(connection: SMTPConnection, remote: string, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
    this.remote = remote;
    connection.on("error", (error: unknown) => this.#ended(error));
    connection.on("end", () => this.#ended());
  }

  /** Whether what is said is encrypted. */
  get secure(): boolean {
    return this.#connection.secure;
  }

  /** Whether it has carried a mail before. */
  get used(): boolean {
    return this.#used;
  }

  /** Whether another mail may be sent over it. */
  get usable(): boolean {
    return this.#usable;
  }

  /** Greets; rejects with an `SmtpError`. */
  open(): Promise<void> {
    return this.#step("greeting", (done) => this.#connection.connect(done));
  }

  /** Logs in; rejects with an `SmtpError`. */
  login({ user, pass }: { user: string; pass: string }): Promise<void> {
    if (!this.#connection.allowsAuth) {
      return Promise.reject(new SmtpError({ stage: "login", code: "auth_failed" }));
    }
    const credentials = { user, pass };
    return this.#step("login", (done) => this.#connection.login({ credentials }, done));
  }

  /** Logs in by XOAUTH2, with a new token when the first is refused; rejects with an `SmtpError`. */
  loginByToken({ user, tokens }: { user: string; tokens: TokenSource }): Promise<void> {
    const oauth2 = {
      getToken(renew: boolean, done: (error: Error | null, token?: string) => void) {
        tokens.token(renew).then((token) => done(null, token), done);
      },
      buildXOAuth2Token: (token: string) => btoa(`user=${user}\x01auth=Bearer ${token}\x01\x01`),
    };
    const login = {
      method: "XOAUTH2",
      user,
      oauth2,
    } as unknown as SMTPConnection.AuthenticationType;
    return this.#step("login", (done) => this.#connection.login(login, done));
  }

  /** As the interface says. */
  send(
    message: Message,
    recipients: readonly string[],
    { signal, onDot }: { signal: AbortSignal; onDot: () => void },
  ): Promise<Sent> {
    let dotLeft = false;
    const body = bodyOf(message.bytes, () => {
      dotLeft = true;
      onDot();
    });
    return new Promise((resolve) => {
      const end = (sent: Sent) => {
        signal.removeEventListener("abort", abort);
        this.#onEnd = () => {};
        this.#used = true;
        resolve(sent);
      };
      const fail = (error: unknown) => {
        end({ kind: "failed", fault: smtpFaultOf(error, dotLeft ? "message" : "sender"), dotLeft });
      };
      const abort = () => {
        this.cut();
        fail(undefined);
      };
      if (signal.aborted) return abort();
      signal.addEventListener("abort", abort, { once: true });
      this.#onEnd = fail;
      const envelope = { from: message.from, to: [...recipients], size: message.bytes.length };
      this.#connection.send(envelope, body, (error, info) => {
        if (error) return this.#recover(() => fail(error));
        end({ kind: "taken", reply: info.response, refused: refusalsOf(info.rejectedErrors) });
      });
    });
  }

  /** As the interface says. */
  async close(): Promise<void> {
    if (!this.#usable) return this.cut();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onEnd = () => resolve();
    this.#usable = false;
    this.#connection.quit();
    const undo = this.#clock.after(GOODBYE_MS, resolve);
    await promise;
    undo();
    this.cut();
  }

  /** Goes without a word: a QUIT amid a body would be read as its last line. */
  cut(): void {
    this.#usable = false;
    this.#connection.close();
  }

  /** After a refusal the session stands, but for what was begun. */
  #recover(then: () => void): void {
    if (!this.#usable) return then();
    const end = () => {
      undo();
      this.#onEnd = () => {};
      then();
    };
    const undo = this.#clock.after(GOODBYE_MS, () => {
      this.cut();
      end();
    });
    this.#onEnd = end;
    this.#connection.reset((error) => {
      if (error) this.cut();
      end();
    });
  }

  /** Runs one step of opening; rejects with an `SmtpError` when it fails or the connection ends. */
  #step(
    stage: SmtpFault["stage"],
    run: (done: (error?: Error | null) => void) => void,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (error?: unknown) => reject(new SmtpError(smtpFaultOf(error, stage)));
      this.#onEnd = fail;
      run((error) => {
        if (error) return fail(error);
        this.#onEnd = () => {};
        this.#usable = true;
        resolve();
      });
    });
  }

  #ended(error?: unknown): void {
    this.#usable = false;
    const onEnd = this.#onEnd;
    this.#onEnd = () => {};
    onEnd(error);
  }
}
