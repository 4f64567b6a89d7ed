/**
 * ntfy: push notifications by topic, through ntfy.sh or a server of its own.
 *
 * @module
 */

import type { Severity } from "../../../task/payloads.ts";
import { type Note, singleText, withoutFiles } from "../note.ts";
import { bytes, truncate } from "../pieces.ts";
import type { ChatService } from "../service.ts";
import { basicAuth, type ChatUrl, originOf } from "../url.ts";

const NO_URL = {
  user: "",
  password: "",
  segments: [],
  parameters: new URLSearchParams(),
};
const TOPIC = /^[\w-]{1,64}$/;
/** The default limit of a server; a longer message becomes a file. */
const MESSAGE_BYTES = 4_096;
const TITLE_BYTES = 1_024;
/** https://docs.ntfy.sh/publish/#message-priority, with tags that are shown as emojis. */
const RANKS: Record<Severity, { priority: number; tags: string[] }> = {
  info: { priority: 3, tags: [] },
  success: { priority: 3, tags: ["white_check_mark"] },
  warning: { priority: 4, tags: ["warning"] },
  failure: { priority: 5, tags: ["rotating_light"] },
};

/** `ntfy://topic`, `ntfy://[user:pass@|token@]host[:port]/topic[/topic…]`, `ntfys://…` */
export const ntfy: ChatService = {
  name: "ntfy",
  schemes: ["ntfy", "ntfys"],
  anyHost: true,
  spelling: "ntfys://host/topic",

  parse(url) {
    const { scheme, user, password, place } = url;
    const isCloud = url.segments.length === 0;
    const host = isCloud ? "ntfy.sh" : place;
    const topics = isCloud ? [place] : url.segments;
    const origin = originOf(host, scheme === "ntfys" || host === "ntfy.sh");
    if (origin === undefined || !topics.every((topic) => TOPIC.test(topic))) return [];
    const account = user && `${encodeURIComponent(user)}${password && ":"}` +
        `${encodeURIComponent(password)}@`;
    return topics.map((topic) => ({
      target: `${scheme}://${account}${host}/${topic}`,
      // A topic is a secret: everybody who knows it can read it.
      shown: `${scheme}://${host}/***`,
      origin,
      access: { topic, ...authorization(url) },
    }));
  },

  parseWebhook({ hostname, pathname, search }) {
    const topic = pathname.slice(1);
    if (hostname !== "ntfy.sh" || search !== "" || !TOPIC.test(topic)) return undefined;
    return ntfy.parse({ ...NO_URL, scheme: "ntfys", place: hostname, segments: [topic] })[0];
  },

  preview({ origin, access: { topic = "", ...headers } }, note) {
    return [{ url: `${origin}/`, headers, json: { topic, ...message(withoutFiles(note)) } }];
  },
};

function message(note: Note) {
  const { title, isMarkdown, severity } = note;
  return {
    ...(title === "" ? {} : { title: truncate(title, bytes(TITLE_BYTES)) }),
    message: singleText(note, bytes(MESSAGE_BYTES)),
    ...(isMarkdown ? { markdown: true } : {}),
    ...RANKS[severity],
  };
}

function authorization(url: ChatUrl): Record<string, string> {
  return url.password === "" && url.user !== ""
    ? { authorization: `Bearer ${url.user}` }
    : basicAuth(url);
}
