/**
 * Logins by token (XOAUTH2), for relays that take no password any more.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import type { Clock } from "../../lib/clock.ts";
import { isPlainObject } from "../../task/input/batch_input.ts";

/** Where tokens come from; plain JSON. */
export interface OauthSettings {
  /** Who logs in. */
  readonly user: string;
  /** The endpoint that gives tokens, `https:` or on loopback. */
  readonly tokenUrl: string;
  /** Which client we are there. */
  readonly clientId: string;
  /** Its secret, where it has one. */
  readonly clientSecret?: string;
  /** What a token is given for. */
  readonly refreshToken: string;
  /** What the token is for, where that has to be said. */
  readonly scope?: string;
}

const NAMES = ["user", "tokenUrl", "clientId", "clientSecret", "refreshToken", "scope"] as const;
const OPTIONAL = ["clientSecret", "scope"];
/** A token is renewed so long before it ends, in milliseconds. */
const EARLY_MS = 60_000;
const ANSWER_MS = 10_000;

/** Reads the member `oauth` of a relay; `nameFile` may stand for `name`. */
export function readOauth(
  value: unknown,
  readFile: (path: string) => string,
  wrong: (detail: string, name: string) => void,
): OauthSettings | undefined {
  if (!isPlainObject(value)) return void wrong(`Expected ${NAMES.join(", ")}`, "");
  const read: Record<string, string> = {};
  for (const name of NAMES) {
    const file = value[`${name}File`];
    const given = file === undefined ? value[name] : readFile(String(file)).trim();
    if (typeof given === "string" && given !== "") read[name] = given;
    else if (!OPTIONAL.includes(name)) wrong("Expected a text", name);
  }
  const url = URL.parse(read.tokenUrl ?? "");
  const isSafe = url?.protocol === "https:" ||
    (url?.protocol === "http:" && /^(?:localhost|127\.[\d.]+)$/.test(url.hostname));
  if (!isSafe) return void wrong("Expected an https: URL", "tokenUrl");
  return read as unknown as OauthSettings;
}

/** Gives tokens. */
export interface TokenSource {
  /** A token that is still good; a new one after `renew`. Rejects when there is none to be had. */
  token(renew: boolean): Promise<string>;
}

/** Opens a source. */
export function openTokens(settings: OauthSettings, clock: Clock): TokenSource {
  let kept: { readonly token: string; readonly until: number } | undefined;
  let asking: Promise<string> | undefined;

  async function ask(): Promise<string> {
    const late = new AbortController();
    const undo = clock.after(ANSWER_MS, () => late.abort());
    try {
      return await askUntil(late.signal);
    } finally {
      undo();
    }
  }

  async function askUntil(signal: AbortSignal): Promise<string> {
    const { tokenUrl, clientId, clientSecret, refreshToken, scope } = settings;
    const response = await fetch(tokenUrl, {
      method: "POST",
      redirect: "error",
      signal,
      body: new URLSearchParams({
        grant_type: "refresh_token",
        client_id: clientId,
        ...compact({ client_secret: clientSecret }),
        refresh_token: refreshToken,
        ...compact({ scope }),
      }),
    });
    const answer: unknown = await response.json();
    if (!response.ok || !isPlainObject(answer) || typeof answer.access_token !== "string") {
      throw new Error(`The token endpoint answered ${response.status}`);
    }
    const seconds = Number(answer.expires_in ?? 300);
    kept = { token: answer.access_token, until: clock.monotonic() + seconds * 1_000 - EARLY_MS };
    return kept.token;
  }

  return {
    token(renew) {
      if (kept && !renew && clock.monotonic() < kept.until) return Promise.resolve(kept.token);
      asking ??= ask().finally(() => asking = undefined);
      return asking;
    },
  };
}
