/**
 * Pushover: a push notification to a person's devices.
 *
 * @module
 */

import type { Severity } from "../../../task/payloads.ts";
import { markdownTo } from "../../markdown.ts";
import { pushoverDialect } from "../dialects.ts";
import { withoutFiles } from "../note.ts";
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
    const { title, text, isMarkdown, severity } = withoutFiles(note);
    const write = (piece: string) => isMarkdown ? markdownTo(pushoverDialect, piece) : piece;
    const pieces = cut(text || title, (piece) => write(piece).length <= MESSAGE_LETTERS);
    return pieces.map((piece) => ({
      url: `${ORIGIN}/1/messages.json`,
      json: {
        token,
        user,
        ...(device ? { device } : {}),
        ...(title === "" ? {} : { title: truncate(title, letters(TITLE_LETTERS)) }),
        message: write(piece),
        ...(isMarkdown ? { html: 1 } : {}),
        priority: PRIORITIES[severity],
      },
    }));
  },
};
