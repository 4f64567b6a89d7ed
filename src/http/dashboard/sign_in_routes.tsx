/**
 * Signing in and out: an API key for a session.
 *
 * @module
 */

import { type ApiKey, keyOf } from "../auth/auth.ts";
import { readForm } from "../request/body.ts";
import { query, type RequestContext } from "../context.ts";
import type { Dependencies } from "../dependencies.ts";
import { PROBLEMS, Refusal } from "../problems.ts";
import type { Route } from "../route.ts";
import { isOwnPage, type Sessions } from "../auth/session.ts";
import type { RefuseWrongKey } from "../auth/wrong_keys.ts";
import { respondPage } from "./respond.tsx";
import { SignInContent } from "./pages/sign_in.tsx";

const MAX_BYTES = 8_192;

/** What signing in needs besides the dependencies of the API. */
export interface SignInParts {
  /** Sessions of the dashboard. */
  readonly sessions: Sessions<ApiKey>;
  /** Counts and refuses an unknown key. */
  readonly refuseWrongKey: RefuseWrongKey;
}

/** The routes of the sign-in page. */
export function signInRoutes(
  { keys, clock, version }: Dependencies,
  { sessions, refuseWrongKey }: SignInParts,
): Route[] {
  function show(context: RequestContext, status: number, next: string, fault?: string): Response {
    const frame = { title: "Sign in", place: "none", version } as const;
    return respondPage(context, status, frame, <SignInContent next={next} fault={fault} />);
  }

  async function signIn(context: RequestContext): Promise<Response> {
    const { request, requestId, client } = context;
    const { form } = await readForm(request, MAX_BYTES, clock);
    const next = ownPath(textOf(form.get("next")));
    if (!isOwnPage(request, client().host)) {
      return show(context, 403, next, otherSite(context));
    }
    const key = keyOf(textOf(form.get("key")), keys());
    if (!key) return refuseKey(context, next);
    // Without the scope read the overview would be a dead end.
    const start = next === "/" && !key.scopes.has("read") ? "/ui/send" : next;
    return seeOther(start, requestId, sessions.begin(key, isSecure(context)));
  }

  function refuseKey(context: RequestContext, next: string): Response {
    try {
      return refuseWrongKey(context.client().address, context.requestId);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return show(context, PROBLEMS[error.code][0], next, `${error.details.detail}.`);
    }
  }

  async function signOut(context: RequestContext): Promise<Response> {
    const { request, requestId, client } = context;
    if (!isOwnPage(request, client().host)) {
      return show(context, 403, "/", otherSite(context));
    }
    return seeOther("/ui/signin", requestId, await sessions.end(request, isSecure(context)));
  }

  return [
    {
      method: "GET",
      path: "/ui/signin",
      open: true,
      answer: (context) => show(context, 200, ownPath(query(context, ["next"]).next ?? "")),
    },
    { method: "POST", path: "/ui/signin", open: true, answer: signIn },
    { method: "POST", path: "/ui/signout", open: true, answer: signOut },
  ];
}

/** Why a form was refused, and which header a proxy fails to pass on. */
function otherSite({ request, client }: RequestContext): string {
  const origin = request.headers.get("origin");
  const { host } = client();
  if (origin === null || origin === "null" || request.headers.has("sec-fetch-site")) {
    return "Refused: the form was sent from another site.";
  }
  return `Refused: the page was opened as ${origin}, but the Host header says ${host}. A proxy ` +
    "has to pass the Host header on; in nginx: proxy_set_header Host $http_host;";
}

/** Whether the browser uses TLS, to this service or to its proxy. */
function isSecure({ request, client }: RequestContext): boolean {
  return client().scheme === "https" ||
    request.headers.get("origin")?.startsWith("https:") === true;
}

/** The text of a field; empty for a file. */
function textOf(value: FormDataEntryValue | null): string {
  return typeof value === "string" ? value : "";
}

/** A path on this service only: `//evil.example` would be another host. */
function ownPath(next: string): string {
  return /^\/(?![/\\])[\x20-\x7e]*$/.test(next) ? next : "/";
}

function seeOther(location: string, requestId: string, cookie: string): Response {
  return new Response(null, {
    status: 303,
    headers: {
      location,
      "set-cookie": cookie,
      "cache-control": "no-store",
      "x-request-id": requestId,
    },
  });
}
