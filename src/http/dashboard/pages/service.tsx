/**
 * The pages about the service itself: its settings, its channels, and its API keys.
 *
 * @module
 */

import { formatDuration } from "../../../lib/duration.ts";
import type { Pause } from "../../../queue/engine.ts";
import type { KeyLimits } from "../../../task/key_limits.ts";
import type { ShownChannel, ShownSettings } from "../../../task/ports.ts";
import type { Scope } from "../../auth/auth.ts";
import { Action, Badge, FilterLink, grouped, Moment } from "../components.tsx";

type Part = "settings" | "channels" | "keys";

const PARTS: readonly (readonly [Part, string])[] = [
  ["settings", "Settings"],
  ["channels", "Channels"],
  ["keys", "API keys"],
];

function Parts({ at }: { at: Part }) {
  return (
    <nav class="choice" aria-label="The service">
      {PARTS.map(([part, name]) => (
        <a href={`/ui/${part}`} aria-current={part === at ? "page" : undefined}>{name}</a>
      ))}
    </nav>
  );
}

const SOURCES = {
  default: "default",
  environment: "environment",
  file: "file (…_FILE)",
};

/** The settings as they are in force. */
export function SettingsContent(
  { shown: { settings, file, sections }, reloads }: {
    readonly shown: ShownSettings;
    /** Whether the caller may reload them. */
    readonly reloads: boolean;
  },
) {
  const set = settings.filter(({ source = "default" }) => source !== "default");
  return (
    <>
      <Parts at="settings" />
      <p>
        As they are in force, without secrets. A change takes effect at the next start, or where the
        table says so at a reload (SIGHUP, <code>POST /admin/reload</code>).
      </p>
      {reloads
        ? (
          <p>
            <Action call="POST /admin/reload" done="Reloaded">Reload</Action>
          </p>
        )
        : null}
      <h2>Environment</h2>
      <p>
        {set.length === 0 ? "None differs from its default." : "Set, and not as by default: "}
        {set.map(({ name }, index) => (
          <>
            {index === 0 ? "" : ", "}
            <a href={`#${name}`}>{name}</a>
          </>
        ))}
      </p>
      <div class="wide">
        <table>
          <thead>
            <tr>
              <th scope="col">Setting</th>
              <th scope="col">Value</th>
              <th scope="col">From</th>
              <th scope="col">A change takes effect</th>
            </tr>
          </thead>
          <tbody>
            {settings.map(({ name, means, value, source, reloads }) => (
              <tr
                id={name}
                class={source === undefined || source === "default" ? "unset" : undefined}
              >
                <td data-name="Setting" class="what">
                  <code>{name}</code>
                  <small>{means}</small>
                </td>
                <td data-name="Value" class="value">
                  {value === undefined ? "not set" : <code>{value}</code>}
                </td>
                <td data-name="From">{source === undefined ? null : SOURCES[source]}</td>
                <td data-name="Takes effect">
                  {reloads ? "at a reload" : "at the next start"}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <h2>
        <code>{file}</code>
      </h2>
      <p>A reload puts changes of the file in force.</p>
      <table>
        <thead>
          <tr>
            <th scope="col">Section</th>
            <th scope="col">Entries</th>
          </tr>
        </thead>
        <tbody>
          {sections.map(({ name, entries }) => (
            <tr>
              <td data-name="Section">
                <code>{name}</code>
              </td>
              <td data-name="Entries" class="value">
                {entries.length === 0 ? "none" : entries.join(", ")}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

/** The channels, and a form that tests one. */
export function ChannelsContent(
  { channels, aliases, pauses, now, to = "", sends }: {
    readonly channels: readonly ShownChannel[];
    readonly aliases: readonly string[];
    readonly pauses: readonly Pause[];
    readonly now: number;
    /** The target to test. */
    readonly to?: string | undefined;
    /** Whether the caller may send. */
    readonly sends: boolean;
  },
) {
  return (
    <>
      <Parts at="channels" />
      {sends ? <TestForm to={to} aliases={aliases} /> : null}
      <h2>All channels</h2>
      <div class="wide">
        <table>
          <thead>
            <tr>
              <th scope="col">Channel</th>
              <th scope="col">A target in “to”</th>
              {sends ? <th scope="col">Test</th> : null}
            </tr>
          </thead>
          <tbody>
            {channels.map(({ name, spelling, leadsTo, custom }) => {
              const pause = pauses.find((one) => "channel" in one && one.channel === name);
              return (
                <tr>
                  <td data-name="Channel" class="what">
                    {name}
                    {custom ? <small>of postrider.yaml</small> : null}
                    {pause
                      ? (
                        <small>
                          <Badge word="paused" />{" "}
                          {pause.until === undefined ? null : <Moment at={pause.until} now={now} />}
                        </small>
                      )
                      : null}
                  </td>
                  <td data-name="Target" class="value">
                    <code>{spelling}</code>
                    {leadsTo === undefined ? null : <small>by {leadsTo}</small>}
                  </td>
                  {sends
                    ? (
                      <td data-name="Test">
                        <TestLink
                          to={custom ? spelling : spelling.split(/[ ,]/)[0] ?? ""}
                          of={name}
                        />
                      </td>
                    )
                    : null}
                </tr>
              );
            })}
            {aliases.map((alias) => (
              <tr>
                <td data-name="Channel" class="what">
                  @{alias}
                  <small>an alias of postrider.yaml</small>
                </td>
                <td data-name="Target" class="value">
                  <code>@{alias}</code>
                </td>
                {sends
                  ? (
                    <td data-name="Test">
                      <TestLink to={`@${alias}`} of={`@${alias}`} />
                    </td>
                  )
                  : null}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function TestLink({ to, of }: { to: string; of: string }) {
  return (
    <a href={`/ui/channels?${new URLSearchParams({ to })}#test`} aria-label={`Test ${of}`}>Test</a>
  );
}

function TestForm({ to, aliases }: { to: string; aliases: readonly string[] }) {
  return (
    <form class="send" id="test" data-send="/notify" novalidate>
      <h2>Test a channel</h2>
      <div class="field">
        <label for="test-to">Target</label>
        <input id="test-to" name="to" value={to} list="test-aliases" autocomplete="off" />
        <datalist id="test-aliases">
          {aliases.map((alias) => <option value={`@${alias}`}></option>)}
        </datalist>
        <small>An address, the URL of a channel, or an @alias</small>
        <small class="error" data-fault="to"></small>
      </div>
      <div class="field">
        <label for="test-subject">Subject</label>
        <input id="test-subject" name="subject" value="A test of Postrider" />
        <small class="error" data-fault="subject"></small>
      </div>
      <div class="field">
        <label for="test-text">Message</label>
        <textarea id="test-text" name="text" rows={2}>
          This message was sent from the page of channels. All is well.
        </textarea>
        <small class="error" data-fault="text"></small>
      </div>
      <input type="hidden" name="retry" value="0" />
      <input type="hidden" name="tags" value="test" />
      <div class="row">
        <button type="submit">Send a test</button>
        <button type="submit" name="dryRun" value="true">Dry run</button>
      </div>
      <pre id="test-preview" class="preview" tabindex={0} role="status" hidden></pre>
    </form>
  );
}

/** An API key as it is shown; never the key itself. */
export interface ShownKey {
  /** Its name. */
  readonly name: string;
  /** How many secrets it has: two while it is being rotated. */
  readonly secrets: number;
  /** Its scopes. */
  readonly scopes: readonly Scope[];
  /** When it was last used on this node, in milliseconds since the epoch. */
  readonly lastUsed: number | undefined;
  /** Its own limits. */
  readonly limits: KeyLimits | undefined;
}

/** The API keys. */
export function KeysContent(
  { keys, now, startedAt }: {
    readonly keys: readonly ShownKey[];
    readonly now: number;
    readonly startedAt: number;
  },
) {
  return (
    <>
      <Parts at="keys" />
      {keys.length === 0
        ? (
          <p class="empty">
            No API keys: only callers on this machine are served, unless the settings say otherwise.
            Set <code>POSTRIDER_API_KEYS</code>.
          </p>
        )
        : (
          <div class="wide">
            <table>
              <thead>
                <tr>
                  <th scope="col">Name</th>
                  <th scope="col">Scopes</th>
                  <th scope="col">Limits</th>
                  <th scope="col">Last used</th>
                </tr>
              </thead>
              <tbody>
                {keys.map(({ name, secrets, scopes, lastUsed, limits }) => (
                  <tr>
                    <td data-name="Name" class="what">
                      <FilterLink by="owner" value={name} />
                      {secrets > 1 ? <small>{secrets} secrets</small> : null}
                    </td>
                    <td data-name="Scopes">
                      {scopes.map((scope) => <span class="chip">{scope}</span>)}
                    </td>
                    <td data-name="Limits">{limitsText(limits)}</td>
                    <td data-name="Last used">
                      {lastUsed === undefined
                        ? "not since the start"
                        : <Moment at={lastUsed} now={now} />}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      <p>
        Keys are set in{" "}
        <code>POSTRIDER_API_KEYS</code>, and taken over at a reload. Their secrets are never shown.
        Uses are those of this node since it started, <Moment at={startedAt} now={now} />.
      </p>
    </>
  );
}

function limitsText(limits: KeyLimits | undefined): string {
  const { rate, maxQueued } = limits ?? {};
  return [
    ...(rate === undefined ? [] : [`${grouped(rate.count)} in ${formatDuration(rate.windowMs)}`]),
    ...(maxQueued === undefined ? [] : [`${grouped(maxQueued)} queued`]),
  ].join(", ");
}
