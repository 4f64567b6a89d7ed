/**
 * The ports that parsing a notification needs: the real channels and templates,
 * no alias, and no refused address.
 *
 * @module
 */

import { readTargets } from "../../src/channels/chat/table.ts";
import type { NotifyPorts } from "../../src/task/ports.ts";
import { openMailTemplates } from "../../src/templates/mail_templates.ts";

/** The ports; `more` replaces some of them. */
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
