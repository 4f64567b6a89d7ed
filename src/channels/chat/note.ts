/**
 * What a chat service is given: a title, a text in the best form there is, and
 * how serious it is.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import type { Attachment, ChatPayload, Severity } from "../../task/payloads.ts";
import { digestBlocks, digestTitle, worstSeverity } from "../digest.ts";
import { htmlToPlain } from "../html_text.ts";
import { parseMarkdown, parsePlain } from "../markdown.ts";
import { cutBlocks } from "../cut_blocks.ts";
import { type Block, write } from "../rich_text.ts";
import { markdownDialect } from "./dialects.ts";
import { truncate } from "./pieces.ts";

/** A note, ready for any service. */
export interface Note {
  /** One line; may be empty. */
  readonly title: string;
  /** The text; Markdown when `isMarkdown`. */
  readonly text: string;
  /** Whether the text is Markdown. */
  readonly isMarkdown: boolean;
  /** The same with its structure, where the text is not its source. */
  readonly blocks?: readonly Block[];
  /** As it was given, for services that show HTML. */
  readonly html?: string;
  /** `info` unless given. */
  readonly severity: Severity;
  /** Files, for services that take them. */
  readonly attachments: readonly Attachment[];
}

/** Makes a note of a payload, and of those of its digest. */
export function noteOf(payload: ChatPayload): Note {
  const { title, text, markdown, html, severity = "info", attachments, gathered } = payload;
  if (gathered) return digestNote(payload, gathered);
  return {
    title,
    text: markdown ?? text ?? plainOf(html),
    isMarkdown: markdown !== undefined,
    ...compact({ html }),
    severity,
    attachments,
  };
}

/** The service wraps lines where it shows them. */
function plainOf(html: string | undefined): string {
  return html === undefined ? "" : htmlToPlain(html, { wrap: Infinity });
}

function digestNote(first: ChatPayload, others: readonly ChatPayload[]): Note {
  const all = [first, ...others];
  const blocks = digestBlocks(all.map(({ title, ...content }) => ({ head: title, ...content })));
  return {
    title: digestTitle(first.title, all.length),
    text: write(markdownDialect, blocks),
    isMarkdown: true,
    blocks,
    severity: worstSeverity(all) ?? "info",
    attachments: all.flatMap(({ attachments }) => attachments),
  };
}

/** The text with its structure. */
export function blocksOf({ text, isMarkdown, blocks }: Note): readonly Block[] {
  if (blocks) return blocks;
  return isMarkdown ? parseMarkdown(text) : parsePlain(text);
}

/** The text of a note as one message, in Markdown if it is; what does not fit is cut off with a mark. */
export function singleText(note: Note, fits: (text: string) => boolean): string {
  const { title, text, isMarkdown } = note;
  const whole = text || title;
  if (!isMarkdown || fits(whole)) return truncate(whole, fits);
  const written = (blocks: readonly Block[]) => write(markdownDialect, blocks);
  const [piece = []] = cutBlocks(blocksOf(note), (blocks) => fits(written(blocks)), 1);
  return written(piece);
}

/** The same note, naming the files that a service does not take. */
export function withoutFiles(note: Note): Note {
  if (note.attachments.length === 0) return note;
  const names = note.attachments.map(({ filename }) => filename).join(", ");
  const files = `(Not attached here: ${names})`;
  const added = note.isMarkdown ? write(markdownDialect, parsePlain(files)) : files;
  const text = `${note.text}${note.text === "" ? "" : "\n\n"}${added}`;
  const blocks = note.blocks && [...note.blocks, ...parsePlain(files)];
  return { ...note, text, ...compact({ blocks }), attachments: [] };
}

/** Apprise's colours, so that a channel fed by both looks the same. */
export const COLOURS: Readonly<Record<Severity, string>> = {
  info: "#3AA3E3",
  success: "#3AA337",
  warning: "#CACF29",
  failure: "#A32037",
};

/** For services without colours. */
export const SIGNS: Readonly<Record<Severity, string>> = {
  info: "",
  success: "✅ ",
  warning: "⚠️ ",
  failure: "🚨 ",
};
