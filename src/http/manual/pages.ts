/**
 * The pages of the manual, in the order in which they are listed.
 *
 * They are imported as text, so that the service needs no permission to read
 * them and the image no further file.
 *
 * @module
 */

import changelog from "../../CHANGELOG.md" with { type: "text" };
import batches from "../../manual/batches.md" with { type: "text" };
import channels from "../../manual/channels.md" with { type: "text" };
import cli from "../../manual/cli.md" with { type: "text" };
import clients from "../../manual/clients.md" with { type: "text" };
import dashboard from "../../manual/dashboard.md" with { type: "text" };
import deploying from "../../manual/deploying.md" with { type: "text" };
import errors from "../../manual/errors.md" with { type: "text" };
import fetch from "../../manual/fetch.md" with { type: "text" };
import followUps from "../../manual/follow-ups.md" with { type: "text" };
import hooks from "../../manual/hooks.md" with { type: "text" };
import notify from "../../manual/notify.md" with { type: "text" };
import operating from "../../manual/operating.md" with { type: "text" };
import proxies from "../../manual/proxies.md" with { type: "text" };
import scaling from "../../manual/scaling.md" with { type: "text" };
import schedules from "../../manual/schedules.md" with { type: "text" };
import security from "../../manual/security.md" with { type: "text" };
import settings from "../../manual/settings.md" with { type: "text" };
import tasks from "../../manual/tasks.md" with { type: "text" };
import upgrading from "../../manual/upgrading.md" with { type: "text" };

/** A page as it is written. */
export interface ManualSource {
  /** The last part of its path: `/manual/NAME`. */
  readonly name: string;
  /** Markdown that begins with the title. */
  readonly markdown: string;
}

/** Pages that belong together. */
export interface ManualGroup {
  /** The heading above them. */
  readonly title: string;
  /** The pages. */
  readonly pages: readonly ManualSource[];
}

/** All pages. */
export const MANUAL: readonly ManualGroup[] = [
  {
    title: "Send",
    pages: [
      { name: "notify", markdown: notify },
      { name: "channels", markdown: channels },
      { name: "fetch", markdown: fetch },
      { name: "batches", markdown: batches },
    ],
  },
  {
    title: "Automate",
    pages: [
      { name: "follow-ups", markdown: followUps },
      { name: "hooks", markdown: hooks },
      { name: "schedules", markdown: schedules },
    ],
  },
  {
    title: "Follow and control",
    pages: [
      { name: "tasks", markdown: tasks },
      { name: "errors", markdown: errors },
      { name: "dashboard", markdown: dashboard },
      { name: "cli", markdown: cli },
      { name: "clients", markdown: clients },
    ],
  },
  {
    title: "Run",
    pages: [
      { name: "settings", markdown: settings },
      { name: "deploying", markdown: deploying },
      { name: "operating", markdown: operating },
      { name: "scaling", markdown: scaling },
      { name: "security", markdown: security },
      { name: "proxies", markdown: proxies },
      { name: "upgrading", markdown: upgrading },
      { name: "changelog", markdown: changelog },
    ],
  },
];
