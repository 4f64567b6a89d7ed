/**
 * What the API needs to know from the channels, the worker and the templates.
 *
 * Only types: `service.ts` passes the functions.
 *
 * @module
 */

import type { Parsed } from "./issues.ts";
import type { Json, TaskError, TaskType } from "./task.ts";

/** How far a running task has come. */
export interface TaskProgress {
  /** Bytes moved so far. */
  readonly bytes: number;
  /** Bytes there are, when that is known. */
  readonly totalBytes?: number;
  /** Bytes a second, over the attempt so far. */
  readonly rate: number;
}

/** A running task whose channel reports progress. */
export interface RunningTask {
  /** `tsk_…` */
  readonly id: string;
  /** Its type. */
  readonly type: TaskType;
  /** The attempt's number. */
  readonly attempt: number;
  /** The batch it belongs to. */
  readonly batchId?: string;
  /** Its progress. */
  readonly progress: TaskProgress;
}

/** A thread of the channels, for `/status` and `/livez`. */
export interface ThreadStatus {
  /** From 1; a thread that replaces another one gets a new number. */
  readonly number: number;
  /** Attempts it has in hand. */
  readonly attempts: number;
  /** Milliseconds since it last answered. */
  readonly silentMs: number;
}

/** What the worker does now, and the threads that it has lost. */
export interface WorkerStatus {
  /** Attempts under way. */
  readonly running: number;
  /** The most at once. */
  readonly concurrency: number;
  /** The channels' threads. */
  readonly threads: readonly ThreadStatus[];
  /** Threads given up so far, each with its reason; newest first, a few. */
  readonly lost: readonly { readonly at: number; readonly reason: string }[];
}

/** One place that a channel's URL names: a task of its own. */
export interface ReadTarget {
  /** The name of the channel that brings it there. */
  readonly channel: string;
  /** The lane of the service. */
  readonly lane: string;
  /** The service, without anything secret; for the guard. */
  readonly url: URL;
  /** The URL that names only this place; holds secrets. */
  readonly target: string;
  /** The same as it may be shown. */
  readonly shown: string;
  /** Set when the text chose the host to call. */
  readonly anyHost?: true;
}

/** A template that was filled in. */
export interface RenderedTemplate {
  /** One line. */
  readonly subject: string;
  /** The plain text; made of the HTML where the template has none. */
  readonly text?: string;
  /** The HTML. */
  readonly html?: string;
}

/** What parsing a notification needs. */
export interface NotifyPorts {
  /** Why this URL may not be called, by its text alone; nothing is resolved. */
  refuseUrl(url: URL): TaskError | undefined;
  /** Why this node cannot save what a fetch receives; `undefined` when it can. */
  readonly refuseSave?: (() => string | undefined) | undefined;
  /** The targets in a channel's URL, at least one; a sentence when there is none. */
  readTargets(text: string): readonly ReadTarget[] | string;
  /** The targets of an alias, by its name without the `@`. */
  aliasOf(name: string): readonly string[] | undefined;
  /** Renders a template; an issue points to `/template` or into `/data`. */
  render(template: string, data: Readonly<Record<string, Json>>): Parsed<RenderedTemplate>;
}

/** One template in a list. */
export interface TemplateSummary {
  /** Its name in requests. */
  readonly name: string;
  /** What it is for. */
  readonly description?: string;
  /** What it makes. */
  readonly formats: readonly ("html" | "text")[];
  /** Data to look at it with. */
  readonly sample: Readonly<Record<string, Json | undefined>>;
  /** Whether it came with Postrider. */
  readonly ready: boolean;
}

/** One mail of the outbox, in brief. */
export interface OutboxEntry {
  /** The task that wrote it. */
  readonly id: string;
  /** The size of its file. */
  readonly bytes: number;
  /** When it was written, in milliseconds since the epoch. */
  readonly writtenAt: number;
  /** The `From` header, decoded. */
  readonly from: string;
  /** The `To` header, decoded; empty when there were only copies. */
  readonly to: string;
  /** The `Subject` header, decoded. */
  readonly subject: string;
}

