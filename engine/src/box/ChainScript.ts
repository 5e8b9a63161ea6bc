/**
 * What runs outside the box, as the first process of a pid and mount namespace of its own: it opens the pipes, mounts the
 * image and becomes bubblewrap. busybox is its shell, so all of its commands but bubblewrap are forks without an exec.
 *
 * Why it does things in this order:
 * - The pipes are FIFOs, because Node's own are sockets and `echo x > /dev/stdout` fails on a socket. They are in a tmpfs
 *   over this namespace's /sys (see `Room`): `/proc/self/fd` in the box shows `/sys/o` and no path of the host.
 * - It opens them for reading and writing first, so that no open can block for ever when the engine dies, says `up`,
 *   and goes on when the engine has its ends. An engine that is gone answers nothing: the end of the chain.
 * - It joins its cgroups in the background, because the kernel takes 10 to 20 ms for that, and waits for it before the
 *   first process that must not be outside. Their files are opened before /sys is covered.
 * - busybox' `mount` because it makes one mount(2) call: the newer interface cuts an option at 256 bytes.
 * - Placeholders of /etc/hosts and the like are covered only where the image has them and they are empty: a file with
 *   content is the image's own.
 *
 * @since 0.1.0
 */
import { quote } from "./ShellText.js"
import { shimBusybox } from "./Shim.js"

/** What busybox' `time` is to report: the exit code, then what `ShimReport` reads. */
export const timeFormat = "%x %U %S %M %R %F %w %c %I %O %X %D %W %k %s %r"

/**
 * Its arguments: store, bwrap, busybox when its shell does not prefer its own applets (else ""), and the cgroups. What is
 * of its run it reads when it may go on (`runText`).
 */
export const chainScript = `
store=$1 bwrap=$2 B=$3
shift 3
fail() { printf 'fail %s\\n' "$*" >&3; exit 125; }
umask 0
for f in /proc/self/fd/*; do
  n=\${f##*/}
  case $n in 0|1|2|3) ;; *) eval "exec $n>&-" ;; esac
done
ulimit -c 0
for g; do
  [ -w "$g/cgroup.procs" ] || continue
  exec 4>"$g/cgroup.procs"
  echo $$ >&4 &
  exec 4>&-
done
cd "$store" 2>/dev/null || fail store "$store cannot be entered"
e=$($B mount -n -t tmpfs -o mode=0755,size=256m tmpfs /sys 2>&1) || fail room "$e"
e=$($B mkfifo /sys/o /sys/e /sys/r /sys/i 2>&1) || fail pipes "$e"
exec 6<>/sys/o 7<>/sys/e 8<>/sys/r 9<>/sys/i
printf 'up\\n' >&3 || exit 125
read -r go <&3 || exit 125
. /sys/run || exit 125
case $stdin in file) exec 0</sys/in ;; pipe) exec 0</sys/i ;; esac
exec 1>/sys/o 2>/sys/e 5</sys/script 3>/sys/r 6>&- 7>&- 8>&- 9>&-
e=$($B mount -n -t overlay overlay -o "$options" mnt 2>&1) || fail overlay "$e"
wait
unset PWD OLDPWD SHLVL
if [ "$files" = 1 ]; then
  "$bwrap" --args 6 -- ${shimBusybox} sh /dev/fd/7 6</sys/place-args 7</sys/place 5<&- </dev/null || exit 125
fi
empty() { [ -f "mnt/etc/$1" ] && [ ! -L "mnt/etc/$1" ] && [ ! -s "mnt/etc/$1" ] && [ -f "/sys/$1" ]; }
x=
if [ ! -L mnt/etc ]; then
  empty hosts && exec 6</sys/hosts && x="$x --perms 0644 --bind-data 6 /etc/hosts"
  empty hostname && exec 7</sys/hostname && x="$x --perms 0644 --bind-data 7 /etc/hostname"
  empty resolv.conf && exec 8</sys/resolv.conf && x="$x --perms 0644 --bind-data 8 /etc/resolv.conf"
fi
exec 4</sys/args
exec "$bwrap" --args 4 $x -- ${shimBusybox} time -o /dev/fd/3 -f "report $op \${REPORT}" ${shimBusybox} sh /dev/fd/5
`.replace("${REPORT}", timeFormat)

/** Where a command's standard input comes from: nowhere, all of it from a file, or from a pipe. */
export type StdinKind = "null" | "file" | "pipe"

/** What a chain has to know of its run. */
export const runText = (run: {
  readonly operationId: string
  readonly options: string
  readonly stdin: StdinKind
  readonly hasFiles: boolean
}): string =>
  `op=${quote(run.operationId)} options=${quote(run.options)} stdin=${run.stdin} files=${run.hasFiles ? 1 : 0}\n`
