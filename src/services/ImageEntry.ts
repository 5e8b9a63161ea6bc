/**
 * The values behind `ImageFile` and `ImageDirectory`: what a listing said, and the image it was of.
 *
 * @since 0.1.0
 */
import type * as FileSystem from "@effect/platform/FileSystem"
import * as DateTime from "effect/DateTime"
import * as Inspectable from "effect/Inspectable"
import * as Option from "effect/Option"
import { pipeArguments } from "effect/Pipeable"
import type * as Wire from "../schemas/Wire.js"
import type { Image } from "./Image.js"
import type { Entry, ImageDirectory, ImageFile } from "./ImageData.js"

/** the image that was listed, and no other, also when its tag has moved on */
type Listed = Pick<Image, "ls" | "read" | "readText" | "readStream" | "download" | "downloadDirectory">

/** the type bits of a mode, as `stat` has them */
const types: { readonly [bits: number]: FileSystem.File.Type } = {
  0o140000: "Socket",
  0o120000: "SymbolicLink",
  0o100000: "File",
  0o060000: "BlockDevice",
  0o040000: "Directory",
  0o020000: "CharacterDevice",
  0o010000: "FIFO"
}

/** The flags decide; devices have none. */
const typeOf = (item: Wire.FileItem): FileSystem.File.Type =>
  item.is_symlink
    ? "SymbolicLink"
    : item.is_dir
    ? "Directory"
    : item.is_regular
    ? "File"
    : item.is_socket
    ? "Socket"
    : item.is_fifo
    ? "FIFO"
    : types[item.mode & 0o170000] ?? "Unknown"

const tagOf = (type: FileSystem.File.Type): ImageFile["_tag"] =>
  type === "SymbolicLink" ? "Symlink" : type === "File" ? "File" : "Other"

abstract class Base extends Inspectable.Class {
  abstract readonly _tag: Entry["_tag"]
  readonly type: FileSystem.File.Type
  readonly name: string
  readonly path: string
  readonly size: bigint
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly owner: string
  readonly group: string
  readonly mtime: DateTime.Utc
  readonly nlink: number
  readonly symlinkTo: Option.Option<string>

  constructor(folder: string, item: Wire.FileItem) {
    super()
    this.type = typeOf(item)
    this.name = item.path
    this.path = `${folder.replace(/\/+$/, "")}/${item.path}`
    this.size = BigInt(Math.trunc(item.size))
    this.mode = item.mode & 0o7777
    this.uid = item.uid
    this.gid = item.gid
    this.owner = String(item.owner)
    this.group = String(item.group)
    this.mtime = DateTime.unsafeMake(item.mtime * 1000)
    this.nlink = item.nlink
    this.symlinkTo = item.symlink_to === "" ? Option.none() : Option.some(item.symlink_to)
  }

  pipe(): unknown {
    return pipeArguments(this, arguments)
  }

  toJSON(): unknown {
    return {
      _id: this._tag === "Directory" ? "ImageDirectory" : "ImageFile",
      _tag: this._tag,
      path: this.path,
      // JSON has no bigint, and the size came as a number
      size: Number(this.size),
      mode: `0${this.mode.toString(8)}`,
      owner: `${this.owner}:${this.group}`,
      mtime: DateTime.formatIso(this.mtime),
      ...(Option.isSome(this.symlinkTo) ? { symlinkTo: this.symlinkTo.value } : {})
    }
  }
}

class FileImpl extends Base implements ImageFile {
  readonly _tag: ImageFile["_tag"]
  readonly #image: Listed

  constructor(image: Listed, folder: string, item: Wire.FileItem) {
    super(folder, item)
    this._tag = tagOf(this.type)
    this.#image = image
  }

  get read(): ImageFile["read"] {
    return this.#image.read(this.path)
  }
  get readText(): ImageFile["readText"] {
    return (encoding) => this.#image.readText(this.path, encoding)
  }
  get readStream(): ImageFile["readStream"] {
    return this.#image.readStream(this.path)
  }
  get download(): ImageFile["download"] {
    return (options) => this.#image.download(this.path, options)
  }
}

class DirectoryImpl extends Base implements ImageDirectory {
  readonly _tag = "Directory"
  readonly #image: Listed

  constructor(image: Listed, folder: string, item: Wire.FileItem) {
    super(folder, item)
    this.#image = image
  }

  get ls(): ImageDirectory["ls"] {
    return (sub = "") => this.#image.ls(sub === "" ? this.path : `${this.path}/${sub}`)
  }
  get downloadDirectory(): ImageDirectory["downloadDirectory"] {
    return (options) => this.#image.downloadDirectory(this.path, options)
  }
}

/**
 * @internal
 */
export const make = (image: Listed, folder: string) => (item: Wire.FileItem): Entry =>
  item.is_dir && !item.is_symlink ? new DirectoryImpl(image, folder, item) : new FileImpl(image, folder, item)
