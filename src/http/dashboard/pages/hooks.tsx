/**
 * The hooks, their deliveries, and the tasks created from them.
 *
 * @module
 */

import type { DeliveryPreview } from "../../../hooks/hooks.ts";
import { readPayload, type Verdict } from "../../../hooks/evaluate.ts";
import type { Hook } from "../../../hooks/hook_settings.ts";
import { HOOK_VERDICTS, type HookVerdict } from "../../../lib/metrics.ts";
import { countAt, type Tally, tallyAt } from "../../../task/history.ts";
import { maskHeaders, maskJson } from "../../../task/secrets.ts";
import type { DeliverySummary } from "../../../task/trigger.ts";
import type { Shown } from "../../stats/history.ts";
import { payloadView } from "../../views/task_view.ts";
import { Sparkline } from "../charts.tsx";
import { Action, Badge, Fact, grouped, Moment, NextPage } from "../components.tsx";
import { type LookBack, WindowSwitch } from "../windows.tsx";

/** What a page of hooks knows of the past. */
interface Past {
  readonly period: LookBack;
  readonly shown: Shown;
}

const MEANINGS: Readonly<Record<HookVerdict, string>> = {
  accepted: "created tasks",
  filtered: "excluded by the filter",
  failed: "could not be mapped",
  duplicate: "received before",
  rejected: "wrong signature or token",
  limited: "over the rate of the hook",
  refused: "no room in the queue",
};
/** Verdicts that a person should look at. */
const BAD: readonly HookVerdict[] = ["failed", "rejected", "limited", "refused"];

/** How many deliveries of a hook a person should look at. */
export function troubleOf(total: Tally, hook: string): number {
  return BAD.reduce((sum, verdict) => sum + countAt(total, "hooks", hook, verdict), 0);
}

function pathOf(name: string): string {
  return `/ui/hooks/${encodeURIComponent(name)}`;
}

