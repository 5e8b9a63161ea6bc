/**
 * Where a store cannot be.
 *
 * @since 0.1.0
 */

/**
 * File systems that cannot hold the upper folder of an overlay, by the number that `statfs` gives, and what they are
 * called.
 *
 * @since 0.1.0
 * @category constants
 */
export const refused: ReadonlyMap<number, string> = new Map([
  [0x794c7630, "an overlay (the root of a container is one)"],
  [0x6969, "NFS"],
  [0x65735546, "FUSE"],
  [0x01021997, "9p"],
  [0xff534d42, "CIFS"],
  [0xfe534d42, "SMB"],
  [0x4d44, "FAT"]
])
