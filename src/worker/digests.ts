/**
 * Sends the tasks of one digest in one attempt.
 *
 * The first claimed task waits a moment for the others, which became due at
 * the same time. Tasks share an attempt only when they have the same
 * destination, the same attempt number and the same carry.
 *
 * @module
 */

import { textOfJson } from "../lib/json/held_text.ts";
import { destinationOf } from "../task/input/digest.ts";
import type { AbortCause, CancelReason, Outcome } from "../task/outcome.ts";
import type { ChatPayload, EmailPayload, Payload } from "../task/payloads.ts";
import type { ClaimedTask } from "../task/task.ts";
import { type AttemptParts, type LiveAttempt, startAttempt } from "./attempt.ts";

/** How long the first task waits for the others, in milliseconds. */
const WAIT_MS = 100;

/** Joins tasks into shared attempts. */
export interface Digests {
  /** Returns the attempt of a task, which it shares with others of its digest. */
  join(task: ClaimedTask): LiveAttempt;
}

interface Member {
  readonly task: ClaimedTask;
  readonly payload: ChatPayload | EmailPayload;
  readonly attempt: SharedAttempt;
}

/** Opens it without any task. */
export function openDigests(parts: AttemptParts): Digests {
  const groups = new Map<string, { readonly members: Set<Member>; readonly undo: () => void }>();

  function send(name: string): void {
    const members = [...groups.get(name)?.members ?? []];
    dissolve(name);
    start(members);
  }

  /** Sends the members as one message; in halves when the relay takes no message of that size. */
  function start(members: readonly Member[]): void {
    const [leader, ...others] = members;
    if (!leader) return;
    const gathered = others.map(({ payload }) => payload);
    const payload = gathered.length === 0 ? leader.payload : { ...leader.payload, gathered };
    const live = startAttempt({ ...leader.task, payload: JSON.stringify(payload) }, parts);
    for (const { attempt } of members) attempt.follow(live);
    live.outcome.then((outcome) => {
      if (others.length === 0 || !isTooLarge(outcome) || live.cause) {
        for (const { attempt } of members) attempt.end(outcome);
        return;
      }
      const half = Math.ceil(members.length / 2);
      start(members.slice(0, half));
      start(members.slice(half));
    });
  }

  function dissolve(name: string): void {
    groups.get(name)?.undo();
    groups.delete(name);
  }

  return {
    join(task) {
      const payload = JSON.parse(textOfJson(task.payload)) as Payload;
      if ("url" in payload) return startAttempt(task, parts);
      const { lane, channel, attempt: number, carry = null } = task;
      const name = JSON.stringify([lane, channel, destinationOf(payload), number, carry]);
      const group = groups.get(name) ??
        { members: new Set(), undo: parts.clock.after(WAIT_MS, () => send(name)) };
      groups.set(name, group);
      const attempt = new SharedAttempt(() => {
        group.members.delete(member);
        if (group.members.size === 0) dissolve(name);
      });
      const member: Member = { task, payload, attempt };
      group.members.add(member);
      if (group.members.size >= (payload.digestMax ?? Infinity)) send(name);
      return attempt;
    },
  };
}

/** A message of several was refused for its size, by the relay's announcement or its reply. */
function isTooLarge(outcome: Outcome): boolean {
  return outcome.kind === "rejected" && outcome.delivery === undefined &&
    (outcome.error.code === "too_large" || outcome.error.code === "smtp_552");
}

/** The shared attempt, as one of its tasks sees it. */
class SharedAttempt implements LiveAttempt {
  readonly #outcome = Promise.withResolvers<Outcome>();
  readonly #leave: () => void;
  #live: LiveAttempt | undefined;
  #cause: AbortCause | undefined;
  #cancelReason: CancelReason | undefined;

  constructor(leave: () => void) {
    this.#leave = leave;
  }

  get outcome(): Promise<Outcome> {
    return this.#outcome.promise;
  }

  get cause(): AbortCause | undefined {
    return this.#cause ?? this.#live?.cause;
  }

  get cancelReason(): CancelReason | undefined {
    return this.#cancelReason;
  }

  /** Called when the shared attempt has begun. */
  follow(live: LiveAttempt): void {
    this.#live = live;
    if (this.#cause && this.#cause !== "cancelled") live.abort(this.#cause);
  }

  /** Called with the outcome of the message that contains this task. */
  end(outcome: Outcome): void {
    this.#outcome.resolve(outcome);
  }

  /** Once the attempt has begun, cancelling one task does not abort it for the others; a shutdown does. */
  abort(cause: AbortCause, cancelReason?: CancelReason): void {
    this.#cause ??= cause;
    this.#cancelReason ??= cancelReason;
    if (!this.#live) {
      this.#leave();
      const error = {
        code: "aborted",
        detail: "The attempt was aborted before the digest was sent",
      };
      this.#outcome.resolve({ kind: "deferred", error });
    } else if (cause !== "cancelled") this.#live.abort(cause);
  }

  progress(): ReturnType<LiveAttempt["progress"]> {
    return this.#live?.progress();
  }
}
