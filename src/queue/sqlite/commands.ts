/**
 * What can be asked of the thread, by name. Arguments and answers cross as plain data.
 *
 * @module
 */

import type { HostLimits } from "../../task/host_limits.ts";
import type { CancelReason } from "../../task/outcome.ts";
import type { TaskFilter } from "../engine.ts";
import { changesAfter } from "./changes.ts";
import type { PackedSettlement, PackedSubmission } from "./codec.ts";
import type { Ledger } from "./ledger.ts";
import { list } from "./lists.ts";
import { cancelWaiting, sweep } from "./generation.ts";
import { purge } from "./purge.ts";
import { batchTasks, counts, find, findBatch, listBatches } from "./records.ts";
import { settle } from "./settlements.ts";
import { insert } from "./submissions.ts";
import { deliveries, findDelivery, schedules } from "./triggers.ts";
import { cancel, cancelSome, revive, reviveSome, runNow } from "./cancel_retry.ts";

/** Each runs within a transaction. */
export const commands = {
  insert: (ledger: Ledger, submission: PackedSubmission, maxQueued: number) =>
    insert(ledger, submission, maxQueued),
  settle: (ledger: Ledger, settlement: PackedSettlement) => settle(ledger, settlement),
  cancel: (ledger: Ledger, id: string, reason: CancelReason) => cancel(ledger, id, reason),
  cancelSome: (ledger: Ledger, filter: TaskFilter, reason: CancelReason, before: number) =>
    cancelSome(ledger, filter, reason, before),
  cancelWaiting: (ledger: Ledger) => cancelWaiting(ledger),
  revive: (ledger: Ledger, id: string) => revive(ledger, id),
  reviveSome: (ledger: Ledger, filter: TaskFilter, before: number) =>
    reviveSome(ledger, filter, before),
  runNow: (ledger: Ledger, id: string) => runNow(ledger, id),
  find: (ledger: Ledger, id: string) => find(ledger, id),
  list: (ledger: Ledger, filter: TaskFilter, limit: number, before: number) =>
    list(ledger, filter, limit, before),
  findBatch: (ledger: Ledger, id: string) => findBatch(ledger, id),
  listBatches: (ledger: Ledger, limit: number, before: number) =>
    listBatches(ledger, limit, before),
  batchTasks: (ledger: Ledger, id: string) => batchTasks(ledger, id),
  lastChange: (ledger: Ledger) => ledger.change,
  changesAfter: (ledger: Ledger, change: number, limit: number) =>
    changesAfter(ledger, change, limit),
  schedules: (ledger: Ledger) => schedules(ledger),
  deliveries: (ledger: Ledger, hook: string, limit: number, before: number) =>
    deliveries(ledger, hook, limit, before),
  findDelivery: (ledger: Ledger, id: string) => findDelivery(ledger, id),
  counts: (ledger: Ledger) => counts(ledger),
  lanes: (ledger: Ledger, limit: number) => ledger.book.status(ledger.now, limit),
  lane: (ledger: Ledger, lane: string) => ledger.book.statusOf(lane, ledger.now),
  limitHosts: (ledger: Ledger, hosts: readonly (readonly [string, HostLimits])[]): null => {
    ledger.hosts = new Map(hosts);
    ledger.book.limitHosts(ledger.hosts);
    return null;
  },
  limitLane: (ledger: Ledger, lane: string, limit: number): null => {
    ledger.lanes.limit(lane, limit);
    ledger.book.set(lane, { limit });
    return null;
  },
  purge: (ledger: Ledger, finishedBefore: number, limit: number) =>
    purge(ledger, finishedBefore, limit),
  sweep: (ledger: Ledger) => sweep(ledger),
  watch: (ledger: Ledger, word: string): null => {
    ledger.watched.add(word);
    return null;
  },
  unwatch: (ledger: Ledger, word: string): null => {
    ledger.watched.delete(word);
    return null;
  },
};

/** The names of what can be asked. */
export type CommandName = keyof typeof commands;

/** What a command takes, after the ledger. */
export type Arguments<Name extends CommandName> = Parameters<(typeof commands)[Name]> extends
  [Ledger, ...infer Rest] ? Rest : never;

/** What a command answers. */
export type Answer<Name extends CommandName> = ReturnType<(typeof commands)[Name]>;
