/**
 * What brings a second process into a box that is up. It starts in the mount namespace of the box's chain, where the pipes
 * can be opened under a path that is no host's (see `ChainScript`), and goes on in the namespaces of the box itself: same
 * files, same processes, same network, and gone with it.
 *
 * Why it does things in this order:
 * - As in the chain, the pipes are opened for reading and writing first, and it goes on only when the engine has its ends.
 *   By then the engine has also put it into the box's cgroup.
 * - `nsenter` enters the box with all the power of the engine; so the first program in there is the host's setpriv, from
 *   the read-only folder that no image can change. It gives away what the box's own command does not have, and only then
 *   comes anything that the box can touch. No file descriptor but the process's own comes along.
 *
 * @since 0.1.0
 */
import { capabilities } from "./BwrapOptions.js"
import type { Mode } from "./Chain.js"
import type { Entrance } from "./HostProcesses.js"
import { setprivInside, shimBusybox } from "./Shim.js"
import { type StdinKind, timeFormat } from "./ChainScript.js"
import type { Tools } from "./Tools.js"

// before it goes anywhere: the chain's procfs does not know it, so there it could not see what it has open
const closeOthers = `
umask 0
for f in /proc/self/fd/*; do
  n=\${f##*/}
  case $n in 0|1|2|3) ;; *) eval "exec $n>&-" ;; esac
done
ulimit -c 0
exec "$@"
`

/** Its arguments: name of its folder, kind of stdin, busybox or "" as in the chain, and then the command to become. */
const script = `
d=/sys/$1 stdin=$2 B=$3
shift 3
fail() { printf 'fail %s\\n' "$*" >&3; exit 125; }
i=
[ "$stdin" != pipe ] || i=$d/i
e=$($B mkfifo $d/o $d/e $d/r $i 2>&1) || fail pipes "$e"
[ -z "$i" ] || exec 9<>$d/i
exec 6<>$d/o 7<>$d/e 8<>$d/r
printf 'up\\n' >&3 || exit 125
read -r go <&3 || exit 125
case $stdin in file) exec 0<$d/in ;; pipe) exec 0<$d/i ;; esac
exec 1>$d/o 2>$d/e 5<$d/script 3>$d/r 6>&- 7>&- 8>&- 9>&-
unset PWD OLDPWD SHLVL
exec "$@"
`

const lowered = capabilities.map((name) => `+${name.toLowerCase()}`).join(",")

// the parent-death signal comes after whatever changes credentials, which clears it
const intoChain = (mode: Mode, tools: Tools, entrance: Entrance): ReadonlyArray<string> => {
  const apart = [tools.busybox, "sh", "-c", closeOthers, "contree-local-process"]
  const enter = [...apart, tools.nsenter, "-t", String(entrance.outer)]
  return mode === "root"
    ? [tools.setpriv, "--pdeathsig", "KILL", "--clear-groups", ...enter, "-m", "--"]
    : [...enter, "-U", "--preserve-credentials", "-m", "--", tools.setpriv, "--pdeathsig", "KILL"]
}

/** The whole command line. `name` is its folder in the run's, `reportId` what its report begins with. */
export const commandLine = (options: {
  readonly mode: Mode
  readonly tools: Tools
  readonly entrance: Entrance
  readonly name: string
  readonly reportId: string
  readonly stdin: StdinKind
}): readonly [string, ...Array<string>] => {
  const { entrance, mode, tools } = options
  const [file = "", ...args] = intoChain(mode, tools, entrance)
  return [
    file,
    ...args,
    ...[tools.busybox, "sh", "-c", script, "contree-local-process", options.name, options.stdin],
    tools.prefersApplets ? "" : tools.busybox,
    ...[tools.nsenter, "-t", String(entrance.initInChain), ...entrance.namespaces, "--"],
    ...[...setprivInside(tools), "--no-new-privs", "--bounding-set", `-all,${lowered}`],
    ...["--inh-caps", `-all,${lowered}`, "--ambient-caps", `-all,${lowered}`],
    ...[shimBusybox, "time", "-o", "/dev/fd/3", "-f", `report ${options.reportId} ${timeFormat}`],
    ...[shimBusybox, "sh", "/dev/fd/5"]
  ]
}
