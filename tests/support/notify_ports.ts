/**
 * What is asked while a notification is read: the real table of channels and
 * the real templates, no alias, nothing refused.
 *
 * @module
 */

import { readTargets } from "../../src/channels/chat/table.ts";
import type { NotifyPorts } from "../../src/task/ports.ts";
import { openMailTemplates } from "../../src/templates/mail_templates.ts";

/** The ports, unless told otherwise. */
export function notifyPorts(
  { aliases = {}, ...more }: Partial<NotifyPorts> & { aliases?: Record<string, string[]> } = {},
): NotifyPorts {
  const templates = openMailTemplates("", () => new Map());
  return {
    refuseUrl: () => undefined,
    readTargets,
    aliasOf: (name) => aliases[name],
    render: (name, data) => templates.render(name, data),
    ...more,
  };
}
