/** Layers for tests: tars from a list of entries, and images of them. */
import { createHash } from "node:crypto"
import { gzipSync } from "node:zlib"
import type { Header } from "tar-stream"
import { pack } from "tar-stream"

export type Entry = Partial<Omit<Header, "pax">> & {
  readonly name: string
  readonly content?: string | Uint8Array
  readonly pax?: Record<string, string>
}

export const tar = async (entries: ReadonlyArray<Entry>): Promise<Buffer> => {
  const packed = pack()
  const pieces: Array<Buffer> = []
  const end = new Promise<void>((resolve, reject) => {
    packed.on("data", (piece) => pieces.push(piece as Buffer))
    packed.on("end", resolve)
    packed.on("error", reject)
  })
  for (const { content, ...header } of entries) {
    const body = typeof content === "string" ? Buffer.from(content) : Buffer.from(content ?? "")
    const mode = header.type === "directory" ? 0o755 : 0o644
    packed.entry({ mode, uid: 0, gid: 0, mtime: new Date(1_000_000_000_000), ...header, size: body.length }, body)
  }
  packed.finalize()
  await end
  return Buffer.concat(pieces)
}

export const digestOf = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`

export const file = (name: string, content: string | Uint8Array = name, rest: Partial<Entry> = {}): Entry => ({
  name,
  type: "file",
  content,
  ...rest
})
export const folder = (name: string, rest: Partial<Entry> = {}): Entry => ({ name, type: "directory", ...rest })
export const symlink = (name: string, linkname: string): Entry => ({ name, type: "symlink", linkname })
export const link = (name: string, linkname: string): Entry => ({ name, type: "link", linkname })

export interface Blob {
  readonly digest: string
  readonly bytes: Buffer
}

const blob = (bytes: Buffer): Blob => ({ digest: digestOf(bytes), bytes })
const json = (value: unknown): Blob => blob(Buffer.from(JSON.stringify(value)))

export interface Made {
  readonly manifest: Blob
  readonly config: Blob
  readonly layers: ReadonlyArray<Blob>
  readonly blobs: ReadonlyArray<Blob>
}

const architecture = process.arch === "x64" ? "amd64" : process.arch

/** An image of layers: each is compressed, unless `raw` says otherwise. */
export const image = (
  tars: ReadonlyArray<Buffer>,
  options: {
    readonly config?: object
    readonly architecture?: string
    readonly compress?: (tar: Buffer) => Buffer
    readonly diffIds?: ReadonlyArray<string>
    readonly docker?: boolean
    readonly mediaType?: string
  } = {}
): Made => {
  const compress = options.compress ?? ((bytes: Buffer) => gzipSync(bytes))
  const layers = tars.map((bytes) => blob(compress(bytes)))
  const config = json({
    os: "linux",
    architecture: options.architecture ?? architecture,
    config: options.config ?? {},
    rootfs: { type: "layers", diff_ids: options.diffIds ?? tars.map(digestOf) }
  })
  const [manifestType, configType, layerType] = options.docker === true
    ? [
      "application/vnd.docker.distribution.manifest.v2+json",
      "application/vnd.docker.container.image.v1+json",
      "application/vnd.docker.image.rootfs.diff.tar.gzip"
    ]
    : [
      "application/vnd.oci.image.manifest.v1+json",
      "application/vnd.oci.image.config.v1+json",
      "application/vnd.oci.image.layer.v1.tar+gzip"
    ]
  const manifest = json({
    schemaVersion: 2,
    mediaType: manifestType,
    config: { mediaType: configType, digest: config.digest, size: config.bytes.length },
    layers: layers.map(({ bytes, digest }) => ({
      mediaType: options.mediaType ?? layerType,
      digest,
      size: bytes.length
    }))
  })
  return { manifest, config, layers, blobs: [config, ...layers] }
}

/** An index over images, each for a machine. */
export const index = (
  entries: ReadonlyArray<{ readonly made: Made; readonly platform?: object; readonly name?: string }>
): Blob =>
  json({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: entries.map(({ made, name, platform }) => ({
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      digest: made.manifest.digest,
      size: made.manifest.bytes.length,
      ...(platform === undefined ? {} : { platform }),
      ...(name === undefined ? {} : { annotations: { "org.opencontainers.image.ref.name": name } })
    }))
  })
