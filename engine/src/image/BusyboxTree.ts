/**
 * The files of the image `busybox`: the program under all its names, and what programs expect around them.
 *
 * @since 0.1.0
 */
import { chmodSync, chownSync, copyFileSync, lutimesSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, relative } from "node:path"
import { isRoot } from "../store/Privilege.js"

/**
 * Changes whenever the files below do, so that stores build the image anew.
 *
 * @since 0.1.0
 * @category constants
 */
export const recipe = "busybox 1"

/** Folders and their modes. /dev, /proc, /sys and /run are there to mount on: a run must not create them. */
const folders: ReadonlyArray<readonly [path: string, mode: number]> = [
  ["", 0o755],
  ["bin", 0o755],
  ["dev", 0o755],
  ["etc", 0o755],
  ["home", 0o755],
  ["mnt", 0o755],
  ["opt", 0o755],
  ["proc", 0o555],
  ["root", 0o700],
  ["run", 0o755],
  ["sbin", 0o755],
  ["sys", 0o555],
  ["tmp", 0o1777],
  ["usr", 0o755],
  ["usr/bin", 0o755],
  ["usr/sbin", 0o755],
  ["var", 0o755],
  ["var/tmp", 0o1777]
]

/** resolv.conf and hostname are empty: they are there to be mounted over. */
const files: ReadonlyArray<readonly [path: string, content: string]> = [
  [
    "etc/passwd",
    "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\n" +
    "nobody:x:65534:65534:nobody:/home:/bin/false\n"
  ],
  ["etc/group", "root:x:0:\ndaemon:x:1:\ntty:x:5:\nusers:x:100:\nnogroup:x:65534:\n"],
  ["etc/hosts", "127.0.0.1\tlocalhost\n::1\tlocalhost\n"],
  ["etc/resolv.conf", ""],
  ["etc/hostname", ""],
  ["etc/shells", "/bin/sh\n"],
  ["etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"]
]

const program = "bin/busybox"

/** 2020-01-01: the same program gives the same image everywhere. */
const made = 1_577_836_800

/** `bin/ls`, `usr/sbin/chroot`: where busybox itself would install each name */
const isLink = (name: string): boolean => /^(usr\/)?s?bin\/[^/]+$/.test(name) && name !== program

/**
 * Writes the tree. `names` are what `busybox --list-full` prints; `folder` must not be there yet.
 *
 * @since 0.1.0
 * @category writing
 */
export const write = (folder: string, busybox: string, names: ReadonlyArray<string>): void => {
  const links = [...new Set(names.filter(isLink))]
  folders.forEach(([path]) => mkdirSync(`${folder}/${path}`, { recursive: true, mode: 0o755 }))
  files.forEach(([path, content]) => writeFileSync(`${folder}/${path}`, content))
  copyFileSync(busybox, `${folder}/${program}`)
  links.forEach((name) => symlinkSync(relative(`/${dirname(name)}`, `/${program}`), `${folder}/${name}`))

  // Not left to the umask, nor to the group of a folder with the setgid bit.
  const everything = [...folders.map(([path]) => path), ...files.map(([path]) => path), program, ...links]
  if (isRoot()) [...folders, ...files].forEach(([path]) => chownSync(`${folder}/${path}`, 0, 0))
  if (isRoot()) chownSync(`${folder}/${program}`, 0, 0)
  files.forEach(([path]) => chmodSync(`${folder}/${path}`, 0o644))
  chmodSync(`${folder}/${program}`, 0o755)
  folders.forEach(([path, mode]) => chmodSync(`${folder}/${path}`, mode))
  // The deepest first: writing an entry changes its folder's time.
  everything.reverse().forEach((path) => lutimesSync(`${folder}/${path}`, made, made))
}
