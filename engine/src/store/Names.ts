/**
 * The forms of the names that the engine gives. What is called otherwise is somebody's, and never removed.
 *
 * @since 0.1.0
 */

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const uuidAt = (name: string, start: number): boolean => uuid.test(name.slice(start))

const doctor = /^doctor-([1-9]\d*)-[0-9a-f]{12}$/

/**
 * The process whose doctor works in this entry of `tmp`; undefined when it is none of a doctor's.
 *
 * @since 0.1.0
 * @category predicates
 */
export const doctorPid = (name: string): number | undefined => {
  const pid = doctor.exec(name)?.[1]
  return pid === undefined ? undefined : Number(pid)
}

/**
 * The folder that a doctor makes where there is no store yet.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isProbe = (name: string): boolean => name.startsWith(".") && doctorPid(name.slice(1)) !== undefined

/**
 * Whether an entry of `tmp` is the engine's: a run's, an upload's, a blob's, a base image's, a doctor's, or to be thrown
 * away.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isScratch = (name: string): boolean =>
  uuidAt(name, 0) || doctorPid(name) !== undefined ||
  ["upload-", "blob-", "base-", "trash-"].some((prefix) => name.startsWith(prefix) && uuidAt(name, prefix.length))

/**
 * Whether a name is that of an operation, or of the log of its events.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isOperation = (name: string): boolean => uuidAt(name, 0)

/**
 * The number of the layer that an entry of `l` is, or belongs to; undefined when it is none of a layer's.
 *
 * @since 0.1.0
 * @category predicates
 */
export const layerNumber = (name: string): number | undefined => {
  const digits = /^([1-9a-z][0-9a-z]*)(\.opaque)?$/.exec(name)?.[1]
  return digits === undefined ? undefined : Number.parseInt(digits, 36)
}
