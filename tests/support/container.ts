/**
 * Builds and starts the image on a machine without a container engine: buildah
 * builds it, and namespaces and a read-only root replace the rest.
 *
 * @module
 */

import { fileURLToPath } from "node:url";

import { linesOf } from "./lines.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const STAND_IN = `localhost/postrider-base:${Deno.version.deno}`;
const TRUST = "etc/ssl/certs/ca-certificates.crt";

/** How an image says that it is started. */
export interface ImageConfig {
  /** The program and its arguments. */
  readonly Cmd: string[];
  /** `NAME=value`. */
  readonly Env: string[];
  /** `uid:gid`. */
  readonly User: string;
  /** Where it starts. */
  readonly WorkingDir: string;
  /** Paths that are meant to be mounted. */
  readonly Volumes: Record<string, unknown>;
  /** The signal that stops it. */
  readonly StopSignal: string;
  /** The health check; `Test` begins with `CMD`. */
  readonly Healthcheck: { readonly Test: string[] };
}

/** A built image, mounted as a container. */
export interface Image extends AsyncDisposable {
  /** As the Dockerfile set it. */
  readonly config: ImageConfig;
  /** Starts a program of the image as PID 1, which can write to `/data` only. */
  start(command: readonly string[], options: StartOptions): Container;
}

/** How a container is started. */
export interface StartOptions {
  /** The folder to mount as `/data`. */
  readonly data: string;
  /** Variables in addition to those of the image. */
  readonly env?: Readonly<Record<string, string>>;
  /** Without a network. */
  readonly offline?: boolean;
}

/** A running container. */
export interface Container extends AsyncDisposable {
  /** Its output. */
  readonly lines: ReturnType<typeof linesOf>;
  /** Its exit code. */
  readonly exit: Promise<number>;
  /** Sends a signal to its PID 1. */
  kill(signal: Deno.Signal): Promise<void>;
}

/** Builds the image from the working tree, on a base of Debian and the Deno that runs this test. */
export async function buildImage(): Promise<Image> {
  await buildStandIn();
  const name = `localhost/postrider-test:${crypto.randomUUID()}`;
  const base = `BASE=${STAND_IN}`;
  await run(
    "buildah",
    "bud",
    "-q",
    "--isolation=chroot",
    "--format=docker",
    "-t",
    name,
    "--build-arg",
    base,
    ROOT,
  );
  const { Docker: { config } } = JSON.parse(await run("buildah", "inspect", "--type=image", name));
  const container = await run("buildah", "from", "--pull-never", name);
  const root = await run("buildah", "mount", container);
  return {
    config,
    start: (command, options) => start(root, config, command, options),
    async [Symbol.asyncDispose]() {
      await run("buildah", "rm", container);
      await run("buildah", "rmi", name);
    },
  };
}

/** A minimal Debian with Deno and this machine's CA certificates and package settings; made once. */
async function buildStandIn(): Promise<void> {
  if (await succeeds("buildah", "inspect", "--type=image", STAND_IN)) return;
  const container = await run("buildah", "from", "scratch");
  const root = await run("buildah", "mount", container);
  const { release, mirror } = await debian();
  const packages = "--include=ca-certificates";
  await run("debootstrap", "--variant=minbase", packages, release, root, ...mirror);
  await Deno.copyFile(await Deno.realPath(Deno.execPath()), `${root}/usr/bin/deno`);
  await Deno.copyFile(`/${TRUST}`, `${root}/${TRUST}`);
  const env = ["DENO_TLS_CA_STORE=system"];
  const registry = Deno.env.get("NPM_CONFIG_REGISTRY");
  if (registry) env.push(`NPM_CONFIG_REGISTRY=${registry}`);
  await run("buildah", "config", ...env.map((variable) => `--env=${variable}`), container);
  await run("buildah", "commit", "-q", "--rm", container, STAND_IN);
}

/** The release of this machine, and the source of its packages. */
async function debian(): Promise<{ release: string; mirror: string[] }> {
  const about = await Deno.readTextFile("/etc/os-release");
  const release = /^VERSION_CODENAME=(\w+)$/m.exec(about)?.[1] ?? "stable";
  const format = "$(RELEASE) $(COMPONENT) $(REPO_URI)";
  const sources = await run("apt-get", "indextargets", "--format", format);
  const main = sources.split("\n").find((line) => line.startsWith(`${release} main `));
  return { release, mirror: main?.split(" ").slice(2) ?? [] };
}

/** Uses namespaces: a read-only root, `/data` mounted, another user, no privileges. */
const IN_NAMESPACES = `
set -eu
root=$1 data=$2; shift 2
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount --bind "$data" "$root/data"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
exec chroot "$root" /usr/bin/env -i "$@"
`;

function start(
  root: string,
  { Env, User }: ImageConfig,
  command: readonly string[],
  { data, env = {}, offline = false }: StartOptions,
): Container {
  const [uid, gid] = User.split(":");
  const process = new Deno.Command("unshare", {
    args: [
      "--mount",
      "--pid",
      "--fork",
      "--kill-child",
      ...(offline ? ["--net"] : []),
      "bash",
      "-c",
      IN_NAMESPACES,
      "container",
      root,
      data,
      ...Env,
      ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
      "setpriv",
      `--reuid=${uid}`,
      `--regid=${gid}`,
      "--clear-groups",
      "--no-new-privs",
      "--bounding-set=-all",
      ...command,
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const lines = linesOf(process.stdout, process.stderr);
  const exit = process.status.then(({ code }) => code);
  return {
    lines,
    exit,
    async kill(signal) {
      const children = `/proc/${process.pid}/task/${process.pid}/children`;
      Deno.kill(Number(await Deno.readTextFile(children)), signal);
    },
    async [Symbol.asyncDispose]() {
      try {
        process.kill("SIGKILL");
      } catch {
        // It has already ended.
      }
      await exit;
      await lines.ended;
    },
  };
}

async function run(program: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args }).output();
  if (success) return new TextDecoder().decode(stdout).trim();
  const said = new TextDecoder().decode(stderr) || new TextDecoder().decode(stdout);
  throw new Error(`${program} ${args.join(" ")}: ${said.trim()}`);
}

async function succeeds(program: string, ...args: string[]): Promise<boolean> {
  return (await new Deno.Command(program, { args, stdout: "null", stderr: "null" }).output())
    .success;
}
