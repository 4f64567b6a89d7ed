/**
 * Access tokens for XOAUTH2, for relays that no longer accept a password.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { Clock } from "../../lib/clock.ts";
import { compact } from "../../lib/compact.ts";
import { isPlainObject, type PlainObject } from "../../task/input/batch_input.ts";

/** Where access tokens come from; plain JSON. */
export interface OauthSettings {
  /** The user who logs in. */
  readonly user: string;
  /** The token endpoint, `https:` or on loopback. */
  readonly tokenUrl: string;
  /** The client id there. */
  readonly clientId: string;
  /** The client secret, if there is one. */
  readonly clientSecret?: string;
  /** The refresh token that is exchanged for access tokens. */
  readonly refreshToken: string;
  /** The scope, where the endpoint requires one. */
  readonly scope?: string;
}

const NAMES = ["user", "tokenUrl", "clientId", "clientSecret", "refreshToken", "scope"] as const;
const OPTIONAL = ["clientSecret", "scope"];
/** A token is renewed this long before it expires, in milliseconds. */
const EARLY_MS = 60_000;
const ANSWER_MS = 10_000;
/** So much of a refusal is kept, in characters. */
const MAX_WORDS = 300;

/** Reads the member `oauth` of a relay; `nameFile` names a file with the value of `name`. */
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
    else if (!OPTIONAL.includes(name)) wrong("Expected a string", name);
  }
  const url = URL.parse(read.tokenUrl ?? "");
  const isSafe = url?.protocol === "https:" ||
    (url?.protocol === "http:" && /^(?:localhost|127\.[\d.]+)$/.test(url.hostname));
  if (!isSafe) return void wrong("Expected an https: URL", "tokenUrl");
  return read as unknown as OauthSettings;
}

/** Provides access tokens. */
export interface TokenSource {
  /** A valid token; a new one when `renew` is set. Rejects with a `TokenError`. */
  token(renew: boolean): Promise<string>;
}

/** The token endpoint returned no token; the message contains the endpoint's error. */
export class TokenError extends Error {
  /** `TokenError`. */
  override name = "TokenError";
}

/** Opens a source; `folder` keeps refresh tokens that the endpoint has replaced. */
export function openTokens(
  settings: OauthSettings,
  { clock, folder }: { readonly clock: Clock; readonly folder?: string | undefined },
): TokenSource {
  const kept = openKeptToken(settings, folder);
  let current: { readonly token: string; readonly until: number } | undefined;
  let asking: Promise<string> | undefined;

  async function ask(): Promise<string> {
    const late = new AbortController();
    const undo = clock.after(ANSWER_MS, () => late.abort());
    try {
      return await askUntil(late.signal);
    } catch (error) {
      if (error instanceof TokenError) throw error;
      const why = late.signal.aborted
        ? `did not answer within ${ANSWER_MS / 1_000} s`
        : `cannot be reached or did not answer with JSON`;
      throw new TokenError(`the token endpoint ${why}`);
    } finally {
      undo();
    }
  }

  async function askUntil(signal: AbortSignal): Promise<string> {
    const { tokenUrl, clientId, clientSecret, scope } = settings;
    const refreshToken = await kept.read();
    const response = await fetch(tokenUrl, {
      method: "POST",
      redirect: "error",
      signal,
      body: new URLSearchParams(compact({
        grant_type: "refresh_token",
        client_id: clientId,
        client_secret: clientSecret,
        refresh_token: refreshToken,
        scope,
      })),
    });
    const said: unknown = await response.json();
    const answer = isPlainObject(said) ? said : {};
    if (!response.ok || typeof answer.access_token !== "string") {
      throw new TokenError(refusalOf(response.status, answer, [refreshToken, clientSecret ?? ""]));
    }
    if (typeof answer.refresh_token === "string" && answer.refresh_token !== "") {
      await kept.write(answer.refresh_token);
    }
    const seconds = Number(answer.expires_in ?? 300);
    current = { token: answer.access_token, until: clock.monotonic() + seconds * 1_000 - EARLY_MS };
    return current.token;
  }

  return {
    token(renew) {
      if (current && !renew && clock.monotonic() < current.until) {
        return Promise.resolve(current.token);
      }
      asking ??= ask().finally(() => asking = undefined);
      return asking;
    },
  };
}

/** RFC 6749 §5.2: a code, and often a sentence. */
function refusalOf(status: number, answer: PlainObject, secrets: readonly string[]): string {
  const { error, error_description: description } = answer;
  const words = [error, description].filter((one) => typeof one === "string").join(": ");
  const said = secrets.filter((secret) => secret.length >= 4)
    .reduce((text, secret) => text.replaceAll(secret, "***"), words)
    .replace(/\s+/g, " ").slice(0, MAX_WORDS);
  return `the token endpoint refused with ${status}${said && `: ${said}`}`;
}

/** The newest refresh token: the endpoint's last one, or the one in the settings. */
function openKeptToken({ tokenUrl, clientId, user, refreshToken }: OauthSettings, folder?: string) {
  const name = digest(JSON.stringify([tokenUrl, clientId, user])).slice(0, 32);
  const path = `${folder}/oauth-${name}.json`;
  // When the operator has changed the token in the settings, it replaces the stored one.
  const given = digest(refreshToken);
  let newest: string | undefined;
  return {
    async read(): Promise<string> {
      if (newest === undefined && folder !== undefined) {
        const kept = await Deno.readTextFile(path).then(JSON.parse).catch(() => undefined);
        if (kept?.given === given) newest = String(kept.refreshToken);
      }
      return newest ??= refreshToken;
    },
    async write(token: string): Promise<void> {
      if (token === newest) return;
      newest = token;
      if (folder === undefined) return;
      try {
        await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
        const text = JSON.stringify({ given, refreshToken: token });
        await Deno.writeTextFile(`${path}.part`, text, { mode: 0o600 });
        await Deno.rename(`${path}.part`, path);
      } catch {
        // The token is good until the next start; a login must not fail for a full disk.
      }
    },
  };
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
