/**
 * Signing in and out: an API key for a session.
 *
 * @module
 */

import { keyOf } from "../auth/auth.ts";
import { readForm } from "../request/body.ts";
import { query, type RequestContext } from "../context.ts";
import type { Dependencies } from "../dependencies.ts";
import type { Route } from "../route.ts";
import { endingCookie, isOwnPage, isSecure, sessionCookie } from "../auth/session.ts";
import { respondPage } from "./routes.tsx";
import { SignInContent } from "./sign_in.tsx";

const MAX_BYTES = 8_192;

/** The routes of the sign-in page. */
export function signInRoutes({ keys, clock, version, log }: Dependencies): Route[] {
  function show(context: RequestContext, status: number, next: string, fault?: string): Response {
    const frame = { title: "Sign in", place: "none", version } as const;
    return respondPage(context, status, frame, <SignInContent next={next} fault={fault} />);
  }

  async function signIn(context: RequestContext): Promise<Response> {
    const { request, requestId } = context;
    const form = await readForm(request, MAX_BYTES, clock);
    const next = ownPath(textOf(form.get("next")));
    if (!isOwnPage(request)) {
      return show(
        context,
        403,
        next,
        "Expected the form of this page: the request came from another site.",
      );
    }
    const key = keyOf(textOf(form.get("key")), keys);
    if (!key) {
      log.warn("Sign-in refused: unknown API key", { requestId });
      return show(context, 401, next, "Unknown API key.");
    }
    return seeOther(next, requestId, sessionCookie(key, clock.now(), isSecure(request)));
  }

  function signOut(context: RequestContext): Response {
    const { request, requestId } = context;
    if (!isOwnPage(request)) {
      return show(
        context,
        403,
        "/",
        "Expected the button of this dashboard: the request came from another site.",
      );
    }
    return seeOther("/ui/signin", requestId, endingCookie(isSecure(request)));
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
