/**
 * What runs inside the box before the command, as shell text for a static busybox: it says its process id, goes to the
 * working directory, finds the command as a shell would, and becomes it. It runs under busybox' `time`, so that an exit
 * code and a signal can be told apart.
 *
 * The text is read from a descriptor: arguments and environment are on no command line but the command's own.
 *
 * @since 0.1.0
 */
import type { BoxFile, CommandSpec } from "./BoxSpec.js"
import { quote, words } from "./ShellText.js"
import type { Tools } from "./Tools.js"

/** Where the box keeps what it needs of the host. Under /dev: a tmpfs of its own, so the image gets no folder for it. */
export const privateFolder = "/dev/.contree"
export const shimBusybox = `${privateFolder}/busybox`

/** Where a command is looked for when its environment names no PATH. */
export const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

const find = `
refuse() { printf 'contree: %s\\n' "$2" >&2; exit "$1"; }
missing() { refuse 127 "$1"; }
refused() { refuse 126 "$1"; }
usable() {
  [ -e "$1" ] || missing "$1: no such file in the image"
  [ -d "$1" ] && refused "$1: is a directory, not a command"
  [ -x "$1" ] || refused "$1: permission denied: the file is not executable (chmod +x)"
}
find() {
  r= other= IFS=:
  for d in $P; do
    f="\${d:-.}/$c"
    [ -f "$f" ] || continue
    if [ -x "$f" ]; then r=$f; return; fi
    other=$f
  done
  [ -z "$other" ] || refused "$other: permission denied: the file is not executable (chmod +x)"
  missing "$c: not found in PATH ($P)"
}
`

/** The host's setpriv as it is started in a box: with a loader and libraries of its own, which no image changes. */
export const setprivInside = (tools: Tools): ReadonlyArray<string> => [
  ...(tools.setprivLoader === undefined ? [] : [`${privateFolder}/loader`, "--library-path", `${privateFolder}/lib`]),
  `${privateFolder}/setpriv`
]

const becomeUser = (spec: CommandSpec, tools: Tools): string =>
  spec.uid === 0 && spec.gid === 0
    ? ""
    : `${setprivInside(tools).join(" ")} --reuid ${spec.uid} --regid ${spec.gid} --clear-groups `

// FSIZE counts blocks of 512 bytes. One more than the cap: a file that is cut there makes the layer exceed it, and the
// meter says so
const fileSizeBlocks = (bytes: number): number => Math.floor(bytes / 512) + 1

/** The text for a command. `maxLayerBytes` bounds a single file. */
export const script = (spec: CommandSpec, maxLayerBytes: number, tools: Tools): string => {
  const cwd = spec.cwd === "" ? "/" : spec.cwd
  const command = spec.shell ? "/bin/sh" : spec.command
  const args = spec.shell ? ["-c", spec.command, ...spec.args] : spec.args
  const variables = Object.entries(spec.env).map(([name, value]) => `${name}=${value}`)
  return [
    // a pipe without a reader means that the engine is gone: then so is the run
    "printf 'pid %s\\n' \"$$\" >&3 || exit 125",
    find,
    "umask 022",
    "set -f",
    `P=${quote(spec.env["PATH"] ?? defaultPath)} c=${quote(command)} w=${quote(cwd)}`,
    "[ -e \"$w\" ] || refuse 1 \"working directory $w: No such file or directory\"",
    "[ -d \"$w\" ] || refuse 1 \"working directory $w: Not a directory\"",
    "cd -P -- \"$w\" 2>/dev/null || refuse 1 \"working directory $w: Permission denied\"",
    "case $c in */*) usable \"$c\"; r=$c ;; *) find ;; esac",
    `ulimit -f ${fileSizeBlocks(maxLayerBytes)}`,
    "exec 3>&- 5>&-",
    // env sets the environment last, so that no other program of the shim sees LD_PRELOAD and the like;
    // setsid stands between it and the command because env would take a path with `=` for a variable
    `exec ${becomeUser(spec, tools)}${shimBusybox} env -i -- ${words(variables)} ${shimBusybox} setsid -- "$r" ${
      words(args)
    }`,
    ""
  ].join("\n")
}

/**
 * The text that puts the files in place, in a box of its own that has nothing but the image and the contents. A new
 * inode each: what was there may be a hard link or a symlink to something that must not change.
 */
export const placeScript = (files: ReadonlyArray<BoxFile>, tools: Tools): string => {
  const steps = files.map((file, index) =>
    `put ${index} ${quote(file.destination)} ${file.uid}:${file.gid} ${file.mode.toString(8)}`
  )
  return [
    "umask 022",
    `B=${tools.prefersApplets ? "" : shimBusybox}`,
    "put() {",
    "  d=${2%/*}",
    "  while [ -n \"$d\" ] && [ ! -d \"$d\" ]; do d=${d%/*}; done",
    "  case $(cd -P -- \"$d/\" && pwd)/ in",
    // whatever is put there is lost with this box, or is the kernel's
    "    /dev/*|/proc/*|/sys/*|//dev/*|//proc/*|//sys/*) e='leads into /dev, /proc or /sys, made anew for every run' ;;",
    "    *) e= ;;",
    "  esac",
    "  if [ -n \"$e\" ]; then :",
    "  elif [ -d \"$2\" ] && [ ! -L \"$2\" ]; then e='is a directory in the image'; else",
    // noclobber: the file is ours from its first byte
    "    e=$( {",
    "      $B mkdir -p -- \"${2%/*}/\" && $B rm -f -- \"$2\" && set -C &&",
    `        $B cat "${privateFolder}/f/$1" > "$2" && $B chown "$3" "$2" && $B chmod "$4" "$2"`,
    "    } 2>&1 ) && return",
    "  fi",
    "  printf 'fail place %s: %s\\n' \"$2\" \"$e\" >&3",
    "  exit 125",
    "}",
    ...steps,
    ""
  ].join("\n")
}
