/**
 * The definition of a chat service: how its URLs are spelled, and how a note
 * becomes requests. Everything else is the same for every service.
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
  /** The schemes of its URLs. */
  readonly schemes: readonly string[];
  /** Set when its URLs name the host to call, so that a caller can choose any host. */
  readonly anyHost?: true;
  /** How its URLs are spelled, for error messages. */
  readonly spelling: string;
  /** The places that a URL names, each for a task of its own; none for a wrong URL. */
  parse(url: ChatUrl): readonly ChatPlace[];
  /** The place of a webhook's URL, as the service hands it out; `undefined` for another URL. */
  parseWebhook?(url: URL): ChatPlace | undefined;
  /** The requests that bring a note there, in order. */
  preview(place: ChatPlace, note: Note, context: PreviewContext): readonly ChatRequest[];
  /** How long the service asks to wait, in the body of a response, in milliseconds. */
  retryAfterMs?(body: string): number | undefined;
  /** Whether the service took the note, by the body of a response with a 2xx status. */
  accepts?(body: string): boolean;
}

/** Where one task's note goes. */
export interface ChatPlace {
  /** The URL that names only this place; holds secrets. */
  readonly target: string;
  /** The same as it may be shown. */
  readonly shown: string;
  /** Where its requests go: the origin of a web server. */
  readonly origin: string;
  /** Credentials, and what else only this service knows. */
  readonly access: Readonly<Record<string, string>>;
}

/** What a preview may depend on besides the note. */
export interface PreviewContext {
  /** `tsk_…`; the same on every attempt. */
  readonly taskId: string;
}

/** One request of a note. */
export interface ChatRequest {
  /** POST when absent. */
  readonly method?: "GET" | "PUT" | "PATCH";
  /** With its secrets. */
  readonly url: string;
  /** In addition to the content type. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The body as JSON. */
  readonly json?: Json;
  /** The body as a form, instead. */
  readonly form?: Readonly<Record<string, string>>;
  /** The body as it is, instead; its content type is among the headers. */
  readonly text?: string;
  /** What the response must be; any 2xx when absent. */
  readonly expect?: { readonly status: readonly number[] };
  /** Set where sending it again does nothing. */
  readonly idempotent?: true;
}
