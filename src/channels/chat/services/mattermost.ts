/**
 * Mattermost, by an incoming webhook: a coloured attachment in Markdown.
 *
 * @module
 */

import { cutBlocks } from "../../cut_blocks.ts";
import { write } from "../../rich_text.ts";
import { markdownDialect, plainMarkdownDialect } from "../dialects.ts";
import { blocksOf, COLOURS, withoutFiles } from "../note.ts";
import { characters, truncate } from "../pieces.ts";
import type { ChatPlace, ChatService } from "../service.ts";
import { originOf } from "../url.ts";

const KEY = /^[a-z0-9]{26}$/i;
const CHANNEL = /^[#@]?[\w.-]{1,64}$/;
/** https://docs.mattermost.com/developer/message-attachments.html: a post has 16,383 characters. */
const TEXT_CHARACTERS = 15_000;
const TITLE_CHARACTERS = 300;

/** `mmost://[name@]host[:port][/path]/key[?channel=name]`, `mmosts://…`, or the webhook's URL */
export const mattermost: ChatService = {
  name: "mattermost",
  schemes: ["mmost", "mmosts"],
  anyHost: true,
  spelling: "mmosts://host/key, or the webhook's https://host/hooks/key",

  parse({ scheme, user, place, segments, parameters }) {
    const origin = originOf(place, scheme === "mmosts");
    const path = segments.slice(0, -1).map((segment) => `/${encodeURIComponent(segment)}`).join("");
    const key = segments.at(-1) ?? "";
    const channels = (parameters.get("channel") ?? "").split(",").map((one) => one.trim());
    if (origin === undefined || !KEY.test(key)) return [];
    if (!channels.every((channel) => channel === "" || CHANNEL.test(channel))) return [];
    return channels.map((channel): ChatPlace => ({
      target: `${scheme}://${user && `${encodeURIComponent(user)}@`}${place}${path}/${key}` +
        (channel && `?channel=${encodeURIComponent(channel)}`),
      shown: `${scheme}://${place}${path}/***${channel && `?channel=${channel}`}`,
      origin,
      access: { path: `${path}/hooks/${key}`, user, channel: channel.replace(/^#/, "") },
    }));
  },

  parseWebhook({ host, origin, pathname, search, href }) {
    const [, path = "", key = ""] = /^((?:\/[\w.-]+)*)\/hooks\/([a-z0-9]+)\/?$/i.exec(pathname) ??
      [];
    if (!KEY.test(key) || search !== "") return undefined;
    return {
      target: href,
      shown: `mattermost://${host}${path}/***`,
      origin,
      access: { path: `${path}/hooks/${key}`, user: "", channel: "" },
    };
  },

  preview({ origin, access: { path, user, channel } }, note) {
    const { title, severity } = note;
    const dialect = note.isMarkdown && !note.blocks ? markdownDialect : plainMarkdownDialect;
    const text = (blocks: Parameters<typeof write>[1]) => write(dialect, blocks);
    const pieces = cutBlocks(
      blocksOf(withoutFiles(note)),
      (piece) => text(piece).length <= TEXT_CHARACTERS,
    ).map(text);
    return pieces.map((piece, i) => ({
      url: `${origin}${path}`,
      json: {
        ...(user ? { username: user } : {}),
        ...(channel ? { channel } : {}),
        attachments: [{
          color: COLOURS[severity],
          fallback: title || truncate(piece, characters(TITLE_CHARACTERS)),
          ...(i === 0 && title ? { title: truncate(title, characters(TITLE_CHARACTERS)) } : {}),
          text: piece,
        }],
      },
    }));
  },
};
