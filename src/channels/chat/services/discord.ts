/**
 * Discord, by a webhook: coloured embeds with Markdown.
 *
 * @module
 */

import { cutBlocks } from "../../cut_blocks.ts";
import { write } from "../../rich_text.ts";
import { discordDialect, plainDiscordDialect } from "../dialects.ts";
import { blocksOf, COLOURS, withoutFiles } from "../note.ts";
import { characters, truncate } from "../pieces.ts";
import type { ChatService } from "../service.ts";

const ORIGIN = "https://discord.com";
/** https://discord.com/developers/docs/resources/message#embed-object-embed-limits */
const TITLE_CHARACTERS = 256;
const DESCRIPTION_CHARACTERS = 4_096;

const ID = /^\d{1,32}$/;
const TOKEN = /^[\w.-]{1,128}$/;

/** `discord://[name@]id/token[?thread=id]` */
export const discord: ChatService = {
  name: "discord",
  schemes: ["discord"],
  spelling: "discord://id/token",

  parse({ user, place, segments, parameters }) {
    const [token = "", ...more] = segments;
    const thread = parameters.get("thread") ?? "";
    const isFit = ID.test(place) && TOKEN.test(token) && more.length === 0 &&
      (thread === "" || ID.test(thread));
    return isFit ? [placeOf(place, token, { user, thread })] : [];
  },

  parseWebhook({ hostname, pathname, searchParams }) {
    const [, id = "", token = ""] =
      /^\/api\/(?:v\d+\/)?webhooks\/(\d+)\/([\w.-]+)\/?$/.exec(pathname) ?? [];
    if (!/^(?:(?:canary|ptb)\.)?discord(?:app)?\.com$/.test(hostname)) return undefined;
    const thread = searchParams.get("thread_id") ?? "";
    if (!ID.test(id) || !TOKEN.test(token) || (thread !== "" && !ID.test(thread))) return undefined;
    return placeOf(id, token, { thread });
  },

  preview({ access: { path, user, thread } }, note) {
    const { title, severity } = note;
    const dialect = note.isMarkdown ? discordDialect : plainDiscordDialect;
    const pieces = cutBlocks(
      blocksOf(withoutFiles(note)),
      (piece) => write(dialect, piece).length <= DESCRIPTION_CHARACTERS,
    ).map((piece) => write(dialect, piece));
    return pieces.map((piece, i) => ({
      // Without `wait` Discord responds before it has accepted the message.
      url: `${ORIGIN}${path}?wait=true${thread ? `&thread_id=${thread}` : ""}`,
      json: {
        ...(user ? { username: user } : {}),
        // Text of others must not notify everyone.
        allowed_mentions: { parse: [] },
        embeds: [{
          ...(i === 0 && title ? { title: truncate(title, characters(TITLE_CHARACTERS)) } : {}),
          ...(piece === "" ? {} : { description: piece }),
          color: parseInt(COLOURS[severity].slice(1), 16),
        }],
      },
    }));
  },

  retryAfterMs(body) {
    const [, seconds] = /"retry_after" *: *(\d{1,7}(?:\.\d+)?)/.exec(body) ?? [];
    return seconds === undefined ? undefined : Math.ceil(Number(seconds) * 1_000);
  },
};

function placeOf(id: string, token: string, { user = "", thread = "" }) {
  return {
    target: `discord://${user && `${encodeURIComponent(user)}@`}${id}/${token}` +
      (thread && `?thread=${thread}`),
    shown: `discord://${id}/***`,
    origin: ORIGIN,
    access: { path: `/api/webhooks/${id}/${token}`, user, thread },
  };
}
