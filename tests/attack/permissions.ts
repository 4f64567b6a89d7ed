/**
 * The fences around the process: each flag of the image and of Compose is there,
 * each permission is needed, and the service works without any capability.
 *
 * @module
 */

import { parse } from "yaml";
import { aFolder, ROOT, startPostrider } from "../support/process.ts";
import { type Finding, must } from "./report.ts";

/** What the image may do, and nothing more. */
const FLAGS: readonly string[] = [
  "--cached-only",
  "--frozen",
  "--lock=/app/src/deno.lock",
  "--no-prompt",
  "--v8-flags=--no-allocation-site-pretenuring,--max-semi-space-size=4",
  "--allow-net",
  "--deny-net=169.254.0.0/16",
  "--allow-read=/app,/data,/etc/postrider,/run/secrets,/postrider.yaml,/templates",
  "--allow-write=/data",
  "--allow-env=POSTRIDER_*",
  "--ignore-env",
  "--allow-sys=hostname,statfs",
];
/** What Compose adds. */
const FENCES = { read_only: true, cap_drop: ["ALL"], security_opt: ["no-new-privileges:true"] };
/** Without them the service does not start. */
const NEEDED = /^--(?:allow-(?:net|read|write|env|sys)|ignore-env)/;
/** A user without rights, in a process that can get none. */
const UNPRIVILEGED = [
  ...["setpriv", "--reuid=1993", "--regid=1993", "--clear-groups", "--no-new-privs"],
  ...["--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all"],
];

/** Compares the flags, and starts the service without each of them. */
export async function permissions(): Promise<Finding[]> {
  const { flags, service } = await declared();
  const missing = FLAGS.filter((flag) => !flags.includes(flag));
  const added = flags.filter((flag) => !FLAGS.includes(flag));
  const fences = Object.entries(FENCES).filter(([name, value]) =>
    JSON.stringify(service[name]) !== JSON.stringify(value)
  ).map(([name]) => name);
  const superfluous: string[] = [];
  for (const flag of flags.filter((flag) => NEEDED.test(flag))) {
    if (await starts(flags.filter((other) => other !== flag))) superfluous.push(flag);
  }
  const isTried = Deno.uid() === 0 && await canRead();
  const works = await starts(flags, isTried ? UNPRIVILEGED : []);
  return [
    must("flags of the image that are missing", missing),
    must("unexpected flags of the image", added),
    must("fences of compose.yaml that are missing", fences),
    must("permissions that the service does not need", superfluous),
    must(
      isTried
        ? "does not start as user 1993 without capabilities"
        : "does not start with these flags (1993: not tried)",
      works ? [] : ["did not listen"],
    ),
  ];
}

/** Whether user 1993 can read the sources and run this Deno. */
async function canRead(): Promise<boolean> {
  const test = `test -r ${ROOT}deno.json && test -x ${Deno.execPath()}`;
  const [program = "", ...args] = [...UNPRIVILEGED, "sh", "-c", test];
  try {
    return (await new Deno.Command(program, { args }).output()).success;
  } catch {
    return false;
  }
}

async function declared() {
  const dockerfile = await Deno.readTextFile(`${ROOT}Dockerfile`);
  const [, command = "[]"] = /^CMD (\["deno", "run"[\s\S]*?\])$/m.exec(dockerfile) ?? [];
  const words = JSON.parse(command.replaceAll("\\\n", "")) as string[];
  const compose = parse(await Deno.readTextFile(`${ROOT}compose.yaml`), { merge: true }) as {
    services: Record<string, Record<string, unknown>>;
  };
  return {
    flags: words.filter((word) => word.startsWith("--")),
    service: compose.services.postrider ?? {},
  };
}

/** Whether the service listens with these flags, its paths being those of this machine. */
async function starts(flags: readonly string[], before: readonly string[] = []): Promise<boolean> {
  await using folder = await aFolder();
  const data = `${folder.path}/data`;
  await Deno.mkdir(data);
  if (before.length > 0) {
    await Deno.chmod(folder.path, 0o755);
    await Deno.chown(data, 1993, 1993);
  }
  // A user without rights reads the cache of this one only here.
  const own = before.length > 0 ? { DENO_DIR: await cacheFor(folder.path) } : {};
  const command = flags.map((flag) =>
    flag.replaceAll("/app", ROOT.slice(0, -1)).replaceAll("/data", data)
  );
  await using service = startPostrider({
    data,
    command: [...before, Deno.execPath(), "run", ...command, `${ROOT}src/main.ts`],
    env: { DENO_NO_PROMPT: "1", ...own },
  });
  return await service.listening.then(() => true, () => false);
}

async function cacheFor(folder: string): Promise<string> {
  const info = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  const { denoDir } = JSON.parse(new TextDecoder().decode(info.stdout)) as { denoDir: string };
  await new Deno.Command("cp", { args: ["-r", denoDir, `${folder}/deno`] }).output();
  await new Deno.Command("chown", { args: ["-R", "1993", `${folder}/deno`] }).output();
  return `${folder}/deno`;
}