/** The content of the list. */
export function HooksContent(
  { hooks, period, shown }: Past & { readonly hooks: readonly Hook[] },
) {
  if (hooks.length === 0) {
    return (
      <p class="empty">
        No hooks. They are defined in <code>postrider.yaml</code>: see{" "}
        <a href="/manual/hooks">the manual</a>.
      </p>
    );
  }
  return (
    <section id="hooks" data-live>
      <div class="heading">
        <h2>Deliveries, {period.name}</h2>
        <WindowSwitch path="/ui/hooks" now={period} />
      </div>
      <table class="dense">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Path</th>
            <th scope="col">Preset</th>
            <th scope="col">Creates</th>
            <th scope="col" class="wide">Deliveries</th>
            <th scope="col" class="number">Accepted</th>
            <th scope="col">Others</th>
          </tr>
        </thead>
        <tbody>
          {hooks.map(({ name, preset, tasks }) => (
            <tr>
              <td data-name="Name" class="what">
                <a href={pathOf(name)}>{name}</a>
              </td>
              <td data-name="Path">
                <code>/hooks/{name}</code>
              </td>
              <td data-name="Preset">{preset.name}</td>
              <td data-name="Creates">{tasks.map(({ type }) => type).join(", ")}</td>
              <td data-name="Over time" class="wide">
                <VerdictLine shown={shown} hook={name} verdicts={HOOK_VERDICTS} />
              </td>
              <td data-name="Accepted" class="number">
                {grouped(countAt(shown.total, "hooks", name, "accepted"))}
              </td>
              <td data-name="Others">{othersText(shown, name)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function othersText({ total }: Shown, hook: string) {
  const counts = tallyAt(total, "hooks", hook);
  const found = HOOK_VERDICTS.filter((verdict) =>
    verdict !== "accepted" && countAt(counts, verdict) > 0
  );
  if (found.length === 0) return "none";
  return found.map((verdict, index) => (
    <>
      {index > 0 ? ", " : ""}
      <span class={BAD.includes(verdict) ? "error" : undefined}>
        {`${grouped(countAt(counts, verdict))} ${verdict}`}
      </span>
    </>
  ));
}

/** The deliveries of some verdicts over time; those that need a look are marked. */
function VerdictLine(
  { shown, hook, verdicts }: {
    readonly shown: Shown;
    readonly hook: string;
    readonly verdicts: readonly HookVerdict[];
  },
) {
  const steps = shown.steps.map((step) => {
    const sum = (of: readonly HookVerdict[]) =>
      of.reduce((sum, verdict) => sum + countAt(step, "hooks", hook, verdict), 0);
    return { all: sum(verdicts), bad: sum(verdicts.filter((verdict) => BAD.includes(verdict))) };
  });
  return <Sparkline steps={steps} path={[]} all={["all"]} bad="bad" />;
}

/** The content of a hook's page. */
export function HookContent(
  { hook, deliveries, nextCursor, now, operates, period, shown }: Past & {
    readonly hook: Hook;
    readonly deliveries: readonly DeliverySummary[];
    readonly nextCursor?: string | undefined;
    readonly now: number;
    readonly operates: boolean;
  },
) {
  const path = pathOf(hook.name);
  return (
    <>
      <section id="verdicts" data-live>
        <div class="heading">
          <h2>Verdicts, {period.name}</h2>
          <WindowSwitch path={path} now={period} />
        </div>
        <Verdicts hook={hook.name} shown={shown} />
        <p>
          <a href={`/ui/tasks?source=${encodeURIComponent(`hook:${hook.name}`)}`}>
            Tasks of this hook
          </a>
        </p>
      </section>
      <section id="deliveries" data-live>
        <h2>Deliveries, newest first</h2>
        {deliveries.length === 0
          ? <p class="empty">No deliveries yet. Rejected ones are counted, but not stored.</p>
          : (
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
                      <a href={`${path}/${delivery.id}`}>
                        <code>{delivery.id}</code>
                      </a>
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
                          <Replay hook={hook.name} id={delivery.id} />
                        </td>
                      )
                      : null}
                  </tr>
                ))}
              </tbody>
            </table>
          )}
        <NextPage
          cursor={nextCursor}
          href={`${path}?cursor=${nextCursor}`}
          name="Older deliveries"
        />
      </section>
    </>
  );
}

function Verdicts({ hook, shown }: { hook: string; shown: Shown }) {
  const counts = tallyAt(shown.total, "hooks", hook);
  return (
    <table class="dense few">
      <thead>
        <tr>
          <th scope="col">Verdict</th>
          <th scope="col" class="wide">Over time</th>
          <th scope="col" class="number">Deliveries</th>
          <th scope="col" class="minor">Meaning</th>
        </tr>
      </thead>
      <tbody>
        {HOOK_VERDICTS.map((verdict) => (
          <tr>
            <td data-name="Verdict" class="state">
              <Badge word={verdict} />
            </td>
            <td data-name="Over time" class="wide">
              <VerdictLine shown={shown} hook={hook} verdicts={[verdict]} />
            </td>
            <td data-name="Deliveries" class="number">{grouped(countAt(counts, verdict))}</td>
            <td data-name="Meaning" class="minor">{MEANINGS[verdict]}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Replay({ hook, id }: { hook: string; id: string }) {
  return (
    <Action
      call={`POST /hooks/${encodeURIComponent(hook)}/deliveries/${id}/replay`}
      confirm="Create its tasks again with the current configuration?"
      done="Replayed"
    >
      Replay
    </Action>
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
      {replays === undefined
        ? null
        : <small>replayed {replays === 1 ? "once" : `${replays} times`}</small>}
      {error === undefined ? null : <small class="error">{error.detail}</small>}
    </>
  );
}

/** The content of a delivery's page: what came, and what the hook makes of it now. */
export function DeliveryContentPage(
  { hook, preview: { delivery, content, evaluation }, now, operates }: {
    readonly hook: Hook;
    readonly preview: DeliveryPreview;
    readonly now: number;
    readonly operates: boolean;
  },
) {
  return (
    <>
      <div id="result" data-live>
        <dl class="facts">
          <Fact name="Hook">
            <a href={pathOf(hook.name)}>{hook.name}</a>
          </Fact>
          <Fact name="Received">
            <Moment at={delivery.receivedAt} now={now} />
          </Fact>
          <Fact name="Result">
            <Result verdict={delivery.verdict as unknown as Verdict} />
          </Fact>
        </dl>
        {operates ? <Replay hook={hook.name} id={delivery.id} /> : null}
      </div>
      <section id="preview">
        <h2>With the current configuration</h2>
        <Mapping evaluation={evaluation} />
      </section>
      <section id="payload">
        <h2>Payload</h2>
        <pre tabindex={0}>{payloadText(hook, content)}</pre>
      </section>
      <section id="headers">
        <h2>Headers</h2>
        <pre tabindex={0}>
          {Object.entries(maskHeaders(content.headers)).map((pair) => pair.join(": ")).join("\n")}
        </pre>
      </section>
    </>
  );
}

function Mapping({ evaluation: { verdict, drafts } }: Pick<DeliveryPreview, "evaluation">) {
  if (verdict.kind === "filtered") return <p>The filter of the hook excludes it.</p>;
  if (verdict.error) {
    const { detail, pointer } = verdict.error;
    return (
      <p class="error">
        It cannot be mapped: {pointer === undefined ? null : <code>{pointer}</code>} {detail}
      </p>
    );
  }
  return (
    <>
      {drafts.flatMap(({ drafted }) => drafted).map(({ task, payload }) => (
        <>
          <h3>
            {task.type}: {task.label}
          </h3>
          <pre tabindex={0}>{JSON.stringify(payloadView(payload), null, 2)}</pre>
        </>
      ))}
    </>
  );
}

/** The payload with its secrets masked; what is not JSON is not shown, because its secrets are not known. */
function payloadText(hook: Hook, content: DeliveryPreview["content"]): string {
  try {
    return JSON.stringify(maskJson(readPayload(hook.preset, content)), null, 2);
  } catch {
    return `Not JSON: ${content.body.length} characters`;
  }
}
