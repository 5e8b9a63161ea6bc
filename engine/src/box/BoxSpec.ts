/**
 * What a run asks for, complete: the box adds nothing to it and takes nothing from the program around it.
 *
 * @since 0.1.0
 */

/**
 * A file that is in place before the command starts.
 *
 * @since 0.1.0
 * @category models
 */
export interface BoxFile {
  /** Absolute path of the content on the host, readable by the engine. */
  readonly source: string
  /** Absolute path in the image. Symlinks in its folders resolve inside the image; what is there is replaced. */
  readonly destination: string
  /** Owner. Only 0 in user mode. */
  readonly uid: number
  /** Group. Only 0 in user mode. */
  readonly gid: number
  /** Permission bits, 0 to 0o7777. */
  readonly mode: number
}

/**
 * A command, as whom and where: the main one of a run, or one beside it.
 *
 * @since 0.1.0
 * @category models
 */
export interface CommandSpec {
  readonly command: string
  readonly args: ReadonlyArray<string>
  /** Run `/bin/sh -c command args...` of the image. */
  readonly shell: boolean
  /** The complete environment of the command. */
  readonly env: Readonly<Record<string, string>>
  /** Absolute; `""` is `/`. */
  readonly cwd: string
  readonly uid: number
  readonly gid: number
  /** Bytes and then the end, or `"open"`: a pipe that the `writeStdin` of its handle feeds. */
  readonly stdin: Uint8Array | "open"
}

/**
 * One run: which layers, which command, for how long.
 *
 * @since 0.1.0
 * @category models
 */
export interface BoxSpec extends CommandSpec {
  /** Names the run. Every process of its chain bears it on its command line. */
  readonly operationId: string
  /** Layer folders relative to the store, bottom first, e.g. `["l/1", "l/3"]`. */
  readonly layers: ReadonlyArray<string>
  /** What the run writes, relative to the store, e.g. `tmp/<operation>/u`. Exists and is empty. */
  readonly upper: string
  /** Overlayfs' own work folder, e.g. `tmp/<operation>/w`. Exists, is empty, and is never used again. */
  readonly work: string
  readonly hostname: string
  readonly files: ReadonlyArray<BoxFile>
  /** Bounds the command, from its start. */
  readonly timeoutSeconds: number
  /** `host` is the host's own network stack, its loopback included; `none` has a loopback of its own and nothing else. */
  readonly network: "host" | "none"
  /** How much the run may write. Checked while it runs, so it can be exceeded by what is written in about 50 ms. */
  readonly maxLayerBytes: number
}
