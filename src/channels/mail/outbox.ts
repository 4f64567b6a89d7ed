/**
 * Mails as files, for a service that has no relay yet: each an `.eml` that any
 * mail program opens.
 *
 * @module
 */

import type { Channel } from "../channel.ts";
import type { OutboxSettings } from "./mail_settings.ts";
import { resultJson } from "./mail_result.ts";
import { type MailComposerOptions, openMailComposer } from "./compose.ts";

/** Opens the channel that writes each mail to `DIR/tsk_….eml`, whole or not at all. */
export function openOutbox(
  { directory }: OutboxSettings,
  options: MailComposerOptions = {},
): Channel {
  const composer = openMailComposer(options);
  return {
    deliver: (attempt, { signal }) =>
      composer.withMessage(attempt, signal, async ({ messageId, recipients, bytes }) => {
        if (signal.aborted) return deferred(String(signal.reason), "Aborted before it was written");
        const name = `${attempt.taskId}.eml`;
        try {
          await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
          await keep(directory, name, bytes);
        } catch (error) {
          return deferred("outbox_failed", `Cannot write ${name}: ${reasonOf(error)}`);
        }
        return {
          kind: "delivered",
          result: resultJson({
            messageId,
            relay: "outbox",
            recipients: recipients.map((address) => ({
              address,
              outcome: "delivered",
              reply: `written to ${name}`,
            })),
          }),
          evidence: { file: name, bytes: bytes.length },
        };
      }),
  };
}

/** A second attempt of one task writes the same bytes to the same name. */
async function keep(directory: string, name: string, bytes: Uint8Array): Promise<void> {
  const path = `${directory}/${name}`;
  const part = `${path}.part`;
  // A mail is nobody else's business, as little as the queue that it came from.
  const file = await Deno.open(part, { write: true, create: true, truncate: true, mode: 0o600 });
  try {
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    await file.sync();
  } finally {
    file.close();
  }
  await Deno.rename(part, path);
  // The name is as durable as the bytes only once the directory is.
  using entries = await Deno.open(directory);
  await entries.sync();
}

function deferred(code: string, detail: string) {
  return { kind: "deferred", error: { code, detail } } as const;
}

/** Deno names the path in the message; the class says it without. */
function reasonOf(error: unknown): string {
  return error instanceof Error ? error.name : "unknown fault";
}
