/**
 * Rocket.Chat, by an incoming webhook: a coloured attachment.
 *
 * @module
 */

import { cutBlocks } from "../../cut_blocks.ts";
import { write } from "../../rich_text.ts";
import { chatDialect, plainChatDialect } from "../dialects.ts";
import { blocksOf, COLOURS, withoutFiles } from "../note.ts";
import { characters, truncate } from "../pieces.ts";
import type { ChatService } from "../service.ts";
import { originOf } from "../url.ts";

const WEBHOOK = /^([A-Za-z0-9]{17,24})\/([A-Za-z0-9_-]{20,64})$/;
const ROOM = /^[#@]?[\w.-]{1,64}$/;
/** A server takes 5,000 characters in a message unless it is set otherwise. */
const TEXT_CHARACTERS = 4_500;
const TITLE_CHARACTERS = 300;

/** `rocket://id%2Ftoken@host[:port][/room…]`, `rockets://…`, or the webhook's URL */
export const rocketChat: ChatService = {
  name: "rocketchat",
  schemes: ["rocket", "rockets"],
  anyHost: true,
  spelling: "rockets://id%2Ftoken@host[/#room], or the webhook's https://host/hooks/id/token",

  parse({ scheme, user, password, place, segments }) {
    const origin = originOf(place, scheme === "rockets");
    const webhook = password === "" ? user : `${user}/${password}`;
    if (origin === undefined || !WEBHOOK.test(webhook)) return [];
    if (!segments.every((room) => ROOM.test(room))) return [];
    const rooms = segments.length === 0 ? [""] : segments;
    return rooms.map((room) => ({
      target: `${scheme}://${encodeURIComponent(webhook)}@${place}` +
        (room && `/${encodeURIComponent(room)}`),
      shown: `${scheme}://${place}${room && `/${room}`}`,
      origin,
      access: { path: `/hooks/${webhook}`, room, webhook },
    }));
  },

  parseWebhook({ host, origin, pathname, search, href }) {
    const [, webhook = ""] = /^\/hooks\/([^/]+\/[^/]+?)\/?$/.exec(pathname) ?? [];
    if (!WEBHOOK.test(webhook) || search !== "") return undefined;
    return {
      target: href,
      shown: `rocketchat://${host}/***`,
      origin,
      access: { path: `/hooks/${webhook}`, room: "", webhook },
    };
  },

  preview({ origin, access: { path, room } }, note) {
    const { title, severity } = note;
    const dialect = note.isMarkdown && !note.blocks ? chatDialect : plainChatDialect;
    const text = (blocks: Parameters<typeof write>[1]) => write(dialect, blocks);
    const pieces = cutBlocks(
      blocksOf(withoutFiles(note)),
      (piece) => text(piece).length <= TEXT_CHARACTERS,
    ).map(text);
    return pieces.map((piece, i) => ({
      url: `${origin}${path}`,
      json: {
        ...(room ? { channel: /^[#@]/.test(room) ? room : `#${room}` } : {}),
        attachments: [{
          color: COLOURS[severity],
          ...(i === 0 && title ? { title: truncate(title, characters(TITLE_CHARACTERS)) } : {}),
          text: piece,
        }],
      },
    }));
  },
};
