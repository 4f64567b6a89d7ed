/**
 * Discord, by a webhook: coloured embeds, which show markdown.
 *
 * @module
 */

import { cutBlocks, write } from "../../rich_text.ts";
import { markdownDialect } from "../dialects.ts";
import { blocksOf, COLOURS, withoutFiles } from "../note.ts";
import { letters, truncate } from "../pieces.ts";
import type { ChatService } from "../service.ts";

const ORIGIN = "https://discord.com";
/** https://discord.com/developers/docs/resources/message#embed-object-embed-limits */
const TITLE_LETTERS = 256;
const DESCRIPTION_LETTERS = 4_096;

/** `discord://[name@]id/token` */
export const discord: ChatService = {
  name: "discord",
  schemes: ["discord"],
  spelling: "discord://id/token",

  parse({ user, place, segments }) {
    const [token = "", ...more] = segments;
    if (!/^\d{1,32}$/.test(place) || !/^[\w.-]{1,128}$/.test(token) || more.length > 0) return [];
    return [{
      target: `discord://${user && `${encodeURIComponent(user)}@`}${place}/${token}`,
      shown: `discord://${place}/***`,
      origin: ORIGIN,
      access: { path: `/api/webhooks/${place}/${token}`, user },
    }];
  },

  preview({ access: { path, user } }, note) {
    const { title, severity } = note;
    const blocks = blocksOf(withoutFiles(note));
    const pieces = cutBlocks(
      blocks,
      (piece) => write(markdownDialect, piece).length <= DESCRIPTION_LETTERS,
    ).map((piece) => write(markdownDialect, piece));
    return pieces.map((piece, i) => ({
      // Waiting for the message tells whether there is one.
      url: `${ORIGIN}${path}?wait=true`,
      json: {
        ...(user ? { username: user } : {}),
        // Nobody is called by what a stranger wrote: no @everyone.
        allowed_mentions: { parse: [] },
        embeds: [{
          ...(i === 0 && title ? { title: truncate(title, letters(TITLE_LETTERS)) } : {}),
          ...(piece === "" ? {} : { description: piece }),
          color: parseInt(COLOURS[severity].slice(1), 16),
        }],
      },
    }));
  },

  wish(body) {
    const [, seconds] = /"retry_after" *: *(\d{1,7}(?:\.\d+)?)/.exec(body) ?? [];
    return seconds === undefined ? undefined : Math.ceil(Number(seconds) * 1_000);
  },
};