/** The folder that mails are written to when there is no relay. */
export interface OutboxPort {
  /** The newest mails, newest first. */
  list(limit: number): Promise<readonly OutboxEntry[]>;
  /** One mail's bytes; `undefined` when it is not there. */
  read(id: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
}

/** What parsing any submit needs. */
export type SubmitParserPorts = NotifyPorts & Pick<Ports, "mailLaneOf" | "mailFrom">;

/** The file of the queue, for engines that have one. */
export interface QueueFile {
  /** Whether it was removed, moved or unmounted since the start. */
  readonly isGone: boolean;
  /** Its size, that of its log, and the free disk, in bytes; the last one only where it is known. */
  usage(): Promise<{
    readonly fileBytes: number;
    readonly logBytes: number;
    readonly freeBytes: number | undefined;
  }>;
  /** Whether the disk has no room for new tasks. */
  isFull(): Promise<boolean>;
  /** Where to write a backup: next to the queue's file. */
  backupPath(id: string): string;
}

/** What a reload of the settings has changed. */
export interface Reloaded {
  /** Settings and sections of `postrider.yaml` that are in force now. */
  readonly applied: readonly string[];
  /** Settings that have changed and take effect at the next start. */
  readonly needsRestart: readonly string[];
}

/** A setting as it is in force. */
export interface ShownSetting {
  /** The environment variable. */
  readonly name: string;
  /** What it is for. */
  readonly means: string;
  /** Its value, without secrets; absent when it is not set. */
  readonly value?: string;
  /** Where its value came from; absent when it is not set. */
  readonly source?: "default" | "environment" | "file";
  /** Whether a reload puts a change in force. */
  readonly reloads: boolean;
}

/** A section of `postrider.yaml` as it is in force. */
export interface ShownSection {
  /** Its name. */
  readonly name: string;
  /** The names of its entries. */
  readonly entries: readonly string[];
}

/** The settings as they are in force. */
export interface ShownSettings {
  /** Those of the environment, in the order of the documentation. */
  readonly settings: readonly ShownSetting[];
  /** The path of `postrider.yaml`. */
  readonly file: string;
  /** Its sections. */
  readonly sections: readonly ShownSection[];
}

/** A channel as notifications can name it. */
export interface ShownChannel {
  /** Its name. */
  readonly name: string;
  /** How a target of it is written in `to`. */
  readonly spelling: string;
  /** Where its notes go, as far as the settings decide that. */
  readonly leadsTo?: string;
  /** Whether the settings define it. */
  readonly custom?: true;
}

/** What `http/` and `hooks/` need from other parts of the service. */
export interface Ports extends NotifyPorts {
  /** The file of the queue; absent for other engines. */
  readonly queueFile?: QueueFile | undefined;
  /** The names of aliases and of channels of the settings, without the `@`. */
  aliasNames(): readonly string[];
  /** All templates, by name. */
  templates(): readonly TemplateSummary[];
  /** The settings in force. */
  settings(): ShownSettings;
  /** Every channel. */
  channels(): readonly ShownChannel[];
  /** The outbox; absent when mails go to a relay. */
  readonly outbox: OutboxPort | undefined;
  /** The lane of the relay that takes the mails of a sender. */
  mailLaneOf(sender: string): string;
  /** The `From` of mails that name none: `name <local@domain>`. */
  readonly mailFrom: string;
  /** The addresses that a URL's host leads to, or why it may not be called. */
  addressesOf(url: URL): Promise<readonly string[] | TaskError>;
  /** The folder of what fetches save. */
  readonly downloads: string;
  /** The progress of a running task, when its channel reports it. */
  progressOf(taskId: string): TaskProgress | undefined;
  /** When the attempt of a task that runs on this node began, in milliseconds since the epoch. */
  startedAtOf(taskId: string): number | undefined;
  /** The progress of every running task whose channel reports it. */
  runningTasks(): RunningTask[];
  /** How the worker is. */
  worker(): WorkerStatus;
}
