/**
 * Pushover: push notifications to the devices of a user.
 *
 * @module
 */

import type { Severity } from "../../../task/payloads.ts";
import { cutBlocks } from "../../cut_blocks.ts";
import { write } from "../../rich_text.ts";
import { pushoverDialect } from "../dialects.ts";
import { blocksOf, withoutFiles } from "../note.ts";
import { characters, cut, truncate } from "../pieces.ts";
import type { ChatService } from "../service.ts";

const ORIGIN = "https://api.pushover.net";
const KEY = /^[A-Za-z0-9]{30}$/;
/** Its limits are in characters; https://pushover.net/api#limits */
const MESSAGE_CHARACTERS = 1_024;
const TITLE_CHARACTERS = 250;
/** 1 bypasses quiet hours; 2 would require an acknowledgement. */
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
      ? cutBlocks(blocksOf(named), (piece) => html(piece).length <= MESSAGE_CHARACTERS).map(html)
      : cut(text || title, characters(MESSAGE_CHARACTERS));
    return pieces.map((piece) => ({
      url: `${ORIGIN}/1/messages.json`,
      json: {
        token,
        user,
        ...(device ? { device } : {}),
        ...(title === "" ? {} : { title: truncate(title, characters(TITLE_CHARACTERS)) }),
        message: piece,
        ...(isMarkdown ? { html: 1 } : {}),
        priority: PRIORITIES[severity],
      },
    }));
  },
};
