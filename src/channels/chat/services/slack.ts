/**
 * Slack, by an incoming webhook: one message of coloured blocks.
 *
 * @module
 */

import { cutBlocks } from "../../cut_blocks.ts";
import { type Block, isBare, write } from "../../rich_text.ts";
import { escapeSlack, plainDialect, slackDialect } from "../dialects.ts";
import { blocksOf, COLOURS, type Note, withoutFiles } from "../note.ts";
import { characters, cut, truncate } from "../pieces.ts";
import type { ChatService } from "../service.ts";

const ORIGIN = "https://hooks.slack.com";
const TOKEN = /^[A-Za-z0-9]{1,64}$/;
/** https://docs.slack.dev/reference/block-kit/blocks: of a header, of a section. */
const HEADER_CHARACTERS = 150;
const SECTION_CHARACTERS = 3_000;
/** A message has at most 50 blocks, of which the header is one. */
const MAX_SECTIONS = 49;

/** `slack://[name@]tokenA/tokenB/tokenC[/#channel…]` */
export const slack: ChatService = {
  name: "slack",
  schemes: ["slack"],
  spelling: "slack://tokenA/tokenB/tokenC",

  parse({ user, place, segments }) {
    const [b = "", c = "", ...channels] = segments;
    if (![place, b, c].every((token) => TOKEN.test(token))) return [];
    const named = channels.length === 0 ? [""] : channels;
    return named.map((channel) => placeOf(place, b, c, { channel, user }));
  },

  parseWebhook({ hostname, pathname, search }) {
    const [, a = "", b = "", c = ""] = /^\/services\/(\w+)\/(\w+)\/(\w+)\/?$/.exec(pathname) ?? [];
    if (hostname !== "hooks.slack.com" || c === "" || search !== "") return undefined;
    return placeOf(a, b, c);
  },

  preview({ access: { path, channel, user } }, note) {
    const { title, severity } = note;
    const header = title === "" ? [] : [{
      type: "header",
      text: { type: "plain_text", text: truncate(title, characters(HEADER_CHARACTERS)) },
    }];
    const blocks = [...header, ...sections(withoutFiles(note))];
    return [{
      url: `${ORIGIN}${path}`,
      json: {
        attachments: [{
          color: COLOURS[severity],
          // Shown in the notification on a phone.
          fallback: escapeSlack(title || truncate(note.text, characters(HEADER_CHARACTERS))),
          blocks,
        }],
        ...(channel ? { channel } : {}),
        ...(user ? { username: user } : {}),
      },
    }];
  },
};

function placeOf(a: string, b: string, c: string, { channel = "", user = "" } = {}) {
  return {
    target: `slack://${user && `${encodeURIComponent(user)}@`}${a}/${b}/${c}` +
      (channel && `/${encodeURIComponent(channel)}`),
    shown: `slack://***${channel && `/${channel}`}`,
    origin: ORIGIN,
    access: { path: `/services/${a}/${b}/${c}`, channel, user },
  };
}

function sections(note: Note) {
  if (note.text === "") return [];
  if (!note.isMarkdown) {
    return cut(note.text, characters(SECTION_CHARACTERS)).map((text) =>
      section("plain_text", text)
    );
  }
  const blocks = blocksOf(note);
  const apart = runsOf(blocks).flatMap((run) => isLiteral(run[0]) ? plain(run) : mrkdwn(run));
  return apart.length <= MAX_SECTIONS ? apart : mrkdwn(blocks);
}

/** Neighbours that are sent alike: as plain text, or with markup. */
function runsOf(blocks: readonly Block[]): Block[][] {
  const runs: Block[][] = [];
  for (const block of blocks) {
    const last = runs.at(-1);
    if (last && isLiteral(last[0]) === isLiteral(block)) last.push(block);
    else runs.push([block]);
  }
  return runs;
}

/** A paragraph without markup that has what Slack reads as markup: mrkdwn cannot escape it. */
function isLiteral(block: Block | undefined): boolean {
  return block?.kind === "paragraph" &&
    block.inlines.every((one) => one.kind === "text" || isBare(one)) &&
    block.inlines.some((one) => one.kind === "text" && /[*_~`]/.test(one.text));
}

function plain(blocks: readonly Block[]) {
  return cut(write(plainDialect, blocks), characters(SECTION_CHARACTERS))
    .map((text) => section("plain_text", text));
}

function mrkdwn(blocks: readonly Block[]) {
  const written = (piece: readonly Block[]) => write(slackDialect, piece);
  return cutBlocks(blocks, (piece) => written(piece).length <= SECTION_CHARACTERS)
    .map((piece) => section("mrkdwn", written(piece)));
}

/** Slack refuses a section without text. */
function section(type: "mrkdwn" | "plain_text", text: string) {
  return { type: "section", text: { type, text: text || " " } };
}
