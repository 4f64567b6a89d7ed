/**
 * A service of the settings file: `custom_settings.ts` says how it is described.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import { valueAt } from "../../lib/json.ts";
import type { Json } from "../../task/task.ts";
import { type Escape, parseTemplate, type Scope } from "../../templates/liquid.ts";
import { cutBlocks } from "../cut_blocks.ts";
import { write } from "../rich_text.ts";
import type { ChannelDefinition } from "./custom_settings.ts";
import { markdownDialect, plainDialect, writeHtml } from "./dialects.ts";
import { blocksOf, type Note } from "./note.ts";
import { characters, truncate } from "./pieces.ts";
import type { ChatPlace, ChatRequest, ChatService } from "./service.ts";
import type { ChatUrl } from "./url.ts";

const DEFAULT_BODY = { title: "{{ title }}", message: "{{ text }}", type: "{{ severity }}" };

/** Makes a service of a definition. */
export function customService(name: string, definition: ChannelDefinition): ChatService {
  const { delivered, wait, secret = "", limits = {} } = definition;
  const { status, contains } = delivered ?? {};
  const url = parseTemplate(definition.url, { escape: "url" });
  const targetOf = ({ user, password, place, segments, parameters }: ChatUrl) => ({
    user,
    password,
    place,
    path: [...segments],
    parameters: Object.fromEntries(parameters),
  });
  const empty = { title: "", text: "", markdown: "", html: "", severity: "info", attachments: [] };

  return {
    name,
    schemes: [name],
    spelling: `${name}://, and what the channel's URL needs behind it`,

    parse(parsed) {
      const target = targetOf(parsed);
      try {
        const scope = { ...empty, secret, target, taskId: "", part: 1, parts: 1 };
        const { origin } = new URL(url.render(scope));
        const account = parsed.user &&
          `${encodeURIComponent(parsed.user)}${parsed.password && ":"}` +
            `${encodeURIComponent(parsed.password)}@`;
        const path = parsed.segments.map((one) => `/${encodeURIComponent(one)}`).join("");
        const query = parsed.parameters.size > 0 ? `?${parsed.parameters}` : "";
        return [{
          target: `${name}://${account}${encodeURIComponent(parsed.place)}${path}${query}`,
          shown: `${name}://${parsed.place === "" ? "" : "***"}`,
          origin,
          access: { secret, target: JSON.stringify(target) },
        }];
      } catch {
        return [];
      }
    },

    preview({ access }: ChatPlace, note, { taskId }) {
      const target = JSON.parse(access.target ?? "{}") as Json;
      const pieces = piecesOf(note, limits);
      return pieces.map((piece, i): ChatRequest => {
        const scope: Scope = {
          ...piece,
          severity: note.severity,
          attachments: i === 0 ? attachmentsOf(note) : [],
          secret,
          target,
          taskId,
          part: i + 1,
          parts: pieces.length,
        };
        return {
          ...compact({ method: definition.method }),
          url: url.render(scope),
          ...bodyOf(definition, scope),
          ...(status ? { expect: { status: [...status] } } : {}),
        };
      });
    },

    ...(contains === undefined ? {} : { accepts: (body: string) => body.includes(contains) }),
    ...(wait === undefined ? {} : { retryAfterMs: (body: string) => secondsAt(body, wait) }),
  };
}

function attachmentsOf({ attachments }: Note): Json[] {
  return attachments.map(({ filename, content, contentType = "application/octet-stream" }) => ({
    filename,
    content,
    contentType,
  }));
}

/** The note in its forms, cut where the channel has limits. */
function piecesOf(
  note: Note,
  { title, text, parts = 1 }: NonNullable<ChannelDefinition["limits"]>,
) {
  const blocks = blocksOf(note);
  const plain = (piece: typeof blocks) => write(plainDialect, piece);
  const pieces = text === undefined
    ? [blocks]
    : cutBlocks(blocks, (piece) => write(markdownDialect, piece).length <= text, parts);
  return pieces.map((piece, i) => ({
    title: title === undefined ? note.title : truncate(note.title, characters(title)),
    text: plain(piece),
    markdown: write(markdownDialect, piece),
    html: pieces.length === 1 && i === 0 && note.html !== undefined ? note.html : writeHtml(piece),
  }));
}

function bodyOf(
  { body = DEFAULT_BODY, headers = {}, method }: ChannelDefinition,
  scope: Scope,
): Pick<ChatRequest, "headers" | "json" | "text"> {
  const rendered = Object.fromEntries(
    Object.entries(headers).map(([name, text]) => [
      name.toLowerCase(),
      parseTemplate(text, { finish: oneHeader }).render(scope),
    ]),
  );
  if (method === "GET") return { headers: rendered };
  if (typeof body !== "string") return { headers: rendered, json: filled(body, scope) };
  const type = rendered["content-type"] ??
    (/^\s*[[{]/.test(body) ? "application/json" : "text/plain");
  const text = parseTemplate(body, compact({ escape: escapeFor(type) })).render(scope);
  return { headers: { ...rendered, "content-type": type }, text };
}

/** A value in a header is one line. */
function oneHeader(text: string): string {
  return text.replace(/[\s\p{Cc}]+/gu, " ");
}

function escapeFor(type: string): Escape | undefined {
  if (/json/i.test(type)) return "json";
  if (/urlencoded/i.test(type)) return "url";
  return /xml|html/i.test(type) ? "html" : undefined;
}

function filled(json: Json, scope: Scope): Json {
  if (typeof json === "string") return parseTemplate(json).render(scope);
  if (json === null || typeof json !== "object") return json;
  if (Array.isArray(json)) return json.map((inner) => filled(inner, scope));
  return Object.fromEntries(
    Object.entries(json).map(([name, inner]) => [name, filled(inner, scope)]),
  );
}

function secondsAt(body: string, pointer: string): number | undefined {
  try {
    const seconds = Number(valueAt(JSON.parse(body), pointer));
    return seconds > 0 && Number.isFinite(seconds) ? Math.ceil(seconds * 1_000) : undefined;
  } catch {
    return undefined;
  }
}
