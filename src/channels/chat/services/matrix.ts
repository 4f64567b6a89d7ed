/**
 * Matrix: a message in a room, with the access token of a user.
 *
 * @module
 */

import { escapeHtml } from "../../../lib/html.ts";
import { cutBlocks } from "../../cut_blocks.ts";
import { type Block, write } from "../../rich_text.ts";
import { plainDialect, writeHtml } from "../dialects.ts";
import { blocksOf, type Note, SIGNS, withoutFiles } from "../note.ts";
import type { ChatService } from "../service.ts";
import { originOf } from "../url.ts";

/** An event as it is sent may have 64 KiB, what the server adds included. */
const EVENT_BYTES = 56_000;
const encoder = new TextEncoder();

/** `matrix://token@host[:port]/!room:server[/…]`, `matrixs://…` */
export const matrix: ChatService = {
  name: "matrix",
  schemes: ["matrix", "matrixs"],
  anyHost: true,
  spelling: "matrixs://accesstoken@host/!room:server",

  parse({ scheme, user, password, place, segments }) {
    const origin = originOf(place, scheme === "matrixs");
    const token = password || user;
    if (origin === undefined || !/^[\w.~+/=-]{8,1000}$/.test(token)) return [];
    if (!segments.every((room) => /^![\w.=/+-]{1,200}(?::[\w.:[\]-]{1,200})?$/.test(room))) {
      return [];
    }
    return segments.map((room) => ({
      target: `${scheme}://${encodeURIComponent(token)}@${place}/${encodeURIComponent(room)}`,
      shown: `${scheme}://${place}/${room}`,
      origin,
      access: { token, room },
    }));
  },

  // Servers before version 1.10 of the specification send no Retry-After.
  retryAfterMs(body) {
    const [, ms] = /"retry_after_ms" *: *(\d{1,9})/.exec(body) ?? [];
    return ms === undefined ? undefined : Number(ms);
  },

  preview({ origin, access: { token, room = "" } }, note, { taskId }) {
    return eventsOf(withoutFiles(note)).map((content, i) => ({
      method: "PUT",
      // The same transaction again is the same message.
      idempotent: true,
      url: `${origin}/_matrix/client/v3/rooms/${encodeURIComponent(room)}` +
        `/send/m.room.message/${taskId}-${i}`,
      headers: { authorization: `Bearer ${token}` },
      json: { msgtype: "m.text", ...content },
    }));
  },
};

/** Each event has the text in two forms, plain and HTML. */
function eventsOf(note: Note): Record<string, string>[] {
  const { title, severity, isMarkdown, html } = note;
  const sign = SIGNS[severity];
  const content = (plain: string, formatted: string | undefined, isFirst: boolean) => {
    const head = isFirst ? title : "";
    const mark = isFirst ? sign : "";
    const body = `${mark}${head}${head && plain ? "\n\n" : ""}${plain}`;
    if (formatted === undefined && head === "") return { body };
    const inner = formatted ?? escapeHtml(plain).replaceAll("\n", "<br>");
    return {
      body,
      format: "org.matrix.custom.html",
      formatted_body: (head ? `<strong>${mark}${escapeHtml(head)}</strong><br>` : mark) + inner,
    };
  };
  const fits = (event: Record<string, string>) =>
    encoder.encode(JSON.stringify(event)).length <= EVENT_BYTES;
  const whole = content(note.text, html, true);
  if (!isMarkdown && html !== undefined && fits(whole)) return [whole];
  const written = (blocks: readonly Block[], isFirst: boolean) =>
    content(
      write(plainDialect, blocks),
      isMarkdown ? writeHtml(blocks) : undefined,
      isFirst,
    );
  return cutBlocks(blocksOf(note), (piece) => fits(written(piece, true)))
    .map((piece, i) => written(piece, i === 0));
}
