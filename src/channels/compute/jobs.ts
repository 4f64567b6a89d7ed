/**
 * The costly jobs by name. Input and output are plain data, since they go to
 * another thread and back.
 *
 * @module
 */

import { type JsonText, readJsonText } from "../../lib/held_text.ts";
import { unmetJson } from "../http/expectations.ts";
import { extractFromText } from "../http/extract.ts";
import type { EmailPayload } from "../../task/payloads.ts";
import { type Message, type MessageOptions, openComposer } from "../mail/message.ts";
import type { DkimKey } from "../mail/relays.ts";

/** What the jobs are opened with. */
export interface JobSettings {
  /** Keys that mails are signed with. */
  readonly dkim?: readonly DkimKey[] | undefined;
}

/** All jobs. */
export interface Jobs {
  /** Composes a mail from the JSON text of its payload. */
  readonly compose: (payload: JsonText, options: MessageOptions) => Promise<Message>;
  /** Extracts JSON values and page elements from a text. */
  readonly extract: typeof extractFromText;
  /** Compares JSON with what is expected of it. */
  readonly unmetJson: typeof unmetJson;
}

/** Opens the jobs. */
export function openJobs({ dkim }: JobSettings): Jobs {
  const compose = openComposer(dkim);
  return {
    compose: (payload, options) => {
      const held = readJsonText(payload);
      return compose(JSON.parse(held.text) as EmailPayload, options, held);
    },
    extract: extractFromText,
    unmetJson,
  };
}
