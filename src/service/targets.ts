/**
 * Finds targets in `postrider.yaml` that can never work: aliases, channels, and what hooks
 * and schedules submit.
 *
 * @module
 */

import { openTargetReader } from "../channels/chat/table.ts";
import { openGuard } from "../channels/guard/guard.ts";
import { relaysFor } from "../channels/mail/relays.ts";
import type { ConfigFile } from "../config/config_file.ts";
import type { Config } from "../config/settings.ts";
import { checkHook } from "../hooks/evaluate.ts";
import { pointerTo } from "../lib/json.ts";
import { parseBodyText } from "../task/input/body_text.ts";
import { parseMailbox } from "../task/input/mailbox.ts";
import { openSubmitParser, type SubmitParser } from "../task/input/parse_submit.ts";
import type { Issue } from "../task/issues.ts";
import type { SubmitParserPorts } from "../task/ports.ts";
import { TemplateFileError } from "../templates/mail_template.ts";
import { openMailTemplates, readFolder } from "../templates/mail_templates.ts";

/** The settings that decide about targets. */
export type TargetSettings = Pick<Config, "templates" | "fetchAllow" | "mail" | "mailFrom">;

/** Opens a parser of submits with the settings of a file, without a service. */
export function submitParserFor(config: TargetSettings, file: ConfigFile): SubmitParser {
  const { relays } = file;
  const templates = openMailTemplates(config.templates, readFolder);
  return openSubmitParser({
    ...targetPorts(config, file),
    aliasOf: (name) => aliasOf(file, name),
    render: (template, data) => templates.render(template, data),
    mailLaneOf: (sender) => relaysFor(relays, sender)[0]?.relay.lane ?? config.mail.lane,
    mailFrom: config.mailFrom,
  });
}

type TargetPorts = Pick<SubmitParserPorts, "refuseUrl" | "readTargets">;

function targetPorts(
  config: Pick<Config, "fetchAllow">,
  { channels }: ConfigFile,
): TargetPorts {
  const guard = openGuard({ allow: config.fetchAllow });
  return { refuseUrl: (url) => guard.refuseUrl(url), readTargets: openTargetReader(channels) };
}

/** The targets of `@name`: an alias, or a channel that the file defines. */
export function aliasOf(
  { aliases, channels }: Pick<ConfigFile, "aliases" | "channels">,
  name: string,
): readonly string[] | undefined {
  return aliases.get(name) ?? (Object.hasOwn(channels, name) ? [`${name}://`] : undefined);
}

/**
 * What in a file can never work, with pointers into the file. Hooks and schedules are left out
 * while a template cannot be read, which is reported where templates are.
 */
export function targetIssues(config: TargetSettings, file: ConfigFile): Issue[] {
  const parser = readableParserFor(config, file);
  const context = { ids: () => "", now: 0 };
  const under = (path: readonly string[]) => (issue: Issue) => ({
    ...issue,
    pointer: pointerTo(path) + issue.pointer,
  });
  const ports = targetPorts(config, file);
  const unusable = (target: string, pointer: string): Issue[] => {
    const detail = whyUnusable(target, ports);
    return detail === undefined ? [] : [{ pointer, detail }];
  };
  const submitIssues = (parser: SubmitParser): Issue[] => [
    ...[...file.hooks.values()].flatMap((hook) =>
      checkHook(hook, parser, context).map(under(["hooks", hook.name]))
    ),
    ...[...file.schedules].flatMap(([name, { type, body }]) => {
      const { issues = [] } = parser[type](parseBodyText(body), context);
      return issues.map(under(["schedules", name, type]));
    }),
  ];
  return [
    ...[...file.aliases].flatMap(([name, targets]) =>
      targets.flatMap((target, index) =>
        unusable(target, `/${index}`).map(under(["aliases", name]))
      )
    ),
    ...Object.keys(file.channels).flatMap((name) =>
      unusable(`${name}://x`, "/url").map(under(["channels", name]))
    ),
    ...(parser ? submitIssues(parser) : []),
  ];
}

function readableParserFor(config: TargetSettings, file: ConfigFile): SubmitParser | undefined {
  try {
    return submitParserFor(config, file);
  } catch (error) {
    if (error instanceof TemplateFileError) return undefined;
    throw error;
  }
}

/** Why a target can never work. It can be a secret, so it is not shown. */
function whyUnusable(target: string, { readTargets, refuseUrl }: TargetPorts): string | undefined {
  if (!target.includes("://")) return parseMailbox(target) ? undefined : "Expected a mail address";
  const read = readTargets(target);
  if (typeof read === "string") return read;
  const refused = read.map(({ url }) => refuseUrl(url)).find((error) => error !== undefined);
  return refused?.detail;
}
