/**
 * What a chat service's file tells: how its URLs are spelled, and how a note
 * becomes requests to it. All the rest is the same for every service.
 *
 * @module
 */

import type { Json } from "../../task/task.ts";
import type { Note } from "./note.ts";
import type { ChatUrl } from "./url.ts";

/** A chat service. */
export interface ChatService {
  /** The channel's name. */
  readonly name: string;
  /** Of its URLs. */
  readonly schemes: readonly string[];
  /** How they are spelled, for those who got it wrong. */
  readonly spelling: string;
  /** The places a URL names, each a task of its own; none when it is wrong. */
  parse(url: ChatUrl): readonly ChatPlace[];
  /** The requests that bring a note there, in order. */
  preview(place: ChatPlace, note: Note, context: PreviewContext): readonly ChatRequest[];
  /** How long the service asks to be left alone in an answer's body, in milliseconds. */
  wish?(body: string): number | undefined;
}

/** Where one task's note goes. */
export interface ChatPlace {
  /** The URL that names only this place; holds secrets. */
  readonly target: string;
  /** The same as it may be shown. */
  readonly shown: string;
  /** Where its requests go: the origin of a web server. */
  readonly origin: string;
  /** Headers that let us in, and what else only this service knows. */
  readonly access: Readonly<Record<string, string>>;
}

/** What a preview may depend on beside the note. */
export interface PreviewContext {
  /** `tsk_…`; the same on every attempt. */
  readonly taskId: string;
}

/** One request of a note. */
export interface ChatRequest {
  /** POST unless said otherwise. */
  readonly method?: "PUT";
  /** With its secrets. */
  readonly url: string;
  /** Beside the content type. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The body. */
  readonly json: Json;
  /** Set where sending it again does nothing. */
  readonly idempotent?: true;
}
