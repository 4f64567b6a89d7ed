/**
 * Logging in to a relay: PLAIN, LOGIN, CRAM-MD5 and XOAUTH2.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import type { TokenSource } from "./oauth.ts";
import { SmtpError } from "./smtp_fault.ts";
import { refusalFault, type Reply, type SmtpWire } from "./smtp_wire.ts";

/** How to log in: with a password, or with tokens for XOAUTH2. */
export type Login =
  | { readonly user: string; readonly pass: string }
  | { readonly user: string; readonly tokens: TokenSource };

const MASK = "***";
/** Shorter ones would mask what is no secret. */
const MIN_SECRET = 3;

/** Logs in by the first method that the relay offers of ours; rejects with an `SmtpError`. */
export async function logIn(
  wire: SmtpWire,
  offered: readonly string[],
  login: Login,
  waitMs: number,
): Promise<void> {
  if ("tokens" in login) return await logInByToken(wire, login, waitMs);
  const method = ["PLAIN", "LOGIN", "CRAM-MD5"].find((name) => offered.includes(name));
  if (!method) {
    const reason = offered.length === 0
      ? "the relay offers no login on this connection: use TLS, or a URL without user and password"
      : `the relay offers only ${offered.join(", ")}; supported are PLAIN, LOGIN and CRAM-MD5`;
    throw new SmtpError({ stage: "login", code: "auth_failed", reason });
  }
  const { user, pass } = login;
  wire.mask = masking([user], [pass, `\0${user}\0${pass}`]);
  const say = (line: string) => wire.ask(line, "login", waitMs);
  const reply = method === "PLAIN"
    ? await say(`AUTH PLAIN ${base64(`\0${user}\0${pass}`)}`)
    : method === "LOGIN"
    ? await answer(say, await say("AUTH LOGIN"), base64(user), base64(pass))
    : await answerChallenge(say, login);
  if (reply.status !== 235) throw new SmtpError(loginFault(reply));
}

async function answer(
  say: (line: string) => Promise<Reply>,
  first: Reply,
  ...lines: string[]
): Promise<Reply> {
  let reply = first;
  for (const line of lines) {
    if (reply.status !== 334) return reply;
    reply = await say(line);
  }
  return reply;
}

/** RFC 2195. */
async function answerChallenge(
  say: (line: string) => Promise<Reply>,
  { user, pass }: { user: string; pass: string },
): Promise<Reply> {
  const challenge = await say("AUTH CRAM-MD5");
  if (challenge.status !== 334) return challenge;
  const text = Buffer.from(challenge.lines[0] ?? "", "base64");
  const digest = createHmac("md5", pass).update(text).digest("hex");
  return await say(base64(`${user} ${digest}`));
}

/** Uses a new token when the relay refuses the present one. */
async function logInByToken(
  wire: SmtpWire,
  { user, tokens }: { user: string; tokens: TokenSource },
  waitMs: number,
): Promise<void> {
  for (const renew of [false, true]) {
    const token = await tokens.token(renew);
    const response = `user=${user}\x01auth=Bearer ${token}\x01\x01`;
    wire.mask = masking([user], [token, response]);
    let reply = await wire.ask(`AUTH XOAUTH2 ${base64(response)}`, "login", waitMs);
    // 334 carries the reason as JSON; an empty line asks for the real reply.
    if (reply.status === 334) reply = await wire.ask("", "login", waitMs);
    if (reply.status === 235) return;
    if (renew || reply.status < 500) throw new SmtpError(loginFault(reply));
  }
}

function loginFault(reply: Reply): SmtpError["fault"] {
  const fault = refusalFault(reply, "login");
  if (reply.status < 400) return { stage: "login", code: "bad_response" };
  return reply.status >= 500 ? { ...fault, code: "auth_failed" } : fault;
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

/**
 * Masks credentials in replies, in every form that a relay may echo: plain,
 * percent-encoded, hex, base64, and parts of the last two. User names are
 * masked at the login only, where they are no part of an address that was refused.
 */
export function masking(
  users: readonly string[],
  secrets: readonly string[],
): (reply: string, stage: string) => string {
  const forms = (texts: readonly string[]) => texts.flatMap(formsOf);
  const always = forms(secrets);
  const atLogin = [...always, ...forms(users)];
  return (reply, stage) => maskForms(reply, stage === "login" ? atLogin : always);
}

interface Forms {
  readonly plain: readonly string[];
  readonly encoded: readonly string[];
}

function formsOf(text: string): Forms {
  const bytes = Buffer.from(text);
  return {
    plain: [text, encodeURIComponent(text), encodeURI(text)],
    encoded: [bytes.toString("base64"), bytes.toString("base64url"), bytes.toString("hex")],
  };
}

function maskForms(reply: string, forms: readonly Forms[]): string {
  const plain = [...new Set(forms.flatMap((form) => form.plain))]
    .filter((form) => form.length >= MIN_SECRET)
    .sort((a, b) => b.length - a.length);
  let masked = reply;
  for (const form of plain) masked = masked.replace(new RegExp(RegExp.escape(form), "gi"), MASK);
  const encoded = forms.flatMap((form) => form.encoded).map(bare)
    .filter((form) => form.length >= 4);
  return masked.replace(/[A-Za-z0-9+/_-]{4,}={0,2}/g, (word) => {
    const found = bare(word);
    const isPart = (form: string) =>
      found.includes(form) || (found.length >= 6 && form.includes(found));
    return encoded.some(isPart) ? MASK : word;
  });
}

/** Base64 without padding, in one case: a relay may change either. */
function bare(text: string): string {
  return text.replace(/=+$/, "").toLowerCase();
}
