/**
 * Pushover: a push notification to a person's devices.
 *
 * @module
 */

import type { Severity } from "../../../task/payloads.ts";
import { cutBlocks, write } from "../../rich_text.ts";
import { pushoverDialect } from "../dialects.ts";
import { blocksOf, withoutFiles } from "../note.ts";
import { cut, letters, truncate } from "../pieces.ts";
import type { ChatService } from "../service.ts";

const ORIGIN = "https://api.pushover.net";
const KEY = /^[A-Za-z0-9]{30}$/;
/** Its limits are in characters; https://pushover.net/api#limits */
const MESSAGE_LETTERS = 1_024;
const TITLE_LETTERS = 250;
/** 1 breaks the silence of the night; 2 would want an answer. */
const PRIORITIES: Record<Severity, number> = { info: 0, success: 0, warning: 0, failure: 1 };

/** `pover://user@token[/device…]` */
export const pushover: ChatService = {
  name: "pushover",
  schemes: ["pover"],
  spelling: "pover://user@token",

  parse({ user, place, segments }) {
    if (!KEY.test(user) || !KEY.test(place)) return [];
    if (!segments.every((device) => /^[\w-]{1,25}$/.test(device))) return [];
    const devices = segments.map((device) => `/${device}`).join("");
    return [{
      target: `pover://${user}@${place}${devices}`,
      shown: `pover://***${devices}`,
      origin: ORIGIN,
      access: { user, token: place, device: segments.join(",") },
    }];
  },

  preview({ access: { user = "", token = "", device = "" } }, note) {
    const named = withoutFiles(note);
    const { title, text, isMarkdown, severity } = named;
    const html = (blocks: Parameters<typeof write>[1]) => write(pushoverDialect, blocks);
    const pieces = isMarkdown && text !== ""
      ? cutBlocks(blocksOf(named), (piece) => html(piece).length <= MESSAGE_LETTERS).map(html)
      : cut(text || title, letters(MESSAGE_LETTERS));
    return pieces.map((piece) => ({
      url: `${ORIGIN}/1/messages.json`,
      json: {
        token,
        user,
        ...(device ? { device } : {}),
        ...(title === "" ? {} : { title: truncate(title, letters(TITLE_LETTERS)) }),
        message: piece,
        ...(isMarkdown ? { html: 1 } : {}),
        priority: PRIORITIES[severity],
      },
    }));
  },
};
