/**
 * `GET /outbox`: mails written to files because no relay is set.
 *
 * @module
 */

import { isId } from "../../lib/ids.ts";
import { maySee } from "../auth/auth.ts";
import { param, query, type RequestContext, respond } from "../context.ts";
import type { Dependencies } from "../dependencies.ts";
import { Refusal } from "../problems.ts";
import { limitOf } from "../request/task_filter.ts";
import type { Route } from "../route.ts";
import { timeView } from "../views/time_view.ts";

/** The routes that show the outbox. */
export function outboxRoutes({ engine, ports }: Dependencies): Route[] {
  async function list(context: RequestContext): Promise<Response> {
    const limit = limitOf(query(context, ["limit"]).limit);
    const entries = await opened().list(limit);
    const seen = await Promise.all(entries.map(({ id }) => maySeeMail(context, id)));
    const data = entries.filter((_, i) => seen[i]);
    return respond(context, 200, {
      data: data.map(({ writtenAt, ...entry }) => ({ ...entry, writtenAt: timeView(writtenAt) })),
    });
  }

  async function read(context: RequestContext): Promise<Response> {
    const id = param(context, "id");
    const isSeen = isId("tsk", id) && await maySeeMail(context, id);
    const bytes = isSeen ? await opened().read(id) : undefined;
    if (!bytes) throw new Refusal("not_found", "No such mail, or another owner's");
    query(context, []);
    return new Response(bytes, {
      headers: {
        "content-type": "message/rfc822",
        // A mail may contain any page: it is downloaded, never displayed.
        "content-disposition": `attachment; filename="${id}.eml"`,
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
        "x-request-id": context.requestId,
      },
    });
  }

  function opened() {
    if (ports.outbox) return ports.outbox;
    throw new Refusal("not_found", "No outbox: mails go to a relay (POSTRIDER_MAIL)");
  }

  /** The task of a mail may have been deleted; then only callers with the scope read may see it. */
  async function maySeeMail({ caller }: RequestContext, id: string): Promise<boolean> {
    return maySee(caller, undefined) || maySee(caller, (await engine.findBrief(id))?.owner);
  }

  return [
    { method: "GET", path: "/outbox", answer: list },
    { method: "GET", path: "/outbox/{id}", answer: read },
  ];
}
