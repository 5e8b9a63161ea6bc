/**
 * The command line of a chain, and the overlay options it mounts with.
 *
 * @since 0.1.0
 */
import type { Groups } from "./Cgroups.js"
import { chainScript } from "./ChainScript.js"
import type { Tools } from "./Tools.js"

/** Who the engine is: real root, or an ordinary user that is root in a user namespace of each box. */
export type Mode = "root" | "user"

/**
 * Overlay options. `volatile`: otherwise unmounting syncs the whole file system. The others are off because an upper
 * must be a plain layer afterwards. In a user namespace only `user.` xattrs can be written.
 */
export const mountOptions = (
  layers: { readonly layers: ReadonlyArray<string>; readonly upper: string; readonly work: string },
  userXattr: boolean
): string =>
  `lowerdir=${[...layers.layers].reverse().join(":")},upperdir=${layers.upper},workdir=${layers.work},` +
  `volatile,redirect_dir=nofollow,metacopy=off,index=off${userXattr ? ",userxattr" : ""}`

/**
 * Programs before the chain's own shell. The parent-death signal is set after the change of user (which clears it), and
 * `--kill-child` carries it into the pid namespace: whoever dies, everything below is killed. `--mount-proc` because
 * bubblewrap looks its child up in /proc by a process id of the namespace around it.
 */
export const namespaces = (mode: Mode, tools: Tools): ReadonlyArray<string> => {
  const apart = [tools.unshare, "-m", "-p", "-f", "--kill-child", "--mount-proc"]
  return mode === "root"
    ? [tools.setpriv, "--pdeathsig", "KILL", "--clear-groups", ...apart]
    : [tools.unshare, "-U", "-r", tools.setpriv, "--pdeathsig", "KILL", ...apart]
}

/**
 * The whole command line. The store is on it, so that whatever is left over can be found. What differs from run to run is
 * not: a chain may be made before its run is known.
 */
export const commandLine = (chain: {
  readonly mode: Mode
  readonly tools: Tools
  readonly store: string
  readonly groups: Groups
}): readonly [string, ...Array<string>] => {
  const [file = "", ...args] = namespaces(chain.mode, chain.tools)
  return [
    file,
    ...args,
    ...[chain.tools.busybox, "sh", "-c", chainScript, "contree-local-box", chain.store, chain.tools.bwrap],
    chain.tools.prefersApplets ? "" : chain.tools.busybox,
    ...chain.groups
  ]
}
