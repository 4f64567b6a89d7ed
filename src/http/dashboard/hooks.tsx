/**
 * The hooks, their deliveries, and the tasks created from them.
 *
 * @module
 */

import type { Verdict } from "../../hooks/receive.ts";
import type { Hook } from "../../hooks/hook_settings.ts";
import type { DeliverySummary } from "../../task/trigger.ts";
import { HOOK_VERDICTS, type HookVerdict } from "../../lib/metrics.ts";
import { Action, Badge, Moment } from "./components.tsx";

/** The content of the list. */
export function HooksContent({ hooks }: { hooks: readonly (Hook & { counts: VerdictCounts })[] }) {
  if (hooks.length === 0) {
    return (
      <p>
        No hooks. They are defined in <code>postrider.yaml</code>.
      </p>
    );
  }
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Path</th>
          <th scope="col">Preset</th>
          <th scope="col">Creates</th>
          <th scope="col">Deliveries since the start</th>
        </tr>
      </thead>
      <tbody>
        {hooks.map(({ name, preset, tasks, counts }) => (
          <tr>
            <td data-name="Name" class="what">
              <a href={`/ui/hooks/${encodeURIComponent(name)}`}>{name}</a>
            </td>
            <td data-name="Path">
              <code>/hooks/{name}</code>
            </td>
            <td data-name="Preset">{preset.name}</td>
            <td data-name="Creates">{tasks.map(({ type }) => type).join(", ")}</td>
            <td data-name="Deliveries since the start">{countsText(counts)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

type VerdictCounts = Readonly<Partial<Record<HookVerdict, number>>>;

function countsText(counts: VerdictCounts): string {
  const texts = HOOK_VERDICTS.filter((verdict) => counts[verdict])
    .map((verdict) => `${counts[verdict]} ${verdict}`);
  return texts.join(", ") || "none";
}

/** The content of a hook's page. */
export function HookContent(
  { hook, deliveries, nextCursor, now, operates }: {
    readonly hook: Hook;
    readonly deliveries: readonly DeliverySummary[];
    readonly nextCursor?: string | undefined;
    readonly now: number;
    readonly operates: boolean;
  },
) {
  const path = `/hooks/${encodeURIComponent(hook.name)}`;
  return (
    <section id="deliveries" data-live aria-label="Deliveries, newest first">
      <p>
        <a href={`/ui/tasks?source=${encodeURIComponent(`hook:${hook.name}`)}`}>
          Tasks of this hook
        </a>
      </p>
      {deliveries.length === 0 ? <p>No deliveries yet.</p> : (
        <table>
          <thead>
            <tr>
              <th scope="col">Delivery</th>
              <th scope="col">Received</th>
              <th scope="col">Result</th>
              {operates ? <th scope="col">Actions</th> : null}
            </tr>
          </thead>
          <tbody>
            {deliveries.map((delivery) => (
              <tr>
                <td data-name="Delivery" class="what">
                  <code>{delivery.id}</code>
                </td>
                <td data-name="Received">
                  <Moment at={delivery.receivedAt} now={now} />
                </td>
                <td data-name="Result">
                  <Result verdict={delivery.verdict as unknown as Verdict} />
                </td>
                {operates
                  ? (
                    <td data-name="Actions">
                      <Action
                        call={`POST ${path}/deliveries/${delivery.id}/replay`}
                        confirm="Create its tasks again with the current configuration?"
                        done="Replayed"
                      >
                        Replay
                      </Action>
                    </td>
                  )
                  : null}
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {nextCursor
        ? (
          <p>
            <a rel="next" href={`/ui${path}?cursor=${nextCursor}`}>Older deliveries</a>
          </p>
        )
        : null}
    </section>
  );
}

function Result({ verdict }: { verdict: Verdict }) {
  const { kind, event, tasks, replays, error } = verdict;
  return (
    <>
      <Badge word={kind} /> {event ?? ""}
      {tasks.map((id) => (
        <small>
          <a href={`/ui/tasks/${id}`}>{id}</a>
        </small>
      ))}
      {replays === undefined ? null : <small>replayed {replays} times</small>}
      {error === undefined ? null : <small class="error">{error.detail}</small>}
    </>
  );
}
