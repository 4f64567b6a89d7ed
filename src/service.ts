/**
 * Wires the parts of the service together: opens them in order and closes them in reverse.
 *
 * @module
 */

import meta from "../deno.json" with { type: "json" };
import { openTargetReader, type TargetReader } from "./channels/chat/table.ts";
import type { ChannelSettings } from "./channels/table.ts";
import { guardPorts, openGuard } from "./channels/guard/guard.ts";
import { openOutboxReader } from "./channels/mail/outbox_reader.ts";
import { logStartup } from "./service/startup_log.ts";
import { relaysFor } from "./channels/mail/relays.ts";
import { channelSettings, readCa } from "./service/channel_settings.ts";
import { PROBLEM_CODES } from "./http/problems.ts";
import { openSignOuts } from "./http/auth/sign_outs.ts";
import { sampleBacklog } from "./http/stats/backlog.ts";
import { openHistory, withHistory } from "./http/stats/history.ts";
import { createApp } from "./http/app.ts";
import { trustsNone } from "./http/request/client.ts";
import { openServer } from "./http/server.ts";
import { systemClock } from "./lib/clock.ts";
import { openIds } from "./lib/ids.ts";
import { type Log, openLog } from "./lib/log.ts";
import { openMetrics } from "./lib/metrics.ts";
import { openTraces } from "./lib/traces.ts";
import {
  type Durability,
  EngineDamagedError,
  EngineError,
  type QueueEngine,
} from "./queue/engine.ts";
import { networkFileSystemAt } from "./queue/file_system.ts";
import { openQueue } from "./queue/open.ts";
import { isLoopback } from "./lib/loopback.ts";
import { compact } from "./lib/compact.ts";
import { type ConfigFile, openConfigFile } from "./config/config_file.ts";
import { openCertificateFetcher } from "./service/certificates.ts";
import { openTriggers } from "./service/triggers.ts";
import { openSharedFolder, type SharedFolder } from "./service/shared_folder.ts";
import { watchQueueFile } from "./service/queue_file.ts";
import { openReload } from "./service/reload.ts";
import { removeErasedFiles, removeTaskFiles } from "./service/task_files.ts";
import { shownPorts } from "./service/shown.ts";
import { aliasOf, targetIssues } from "./service/targets.ts";
import type { ReadConfig, Source } from "./config.ts";
import { type Config, SETTINGS } from "./config/settings.ts";
import { openSubmitParser } from "./task/input/parse_submit.ts";
import { maxQueuedOf } from "./task/key_limits.ts";
import type { Ports } from "./task/ports.ts";
import type { Json } from "./task/task.ts";
import { openMailTemplates, readFolder } from "./templates/mail_templates.ts";
import { openFailureLog } from "./worker/failures.ts";
import { keepPurging } from "./worker/purge.ts";
import { openTelemetry } from "./worker/telemetry.ts";
import { openThreadPool, type ThreadPool } from "./worker/thread_pool.ts";
import { openWorker, type Worker } from "./worker/worker.ts";

export type { Config } from "./config/settings.ts";

/** The version of `deno.json`. */
export const VERSION: string = meta.version;

/** Time for open responses to end at a stop, in milliseconds. */
const CLOSE_MS = 500;

/** Time for settlements at a stop while the database is unavailable, in milliseconds. */
const SETTLE_MS = 1_000;

/** What the service needs from its process. */
export interface ServiceOptions {
  /** Whether the log goes to a terminal. */
  readonly terminal: boolean;
  /** Called once when the service cannot continue; the reason has been logged. */
  readonly onFatal: () => void;
  /** Reads the settings again, for a reload; without it only files are reloaded. */
  readonly readConfig?: () => ReadConfig;
  /** The settings as text, by name, to find those that a reload changes. */
  readonly texts?: Readonly<Record<string, string | undefined>>;
  /** Where the settings came from, by name. */
  readonly sources?: Readonly<Record<string, Source>>;
  /** Whether a queue is opened although it was moved elsewhere. */
  readonly force?: boolean;
  /** The modules of the threads; only the crash suite sets them, to arm failpoints. */
  readonly threads?: { readonly queue: URL; readonly channels: URL };
}

/** The running service. */
export interface Service {
  /** Its URL. */
  readonly url: string;
  /** Its log. */
  readonly log: Log;
  /** Reloads the settings that can change at run time; invalid ones are logged and change nothing. */
  reload(): void;
  /**
   * Stops it. `drain`: running attempts finish, queued tasks stay for the next
   * start. `cancel`: running attempts are aborted, queued tasks are cancelled.
   */
  stop(how: "drain" | "cancel"): Promise<void>;
}

