/** Each member and parameter of the Python API: its name here, and what a test must be seen to use for it. */
import { pythonApi } from "./pythonApi.js"

export interface Row {
  readonly python: string
  /** Markdown */
  readonly here: string
  /** as a `Recorder` notes it */
  readonly uses: string
}

type Parameters = Readonly<Record<string, readonly [here: string, uses: string]>>

interface Entry {
  readonly here: string
  readonly uses: string
  readonly parameters?: Parameters
}

const option = (name: string, own: string = name): readonly [string, string] => [`\`{ ${own} }\``, `{${own}}`]

const fetching: Parameters = {
  tag: option("tag"),
  username: option("username"),
  password: ["`{ password }`, `Redacted`", "{password}"],
  timeout: option("timeout")
}
const ref: Parameters = { ref: ["the reference: text, or a `Reference`", "[0]"] }

const entries: Readonly<Record<string, Entry>> = {
  "ImagesManager.__aiter__": { here: "`images.stream()`", uses: "Images.stream" },
  "ImagesManager.__iter__": { here: "`images.stream()`", uses: "Images.stream" },
  "ImagesManager.__call__": {
    here: "`images.list()`",
    uses: "Images.list",
    parameters: {
      number: ["`{ number }`; `None` is `\"all\"`", "{number}"],
      kind: ["`{ kind: \"instance\" }`, `\"imported\"`", "{kind}"],
      tagged: option("tagged"),
      since: option("since"),
      until: option("until")
    }
  },
  "ImagesManager.docker": { here: "`images.docker(ref)`", uses: "Images.docker", parameters: { ...ref, ...fetching } },
  "ImagesManager.oci": { here: "`images.oci(ref)`", uses: "Images.oci", parameters: { ...ref, ...fetching } },
  "ImagesManager.podman": { here: "`images.podman(ref)`", uses: "Images.podman", parameters: { ...ref, ...fetching } },
  "ImagesManager.pull_by_oci": {
    here: "`images.pullByOci(ref)`",
    uses: "Images.pullByOci",
    parameters: { ...ref, ...fetching }
  },
  "ImagesManager.import_from": {
    here: "`images.importFrom(ref)`",
    uses: "Images.importFrom",
    parameters: { image: ref["ref"]!, ...fetching }
  },
  "ImagesManager.pull": {
    here: "`images.pull(ref)`, deprecated there and here",
    uses: "Images.pull",
    parameters: { ...fetching, url_or_tag_or_uuid: ref["ref"]!, new_tag: option("new_tag", "newTag") }
  },
  "ImagesManager.use": {
    here: "`images.use(ref)`",
    uses: "Images.use",
    parameters: { ...ref, strict: option("strict") }
  },
  "ContreeImage.uuid": { here: "`image.id`, an `Option`", uses: "Image.id" },
  "ContreeImage.tag": { here: "`image.tag`, an `Option`", uses: "Image.tag" },
  "ContreeImage.session": { here: "`image.session()`", uses: "Image.session" },
  "ContreeImage.ls": { here: "`image.ls()`", uses: "Image.ls", parameters: { path: ["the first argument", "[0]"] } },
  "ContreeImage.read": {
    here: "`image.read(path)`; `readText`, `readStream`",
    uses: "Image.read",
    parameters: { image_path: ["the first argument", "[0]"] }
  },
  "ContreeImage.download": {
    here: "`image.download(path)`",
    uses: "Image.download",
    parameters: { image_path: ["the first argument", "[0]"], local_path: ["`{ to }`", "{to}"] }
  },
  "ContreeImage.run": {
    here: "`image.run(command, options)`",
    uses: "Image.run",
    parameters: {
      command: ["`Command.exec(path)`", "[0]:Exec"],
      shell: ["`Command.shell(script)`", "[0]:Shell"],
      args: ["`Command.exec(path, args)`", "[0]:args"],
      env: option("env"),
      cwd: option("cwd"),
      hostname: option("hostname"),
      stdin: ["`{ stdin }`: text, bytes or a stream; a path is `Stdin.file(path)`; `PIPE` is `image.start`", "{stdin}"],
      stdout: [
        "`{ stdout }`: a sink; a path is `Output.toFile(path)`; `PIPE` is `image.start` or `stream`",
        "{stdout}"
      ],
      stderr: ["`{ stderr }`, as `stdout`", "{stderr}"],
      tag: ["`{ tag }`, with `disposable: false`", "{tag}"],
      files: ["`{ files }`: by destination, or a list of named files", "{files}"],
      timeout: option("timeout"),
      disposable: option("disposable")
    }
  },
  "ContreeImage.wait": { here: "`yield*` the effect", uses: "Image.run:done" },
  "ContreeImage.result": { here: "what `run` gives, and `process.result`", uses: "Process.result" },
  "ContreeImage.exit_code": { here: "`result.exitCode`; all of it: `result.exit`", uses: "RunResult.exitCode" },
  "ContreeImage.elapsed": { here: "`result.elapsed`", uses: "RunResult.elapsed" },
  "ContreeImage.stdout": { here: "`result.stdout`: `text`, `bytes`, `truncated`", uses: "RunResult.stdout" },
  "ContreeImage.stderr": { here: "`result.stderr`", uses: "RunResult.stderr" },
  "ContreeImage.stdin": { here: "`process.stdin`, a `Sink`; `write` and `end`", uses: "Process.stdin" },
  "ContreeImage.state": { here: "`process.state`, and its `changes`", uses: "Process.state" },
  "ContreeImage.popen": {
    here: "`image.popen(args)`",
    uses: "Image.popen",
    parameters: {
      args: ["the first argument", "[0]"],
      stdin: option("stdin"),
      input: option("input"),
      stdout: option("stdout"),
      stderr: option("stderr"),
      shell: option("shell"),
      cwd: option("cwd"),
      timeout: option("timeout"),
      check: option("check"),
      text: option("text"),
      env: option("env")
    }
  }
}

/** the list in its order, each member once */
const members = [...new Map(pythonApi.map((member) => [member.name, member])).values()]

/** A member, or a parameter, that has no entry is in `missing`. */
export const { missing, rows } = (() => {
  const missing: Array<string> = []
  const rows: Array<Row> = []
  for (const { name, parameters } of members) {
    const entry = entries[name]
    if (entry === undefined) {
      missing.push(name)
      continue
    }
    rows.push({ python: name, here: entry.here, uses: entry.uses })
    for (const parameter of parameters) {
      const found = entry.parameters?.[parameter]
      if (found === undefined) missing.push(`${name}(${parameter})`)
      else rows.push({ python: `${name}(${parameter})`, here: found[0], uses: `${entry.uses}${found[1]}` })
    }
  }
  return { missing, rows }
})()

const isParameter = (row: Row): boolean => row.python.endsWith(")")

const shown = (row: Row): string => {
  const [owner, rest] = row.python.split(".") as [string, string]
  if (isParameter(row)) return `&nbsp;&nbsp;\`${/\((.*)\)/.exec(rest)![1]}\``
  return `**\`${owner === "ImagesManager" ? "images" : "image"}.${rest}\`**`
}

/** The table of the docs; `tests` says which test was seen to use each. */
export const render = (tests: ReadonlyMap<string, string>): string =>
  [
    "| Python | here | tested in |",
    "|---|---|---|",
    ...rows.map((row) => `| ${shown(row)} | ${row.here.replaceAll("|", "\\|")} | ${tests.get(row.uses) ?? ""} |`)
  ].join("\n")
