/**
 * Google Chat, by the webhook of a space.
 *
 * @module
 */

import { cutBlocks } from "../../cut_blocks.ts";
import { write } from "../../rich_text.ts";
import { chatDialect, plainChatDialect, withoutMentions } from "../dialects.ts";
import { blocksOf, SIGNS, withoutFiles } from "../note.ts";
import { characters, jsonBytes, truncate } from "../pieces.ts";
import type { ChatService } from "../service.ts";

const ORIGIN = "https://chat.googleapis.com";
const SPACE = /^[\w-]{4,64}$/;
const SECRET = /^[\w=%-]{10,200}$/;
/** https://developers.google.com/workspace/chat/create-messages: a message has 32,000 bytes. */
const TEXT_BYTES = 30_000;
const TITLE_CHARACTERS = 300;

/** `gchat://space/key/token[/thread]`, or the webhook's URL */
export const googleChat: ChatService = {
  name: "googlechat",
  schemes: ["gchat"],
  spelling: "gchat://space/key/token, or the webhook's https://chat.googleapis.com URL",

  parse({ place, segments }) {
    const [key = "", token = "", thread = "", ...more] = segments;
    if (!SPACE.test(place) || !SECRET.test(key) || !SECRET.test(token)) return [];
    if (more.length > 0 || !/^[\w-]{0,100}$/.test(thread)) return [];
    return [placeOf(place, key, token, thread)];
  },

  parseWebhook({ hostname, pathname, searchParams }) {
    const [, space = ""] = /^\/v1\/spaces\/([\w-]+)\/messages$/.exec(pathname) ?? [];
    const [key = "", token = ""] = ["key", "token"].map((name) => searchParams.get(name) ?? "");
    if (hostname !== "chat.googleapis.com" || !SPACE.test(space)) return undefined;
    if (!SECRET.test(key) || !SECRET.test(token)) return undefined;
    return placeOf(space, key, token, searchParams.get("threadKey") ?? "");
  },

  preview({ access: { space = "", key = "", token = "", thread = "" } }, note) {
    const sign = SIGNS[note.severity];
    const title = truncate(note.title, characters(TITLE_CHARACTERS));
    const head = title === "" ? sign : `${sign}*${withoutMentions(title)}*\n`;
    const dialect = note.isMarkdown && !note.blocks ? chatDialect : plainChatDialect;
    const text = (blocks: Parameters<typeof write>[1]) => write(dialect, blocks);
    const fits = jsonBytes(TEXT_BYTES);
    const pieces = cutBlocks(blocksOf(withoutFiles(note)), (piece) => fits(head + text(piece)));
    const query = new URLSearchParams({
      key,
      token,
      ...(thread
        ? { threadKey: thread, messageReplyOption: "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD" }
        : {}),
    });
    return pieces.map((piece, i) => ({
      url: `${ORIGIN}/v1/spaces/${space}/messages?${query}`,
      json: { text: (i === 0 ? head : "") + text(piece) },
    }));
  },
};

function placeOf(space: string, key: string, token: string, thread: string) {
  const path = [key, token, ...(thread ? [thread] : [])].map(encodeURIComponent).join("/");
  return {
    target: `gchat://${space}/${path}`,
    shown: `gchat://${space}/***`,
    origin: ORIGIN,
    access: { space, key, token, thread },
  };
}
