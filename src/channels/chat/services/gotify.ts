/**
 * Gotify: push notifications by a self-hosted server.
 *
 * @module
 */

import type { Severity } from "../../../task/payloads.ts";
import { singleText, withoutFiles } from "../note.ts";
import { bytes } from "../pieces.ts";
import type { ChatService } from "../service.ts";
import { originOf } from "../url.ts";

/** The app plays a sound from 4, and keeps the notification from 8. */
const PRIORITIES: Record<Severity, number> = { info: 3, success: 4, warning: 6, failure: 9 };
/** The server has no limit; a phone has to show the message. */
const MESSAGE_BYTES = 32_768;

const TOKEN = /^[\w.-]{4,64}$/;

/** `gotify://host[:port][/path]/token`, `gotifys://…` */
export const gotify: ChatService = {
  name: "gotify",
  schemes: ["gotify", "gotifys"],
  anyHost: true,
  spelling: "gotifys://host/token",

  parse({ scheme, user, place, segments }) {
    const origin = originOf(place, scheme === "gotifys");
    const path = segments.slice(0, -1).map((segment) => `/${encodeURIComponent(segment)}`).join("");
    const token = segments.at(-1) ?? "";
    if (origin === undefined || user !== "" || !TOKEN.test(token)) return [];
    return [placeOf(scheme, place, path, token) ?? []].flat();
  },

  parseWebhook({ protocol, host, pathname, searchParams }) {
    const [, path] = /^((?:\/[\w.-]+)*)\/message$/.exec(pathname) ?? [];
    const token = searchParams.get("token") ?? "";
    if (path === undefined || searchParams.size !== 1 || !TOKEN.test(token)) return undefined;
    return placeOf(protocol === "https:" ? "gotifys" : "gotify", host, path, token);
  },

  preview({ origin, access: { path, token = "" } }, note) {
    const said = withoutFiles(note);
    const { title, isMarkdown, severity } = said;
    return [{
      url: `${origin}${path}/message`,
      headers: { "x-gotify-key": token },
      json: {
        ...(title === "" ? {} : { title }),
        message: singleText(said, bytes(MESSAGE_BYTES)),
        priority: PRIORITIES[severity],
        ...(isMarkdown ? { extras: { "client::display": { contentType: "text/markdown" } } } : {}),
      },
    }];
  },
};

function placeOf(scheme: string, place: string, path: string, token: string) {
  const origin = originOf(place, scheme === "gotifys");
  if (origin === undefined) return undefined;
  return {
    target: `${scheme}://${place}${path}/${token}`,
    shown: `${scheme}://${place}${path}/***`,
    origin,
    access: { path, token },
  };
}
