/**
 * What a chat service is given to say: a title, a text in the best form there
 * is, and how serious it is.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import type { Attachment, ChatPayload, Severity } from "../../task/payloads.ts";
import { htmlToPlain } from "../html_text.ts";

/** A note, ready for any service. */
export interface Note {
  /** One line; may be empty. */
  readonly title: string;
  /** The text; markdown when `isMarkdown`. */
  readonly text: string;
  /** Whether the text is markdown. */
  readonly isMarkdown: boolean;
  /** As it was given, for services that show HTML. */
  readonly html?: string;
  /** `info` unless said otherwise. */
  readonly severity: Severity;
  /** Files, for the one service that takes them. */
  readonly attachments: readonly Attachment[];
}

/** Makes a note of what is kept with the task. */
export function noteOf(payload: ChatPayload): Note {
  const { title, text, markdown, html, severity = "info", attachments } = payload;
  return {
    title,
    text: markdown ?? text ?? (html === undefined ? "" : htmlToPlain(html)),
    isMarkdown: markdown !== undefined,
    ...compact({ html }),
    severity,
    attachments,
  };
}

/** The same note with a word about the files that a service does not take. */
export function withoutFiles(note: Note): Note {
  if (note.attachments.length === 0) return note;
  const names = note.attachments.map(({ filename }) => filename).join(", ");
  const text = `${note.text}${note.text === "" ? "" : "\n\n"}(Not attached here: ${names})`;
  return { ...note, text, attachments: [] };
}

/** Apprise's colours, so that a channel fed by both looks the same. */
export const COLOURS: Readonly<Record<Severity, string>> = {
  info: "#3AA3E3",
  success: "#3AA337",
  warning: "#CACF29",
  failure: "#A32037",
};

/** For services that know no colours. */
export const SIGNS: Readonly<Record<Severity, string>> = {
  info: "",
  success: "✅ ",
  warning: "⚠️ ",
  failure: "🚨 ",
};
