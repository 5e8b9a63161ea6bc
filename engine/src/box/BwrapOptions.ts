/**
 * The options of bubblewrap, NUL-separated for `--args`: nothing of them is on a command line, which the box can read as
 * `/proc/1/cmdline`.
 *
 * @since 0.1.0
 */
import { existsSync } from "node:fs"
import type { BoxSpec } from "./BoxSpec.js"
import { privateFolder, shimBusybox } from "./Shim.js"
import type { Tools } from "./Tools.js"

/** What uid 0 keeps: enough for package managers, `su` and `chroot`, not for mounts, devices, modules or the network. */
export const capabilities = [
  "CHOWN",
  "DAC_OVERRIDE",
  "FOWNER",
  "FSETID",
  "SETUID",
  "SETGID",
  "KILL",
  "SETFCAP",
  "SYS_CHROOT"
] as const

const shmBytes = 64 * 1024 * 1024

const existing = (paths: ReadonlyArray<string>): ReadonlyArray<string> => paths.filter((path) => existsSync(path))

// parts of procfs that are the host's and not the box's. Read-only ones are of use (sysctls), the others are of none
const readOnlyProc = existing(["/proc/sys", "/proc/bus", "/proc/fs", "/proc/irq"])
const maskedProc = existing([
  "/proc/kcore",
  "/proc/sysrq-trigger",
  "/proc/keys",
  "/proc/timer_list",
  "/proc/sched_debug"
])

const encode = (options: ReadonlyArray<string>): Buffer => Buffer.from(options.map((option) => `${option}\0`).join(""))

const root = (hostname: string): ReadonlyArray<string> => [
  ...["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"],
  ...["--hostname", hostname, "--clearenv", "--bind", "mnt", "/"]
]

// in both boxes: a link in an image may lead either there
const kernel: ReadonlyArray<string> = [
  ...["--proc", "/proc"],
  ...readOnlyProc.flatMap((path) => ["--ro-bind", path, path]),
  ...maskedProc.flatMap((path) => ["--ro-bind", "/dev/null", path]),
  ...["--perms", "0555", "--tmpfs", "/sys", "--remount-ro", "/sys"]
]

const limits: ReadonlyArray<string> = [
  ...["--chdir", "/", "--cap-drop", "ALL"],
  ...capabilities.flatMap((name) => ["--cap-add", `CAP_${name}`])
]

const setpriv = (tools: Tools): ReadonlyArray<string> => [
  ...["--ro-bind", tools.setpriv, `${privateFolder}/setpriv`],
  ...(tools.setprivLoader === undefined ? [] : ["--ro-bind", tools.setprivLoader, `${privateFolder}/loader`]),
  ...tools.setprivLibraries.flatMap((path) => [
    "--ro-bind",
    path,
    `${privateFolder}/lib/${path.slice(path.lastIndexOf("/") + 1)}`
  ])
]

/** The box of the command. */
export const run = (spec: BoxSpec, tools: Tools): Buffer =>
  encode([
    ...root(spec.hostname),
    ...(spec.network === "none" ? ["--unshare-net"] : []),
    ...kernel,
    ...["--dev", "/dev", "--perms", "1777", "--size", String(shmBytes), "--tmpfs", "/dev/shm"],
    ...["--dir", privateFolder, "--ro-bind", tools.busybox, shimBusybox],
    // for another user, and for every process that enters the box later
    ...setpriv(tools),
    ...["--remount-ro", "/dev"],
    ...limits
  ])

/** The box in which files are put in place: gone, with its view of the contents, before the command's begins. */
export const place = (contents: string, hostname: string, tools: Tools): Buffer =>
  encode([
    ...root(hostname),
    ...["--unshare-net", ...kernel, "--dev", "/dev"],
    ...["--dir", privateFolder, "--ro-bind", tools.busybox, shimBusybox],
    ...["--ro-bind", contents, `${privateFolder}/f`],
    ...limits
  ])
