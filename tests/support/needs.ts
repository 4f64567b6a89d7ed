/**
 * Programs that some tests need.
 *
 * @module
 */

/** Each program, and the Debian package that has it; `.ci/run` installs them. */
export const PACKAGES = {
  apprise: "apprise",
  buildah: "buildah",
  cc: "gcc libc6-dev",
  curl: "curl",
  chromium: "chromium",
  debootstrap: "debootstrap",
  "docker-compose": "docker-compose",
  dkimverify: "python3-dkim",
  haproxy: "haproxy",
  ip: "iproute2",
  nginx: "nginx",
  node: "nodejs",
  npx: "npm",
  openssl: "openssl",
  pgbouncer: "pgbouncer",
  postfix: "postfix",
  prometheus: "prometheus",
  promtool: "prometheus",
  saslpasswd2: "sasl2-bin libsasl2-modules",
  script: "bsdutils",
  spamassassin: "spamassassin",
  "systemd-analyze": "systemd",
  unshare: "util-linux",
  "prometheus-alertmanager": "prometheus-alertmanager",
} as const;

/**
 * Options for a test that needs these programs. Where one is missing, the test
 * is skipped on a workstation; in CI this throws.
 */
export function needs(...programs: (keyof typeof PACKAGES)[]): { ignore: boolean } {
  const missing = programs.filter((program) => !isInstalled(program));
  if (missing.length > 0 && Deno.env.get("CI")) {
    const packages = missing.map((program) => PACKAGES[program]).join(" ");
    throw new Error(
      `Cannot test without ${missing.join(", ")}: expected apt-get install ${packages}`,
    );
  }
  return { ignore: missing.length > 0 };
}

/** Options for a test that needs root as well, such as one that creates namespaces. */
export function needsRoot(...programs: Parameters<typeof needs>): { ignore: boolean } {
  const { ignore } = needs(...programs);
  const isRoot = Deno.uid() === 0;
  if (!isRoot && Deno.env.get("CI")) throw new Error("Cannot test as this user: expected root");
  return { ignore: ignore || !isRoot };
}

function isInstalled(program: string): boolean {
  return (Deno.env.get("PATH") ?? "").split(":").some((folder) => {
    try {
      return Deno.statSync(`${folder}/${program}`).isFile;
    } catch {
      return false;
    }
  });
}
