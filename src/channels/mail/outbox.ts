/**
 * Writes mails as `.eml` files, which any mail program opens, for a service
 * that has no relay yet.
 *
 * @module
 */

import type { Clock } from "../../lib/clock.ts";
import type { Channel } from "../channel.ts";
import { type MailComposerOptions, openMailComposer } from "./compose.ts";
import type { OutboxSettings } from "./mail_settings.ts";
import { dateOf, writeCarry } from "./mail_carry.ts";
import { resultJson } from "./mail_result.ts";

/** Opens the channel that writes each mail to `DIR/tsk_….eml`, whole or not at all. */
export function openOutbox(
  { directory }: OutboxSettings,
  options: MailComposerOptions & { readonly clock: Clock },
): Channel {
  const composer = openMailComposer(options);
  return {
    async deliver(attempt, { signal }) {
      const date = dateOf(attempt, options.clock.now());
      const carry = writeCarry({ recipients: [], date });
      return await composer.withMessage(attempt, { date, signal }, async (message) => {
        const { messageId, recipients, bytes } = message;
        if (signal.aborted) {
          return { ...deferred(String(signal.reason), "Aborted before it was written"), carry };
        }
        const name = `${attempt.taskId}.eml`;
        try {
          await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
          await keep(directory, name, bytes);
        } catch (error) {
          const detail = `Cannot write ${name}: ${reasonOf(error)}`;
          return { ...deferred("outbox_failed", detail), carry };
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
      });
    },
  };
}

/** Bytes that are written at once. */
const WRITE_BYTES = 1_048_576;

/** A second attempt of one task writes the same bytes to the same name. */
async function keep(directory: string, name: string, bytes: Uint8Array): Promise<void> {
  const path = `${directory}/${name}`;
  const part = `${path}.part`;
  try {
    // Only the owner of the queue may read mails, too.
    const file = await Deno.open(part, { write: true, create: true, truncate: true, mode: 0o600 });
    try {
      // A write copies what it is given.
      for (let at = 0; at < bytes.length;) {
        at += await file.write(bytes.subarray(at, at + WRITE_BYTES));
      }
      await file.sync();
    } finally {
      file.close();
    }
    await Deno.rename(part, path);
  } catch (error) {
    await Deno.remove(part).catch(() => {});
    throw error;
  }
  // The name is as durable as the bytes only once the folder is.
  using entries = await Deno.open(directory);
  await entries.sync();
}

function deferred(code: string, detail: string) {
  return { kind: "deferred", error: { code, detail } } as const;
}

/** The reason without the path, which the caller has no use for. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "unexpected error";
  const { code } = error as { code?: unknown };
  const known = REASONS[String(code ?? error.name)];
  return known ?? `${error.name} (${error.message.replace(/['"]?\/[^\s:'"]*['"]?/g, "…")})`;
}

const REASONS: Record<string, string | undefined> = {
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EROFS: "the file system is read-only",
  EACCES: "no permission to write to the folder",
  PermissionDenied: "no permission to write to the folder",
  NotCapable: "no permission to write to the folder: start with --allow-write for it",
  NotADirectory: "a part of the path is not a folder",
};
