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

/** The routes of the door. */
export function signInRoutes({ keys, clock, version, log }: Dependencies): Route[] {
  function show(context: RequestContext, status: number, next: string, fault?: string): Response {
    const frame = { title: "Sign in", place: "none", version } as const;
    return respondPage(context, status, frame, <SignInContent next={next} fault={fault} />);
  }

  async function signIn(context: RequestContext): Promise<Response> {
    const { request, requestId } = context;
    const form = await readForm(request, MAX_BYTES, clock);
    const next = ownPath(textOf(form.get("next")));
    if (!isOwnPage(request)) return show(context, 403, next, "Expected this form, from this page.");
    const key = keyOf(textOf(form.get("key")), keys);
    if (!key) {
      log.warn("A sign-in was refused", { requestId });
      return show(context, 401, next, "This API key is not known.");
    }
    return seeOther(next, requestId, sessionCookie(key, clock.now(), isSecure(request)));
  }

  function signOut(context: RequestContext): Response {
    const { request, requestId } = context;
    if (!isOwnPage(request)) {
      return show(context, 403, "/", "Expected the button of a page of ours.");
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

/** A field's text; a file is none. */
function textOf(value: FormDataEntryValue | null): string {
  return typeof value === "string" ? value : "";
}

/** A path on this service and nothing else: `//evil.example` would be a host. */
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
