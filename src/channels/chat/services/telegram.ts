/**
 * Telegram, by a bot.
 *
 * @module
 */

import { escapeHtml } from "../../../lib/html.ts";
import { cutBlocks } from "../../cut_blocks.ts";
import { write } from "../../rich_text.ts";
import { telegramDialect } from "../dialects.ts";
import { blocksOf, type Note, SIGNS, withoutFiles } from "../note.ts";
import { characters, cut, truncate } from "../pieces.ts";
import type { ChatService } from "../service.ts";

const ORIGIN = "https://api.telegram.org";
const BOT = /^(?:bot)?(\d{1,20}:[\w-]{20,64})$/;
/** A user, a group or a channel; the topic of a group follows a colon. */
const CHAT = /^(-?\d{1,20}|@\w{3,64})(?::(\d{1,15}))?$/;
/** https://core.telegram.org/bots/api#sendmessage; tags do not count, so this is on the safe side. */
const TEXT_CHARACTERS = 4_096;
const TITLE_CHARACTERS = 300;

/** `tgram://bottoken/chat[/chat…]`, a topic as `chat:topic` */
export const telegram: ChatService = {
  name: "telegram",
  schemes: ["tgram"],
  spelling: "tgram://bottoken/chatid",

  parse({ place, segments }) {
    const [, token] = BOT.exec(place) ?? [];
    if (token === undefined || !segments.every((chat) => CHAT.test(chat))) return [];
    return segments.map((chat) => placeOf(token, chat));
  },

  parseWebhook({ hostname, pathname, searchParams }) {
    const [, token] = /^\/bot(\d{1,20}:[\w-]{20,64})(?:\/\w*)?$/.exec(pathname) ?? [];
    const chat = searchParams.get("chat_id") ?? "";
    if (hostname !== "api.telegram.org" || token === undefined || !CHAT.test(chat)) {
      return undefined;
    }
    return placeOf(token, chat);
  },

  preview({ access: { token, id = "", topic } }, note) {
    const title = truncate(note.title, characters(TITLE_CHARACTERS));
    const sign = SIGNS[note.severity];
    const head = title === "" ? sign : `<b>${sign}${escapeHtml(title)}</b>\n`;
    const pieces = piecesOf(withoutFiles(note), TEXT_CHARACTERS - head.length);
    return pieces.map((piece, i) => ({
      url: `${ORIGIN}/bot${token}/sendMessage`,
      json: {
        chat_id: id,
        ...(topic ? { message_thread_id: Number(topic) } : {}),
        text: (i === 0 ? head : "") + piece,
        parse_mode: "HTML",
        link_preview_options: { is_disabled: true },
        disable_notification: note.severity === "success",
      },
    }));
  },

  retryAfterMs(body) {
    const [, seconds] = /"retry_after" *: *(\d{1,7})/.exec(body) ?? [];
    return seconds === undefined ? undefined : Number(seconds) * 1_000;
  },
};

/** Plain text stays as it is, but for three characters: Telegram finds the links itself. */
function piecesOf(note: Note, limit: number): string[] {
  if (!note.isMarkdown) {
    return cut(note.text, (piece) => escapeHtml(piece).length <= limit).map(escapeHtml);
  }
  const html = (blocks: Parameters<typeof write>[1]) => write(telegramDialect, blocks);
  return cutBlocks(blocksOf(note), (piece) => html(piece).length <= limit).map(html);
}

function placeOf(token: string, chat: string) {
  const [, id = "", topic = ""] = CHAT.exec(chat) ?? [];
  return {
    target: `tgram://${token}/${chat}`,
    shown: `tgram://***/${chat}`,
    origin: ORIGIN,
    access: { token, id, topic },
  };
}
