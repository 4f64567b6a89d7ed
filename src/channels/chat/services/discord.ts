/**
 * Discord, by a webhook: coloured embeds, which show markdown.
 *
 * @module
 */

import { COLOURS, withoutFiles } from "../note.ts";
import { cut, letters, truncate } from "../pieces.ts";
import type { ChatService } from "../service.ts";

const ORIGIN = "https://discord.com";
/** https://discord.com/developers/docs/resources/message#embed-object-embed-limits */
const TITLE_LETTERS = 256;
const DESCRIPTION_LETTERS = 4_096;
/** What makes markdown of a text that is none. */
const MARKUP = /[\\`*_~|>#\[\]-]/g;

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
    const { text, isMarkdown } = withoutFiles(note);
    const write = (piece: string) => isMarkdown ? piece : piece.replace(MARKUP, "\\$&");
    const pieces = cut(text, (piece) => write(piece).length <= DESCRIPTION_LETTERS);
    return pieces.map((piece, i) => ({
      // Waiting for the message tells whether there is one.
      url: `${ORIGIN}${path}?wait=true`,
      json: {
        ...(user ? { username: user } : {}),
        // Nobody is called by what a stranger wrote: no @everyone.
        allowed_mentions: { parse: [] },
        embeds: [{
          ...(i === 0 && title ? { title: truncate(title, letters(TITLE_LETTERS)) } : {}),
          ...(piece === "" ? {} : { description: write(piece) }),
          color: parseInt(COLOURS[severity].slice(1), 16),
        }],
      },
    }));
  },
};
