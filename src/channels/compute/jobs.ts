/**
 * The costly jobs by name. Input and output are plain data, since they go to
 * another thread and back.
 *
 * @module
 */

import { readJsonText, textOfJson } from "../../lib/json/held_text.ts";
import type { JsonText } from "../../lib/json.ts";
import { unmetJson } from "../http/expectations.ts";
import { extractFromText } from "../http/extract.ts";
import type { ChatPayload, EmailPayload } from "../../task/payloads.ts";
import type { ChannelDefinitions } from "../chat/custom_settings.ts";
import { noteOf } from "../chat/note.ts";
import type { ChatRequest, PreviewContext } from "../chat/service.ts";
import { customServices, placesOf, SERVICES } from "../chat/table.ts";
import { type Message, type MessageOptions, openComposer } from "../mail/message.ts";
import type { DkimKey } from "../mail/relays.ts";

/** What the jobs are opened with. */
export interface JobSettings {
  /** Keys that mails are signed with. */
  readonly dkim?: readonly DkimKey[] | undefined;
  /** The channels of the settings file. */
  readonly channels?: ChannelDefinitions | undefined;
}

/** All jobs. */
export interface Jobs {
  /** Composes a mail from the JSON text of its payload. */
  readonly compose: (payload: JsonText, options: MessageOptions) => Promise<Message>;
  /**
   * The requests that bring a note to its place by the service of this name;
   * `undefined` when the service does not read the place any more.
   */
  readonly chat: (
    service: string,
    payload: JsonText,
    context: PreviewContext,
  ) => readonly ChatRequest[] | undefined;
  /** Extracts JSON values and page elements from a text. */
  readonly extract: typeof extractFromText;
  /** Compares JSON with what is expected of it. */
  readonly unmetJson: typeof unmetJson;
}

/** Opens the jobs. */
export function openJobs({ dkim, channels = {} }: JobSettings): Jobs {
  const compose = openComposer(dkim);
  const services = new Map(
    [...SERVICES, ...customServices(channels)].map((service) => [service.name, service]),
  );
  return {
    compose: (payload, options) => {
      const held = readJsonText(payload);
      return compose(JSON.parse(held.text) as EmailPayload, options, held);
    },
    chat: (name, json, { taskId }) => {
      const payload = JSON.parse(textOfJson(json)) as ChatPayload;
      const service = services.get(name);
      const [place] = service ? placesOf(service, payload.target) : [];
      return place && service?.preview(place, noteOf(payload), { taskId });
    },
    extract: extractFromText,
    unmetJson,
  };
}

/** Runs a job; what it throws rejects. */
export async function runJob<Name extends keyof Jobs>(
  jobs: Jobs,
  name: Name,
  input: Parameters<Jobs[Name]>,
): Promise<Awaited<ReturnType<Jobs[Name]>>> {
  // The compiler cannot tell that the job and its input have the same name.
  const job = jobs[name] as unknown as (...input: Parameters<Jobs[Name]>) => ReturnType<Jobs[Name]>;
  return await job(...input);
}