/** Opens all parts; when one fails, those opened before it are closed. */
export async function openService(config: Config, options: ServiceOptions): Promise<Service> {
  const clock = systemClock;
  const log = openLog({
    level: config.log,
    format: config.logFormat ?? (options.terminal ? "text" : "json"),
    now: clock.now,
  });
  const fatal = once((error: unknown) => {
    log.error("The service stops because of an error", { error });
    options.onFatal();
  });

  const file = openConfigFile(
    config.configFile,
    Deno.readTextFileSync,
    (file) => targetIssues(config, file),
  );
  let { apiKeys } = config;
  const channelSettingsFor = (file: ConfigFile) =>
    channelSettings(config, file, VERSION, saves?.refusal);
  let channelsNow: ChannelSettings | undefined;
  const templates = openMailTemplates(config.templates, readFolder);
  await using stack = new AsyncDisposableStack();
  const ending = new AbortController();
  stack.defer(() => ending.abort());
  const { queue: url, maxQueued } = config;
  const thread = options.threads?.queue;
  const ca = await readCa(config);
  let pool: ThreadPool | undefined;
  let worker: Worker | undefined;
  const workload = () => ({
    running: worker?.running ?? 0,
    concurrency: config.role === "api" ? 0 : config.concurrency,
  });
  const engine: QueueEngine = stack.use(
    await openQueue(url, {
      clock,
      maxQueued,
      thread,
      onFailed: openFailureLog(log, clock, ending.signal),
      onFatal: fatal,
      ...compact({ force: options.force }),
      node: {
        name: config.node ?? Deno.hostname(),
        report: () => ({ role: config.role, version: VERSION, ...workload() }),
        random: Math.random,
        migrate: config.migrate,
        listenUrl: config.queueListen,
        ca,
      },
    }),
  );
  requireDurability(engine.durability, config.durability);
  const { cluster } = engine;
  const role = cluster ? config.role : "all";
  let readTargets: TargetReader = openTargetReader();
  file.follow(({ channels }) => void (readTargets = openTargetReader(channels)));
  file.follow(({ hosts }) => void engine.limitHosts(hosts).catch(fatal));
  const saves: SharedFolder | undefined = cluster && await openSharedFolder({
    cluster,
    folder: config.downloads,
    clock,
    log,
    signal: ending.signal,
    async onChange() {
      if (!pool) return;
      channelsNow = await channelSettingsFor(file.current);
      await pool.reopen(channelsNow as unknown as Json);
    },
  });
  const queueFile = watchQueueFile({ url, engine, clock, log, signal: ending.signal });
  const state = { accepting: true, ready: true };

  const run = `${config.node ?? Deno.hostname()} ${clock.now()} ${Deno.pid}`;
  const history = openHistory({ engine, clock, run });
  stack.defer(() => history.close());
  stack.defer(sampleBacklog({ engine, clock, history }));
  const metrics = withHistory(
    openMetrics({ version: VERSION, engine: engine.name }, PROBLEM_CODES),
    history,
  );
  const traces = openTraces(VERSION);
  const outbox = config.mail.kind === "outbox"
    ? openOutboxReader(config.mail.directory)
    : undefined;
  const ports: Ports = {
    queueFile,
    ...guardPorts(() => guard),
    readTargets: (text) => readTargets(text),
    aliasOf: (name) => aliasOf(file.current, name),
    aliasNames: () => Object.keys(file.current.channels).concat(...file.current.aliases.keys()),
    render: (template, data) => templates.render(template, data),
    templates: () => templates.list(),
    ...shownPorts({ config, file, texts: options.texts, sources: options.sources }),
    get outbox() {
      return file.current.relays.length === 0 ? outbox : undefined;
    },
    mailLaneOf: (sender) =>
      relaysFor(file.current.relays, sender)[0]?.relay.lane ?? config.mail.lane,
    mailFrom: config.mailFrom,
    downloads: config.downloads,
    refuseSave: () => saves?.refusal,
    progressOf: (id) => worker?.progressOf(id),
    startedAtOf: (id) => worker?.startedAtOf(id),
    runningTasks: () => worker?.runningTasks() ?? [],
    worker: () => ({ ...workload(), threads: pool?.status() ?? [], lost: pool?.lost ?? [] }),
  };
  const random = crypto.getRandomValues.bind(crypto);
  const folders = {
    downloads: config.downloads,
    outbox: config.mail.kind === "outbox" ? config.mail.directory : undefined,
  };
  stack.defer(removeErasedFiles(engine, folders, log));
  const ids = openIds(clock.now, random, engine.lastSequence, cluster?.idTurn);
  const acceptance = openSubmitParser(ports);
  const triggers = openTriggers({
    engine,
    ids,
    clock,
    log,
    ending: ending.signal,
    metrics,
    acceptance,
    hooks: () => file.current.hooks,
    fetchCertificate: openCertificateFetcher({
      guard: () => guard,
      clock,
      ca,
      egressProxy: config.egressProxy,
    }),
    maxQueuedOf: (owner) =>
      maxQueuedOf(file.current.keys.get(owner), {
        maxQueued,
        keys: new Set(apiKeys.map(({ name }) => name)).size,
      }),
  });
  // Nodes may have different files while they are replaced one by one: one of them decides.
  const takeSchedules = async () => {
    if (cluster?.isLeader !== false) await triggers.applySchedules(file.current.schedules);
  };
  /** Moves queued mails of a relay that is not set any more to one that is; its hold ends. */
  const followRelays = async () => {
    const { relays } = file.current;
    const lanes = relays.length > 0 ? relays.map(({ relay }) => relay.lane) : [config.mail.lane];
    const to = ports.mailLaneOf(config.mailFrom);
    const moved = await engine.moveLanes(["mail:", "outbox"], lanes, to);
    if (moved > 0) log.info("Queued mails follow the relay that is set now", { moved, relay: to });
  };
  await followRelays();
  const reload = openReload({
    file,
    templates,
    readConfig: options.readConfig,
    texts: options.texts ?? {},
    applySetting(name, { config }) {
      if (name !== SETTINGS.apiKeys.name) return false;
      ({ apiKeys } = config);
      app.keysChanged();
      return true;
    },
    async prepare(next, changed) {
      const settings = await channelSettingsFor(next);
      const isCertificates = settings.ca !== channelsNow?.ca;
      const isChannels = isCertificates || (["relays", "dkim", "callbacks", "channels"] as const)
        .some((name) => changed.includes(name));
      return {
        changed: pool && isCertificates ? [SETTINGS.caFile.name] : [],
        async apply() {
          if (changed.includes("schedules")) await takeSchedules();
          if (changed.includes("relays")) await followRelays();
          if (isChannels) await pool?.reopen(settings as unknown as Json);
          channelsNow = settings;
        },
      };
    },
    log,
  });
  // For example while the database is unavailable: the service goes on.
  const failReload = (error: unknown) => log.error("Settings not reloaded completely", { error });
  const reloadAll = async () => {
    const reloaded = await reload();
    if (!("issues" in reloaded)) cluster?.announce("reload");
    return reloaded;
  };
  const app = createApp({
    engine,
    ports,
    acceptance,
    hooks: triggers.hooks,
    schedules: triggers.schedules,
    reload: reloadAll,
    clock,
    log,
    metrics,
    history,
    signOuts: await openSignOuts({ engine, clock, signal: ending.signal }),
    traces,
    ids,
    keys: () => apiKeys,
    keyLimits: () => file.current.keys,
    maxQueued,
    removeFiles: (taskId) => removeTaskFiles(folders, taskId),
    basePath: config.basePath,
    ...compact({ corsOrigins: config.corsOrigins }),
    trustsProxy: config.trustsProxy ?? trustsNone,
    anonymous: anonymousRule(config),
    ...(config.rate ? { rate: config.rate } : {}),
    accepting: () => state.accepting,
    ready: () => state.ready,
    closing: ending.signal,
    version: VERSION,
    role,
    startedAt: clock.now(),
  });
  // A node that only accepts makes no calls, and needs no threads for them.
  if (role !== "api") {
    channelsNow = await channelSettingsFor(file.current);
    pool = stack.use(
      await openThreadPool({
        entry: options.threads?.channels ?? new URL("./channels/thread/thread.ts", import.meta.url),
        table: new URL("./channels/table.ts", import.meta.url),
        settings: channelsNow as unknown as Json,
        threads: config.threads,
        clock,
        log,
      }),
    );
    worker = openWorker({
      engine,
      runner: pool,
      clock,
      random: Math.random,
      log,
      concurrency: config.concurrency,
      telemetry: openTelemetry({
        clock,
        log,
        metrics,
        traces,
        ending: ending.signal,
        count: history.attempted.bind(history),
      }),
      onFatal: fatal,
    });
  }
  const { host: hostname, port } = config;
  const server = openServer(app.fetch, { hostname, port, clock, log, metrics });
  const guard = openGuard({
    allow: config.fetchAllow,
    self: { hostname: config.host, port: server.port },
  });
  stack.defer(() => server.close(CLOSE_MS));

  stack.defer(() => triggers.schedules.stop());
  if (role !== "worker") {
    await triggers.schedules.start();
    await takeSchedules();
  }
  cluster?.onAnnouncement((what) => {
    if (what === "reload") reload().catch(failReload);
    else if (role !== "worker") triggers.schedules.refresh().catch(fatal);
  });
  worker?.start();
  keepPurging(engine, clock, config, ending.signal).catch(fatal);
  const network = networkFileSystemAt(config.queue);
  const { relays } = file.current;
  logStartup(config, { engine, network, relays, url: server.url, version: VERSION, log });

  const opened = stack.move();
  return {
    url: server.url,
    log,
    reload: () => void reloadAll().catch(failReload),
    async stop(how) {
      state.ready = false;
      await triggers.schedules.stop();
      if (how === "cancel") await cancelAll();
      else await drain();
      ending.abort();
      await opened.disposeAsync();
    },
  };

  /** Whether Ctrl+C cancels what waits: on a shared queue only on the last node, and if it is set so. */
  async function cancelsQueue(): Promise<boolean> {
    if (!cluster) return true;
    if (config.onSigint !== "cancel") return false;
    // While the database is unavailable, nothing can be cancelled.
    const nodes = await cluster.nodes().catch(() => undefined);
    if (!nodes) return false;
    const others = nodes.length - 1;
    if (others > 0) log.warn("Queued tasks stay: other nodes are running", { nodes: others });
    return others <= 0;
  }

  /** Ctrl+C on a shared queue: attempts go back to it, and what waits stays for the other nodes. */
  async function handBack(): Promise<void> {
    state.accepting = false;
    cluster?.settleWithin(SETTLE_MS);
    const attempts = await worker?.stop("drain", 0);
    log.info("Stopped: attempts were handed back, queued tasks stay for the other nodes", {
      finished: attempts?.finished ?? 0,
      released: attempts?.released ?? 0,
      unknown: attempts?.unknown ?? 0,
    });
  }

  async function cancelAll(): Promise<void> {
    if (!await cancelsQueue()) return await handBack();
    state.accepting = false;
    const [cancelled, attempts] = await Promise.all([
      engine.cancelWaiting(),
      worker?.stop("shutdown", 0),
    ]);
    log.info(
      "Stopped: queued tasks were cancelled, POST /tasks/retry?reason=shutdown revives them",
      {
        finished: attempts?.finished ?? 0,
        cancelled,
        aborted: attempts?.aborted ?? 0,
        unknown: attempts?.unknown ?? 0,
      },
    );
  }

  async function drain(): Promise<void> {
    log.info("Draining", { running: worker?.running ?? 0, forMs: config.drainMs });
    cluster?.settleWithin(config.drainMs + SETTLE_MS);
    const attempts = await worker?.stop("drain", config.drainMs);
    const kept = await engine.counts().then(({ queued }) => queued, () => undefined);
    log.info("Drained: queued tasks stay for the next start", {
      finished: attempts?.finished ?? 0,
      kept,
      aborted: attempts?.released ?? 0,
      unknown: attempts?.unknown ?? 0,
    });
  }
}

const DURABILITY: readonly Durability[] = ["memory", "disk", "replicated"];

/** Throws a `RangeError` when a stored task would survive less than it must. */
function requireDurability(is: Durability, least: Config["durability"]): void {
  if (least === "any" || DURABILITY.indexOf(is) >= DURABILITY.indexOf(least)) return;
  throw new RangeError(
    `Cannot start with POSTRIDER_DURABILITY=${least}: the queue's durability is "${is}"`,
  );
}

/** The exit code for an error at the start (sysexits.h). */
export function exitCodeOf(error: unknown): number {
  if (error instanceof EngineDamagedError) return 74;
  if (error instanceof EngineError || error instanceof Deno.errors.AddrInUse) return 75;
  return 78;
}

function anonymousRule(
  { apiKeys, allowAnonymous, host }: Config,
): "refused" | "loopback" | "allowed" {
  if (apiKeys.length > 0) return "refused";
  return allowAnonymous ? "allowed" : isLoopback(host) ? "loopback" : "refused";
}

function once<Arg>(call: (arg: Arg) => void): (arg: Arg) => void {
  let called = false;
  return (arg) => {
    if (!called) call(arg);
    called = true;
  };
}
