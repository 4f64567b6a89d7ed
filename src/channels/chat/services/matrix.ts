/**
 * Matrix: a message in a room, by a user's access token.
 *
 * @module
 */

import { escapeHtml } from "../../../lib/html.ts";
import { markdownToHtml } from "../../markdown.ts";
import { type Note, SIGNS, withoutFiles } from "../note.ts";
import { bytes, cut } from "../pieces.ts";
import type { ChatService } from "../service.ts";
import { originOf } from "../url.ts";

/** An event may have 64 KiB; text and HTML are both in it, and JSON doubles some letters. */
const TEXT_BYTES = 12_000;

/** `matrix://token@host[:port]/!room:server[/…]`, `matrixs://…` */
export const matrix: ChatService = {
  name: "matrix",
  schemes: ["matrix", "matrixs"],
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

  preview({ origin, access: { token, room = "" } }, note, { taskId }) {
    const plain = withoutFiles(note);
    return cut(plain.text, bytes(TEXT_BYTES)).map((text, i) => ({
      method: "PUT",
      // The same transaction again is the same message.
      idempotent: true,
      url: `${origin}/_matrix/client/v3/rooms/${encodeURIComponent(room)}` +
        `/send/m.room.message/${taskId}-${i}`,
      headers: { authorization: `Bearer ${token}` },
      json: { msgtype: "m.text", ...body({ ...plain, text }, i === 0) },
    }));
  },
};

function body({ title, text, isMarkdown, html, severity }: Note, isFirst: boolean) {
  const sign = isFirst ? SIGNS[severity] : "";
  const head = isFirst ? title : "";
  const written = isMarkdown ? markdownToHtml(text) : isFirst ? html : undefined;
  const plain = `${sign}${head}${head && text ? "\n\n" : ""}${text}`;
  if (written === undefined && head === "") return { body: plain };
  const formatted = written ?? escapeHtml(text).replaceAll("\n", "<br>");
  return {
    body: plain,
    format: "org.matrix.custom.html",
    formatted_body: (head ? `<strong>${sign}${escapeHtml(head)}</strong><br>` : sign) + formatted,
  };
}
