import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck, Option, Schema } from "effect"
import * as Ids from "../../src/schemas/Ids.js"
import * as Reference from "../../src/schemas/Reference.js"
import { anyText } from "./anyText.js"

const parse = (text: string): Reference.Reference => Either.getOrThrow(Reference.parse(text))
const oci = (registry: string, repository: string, tag?: string, digest?: string): Reference.Reference => ({
  _tag: "Oci",
  registry,
  repository,
  tag: Option.fromNullable(tag),
  digest: Option.fromNullable(digest)
})
const tagOf = (text: string): string | undefined => Option.getOrUndefined(Reference.toTag(parse(text)))
const urlOf = (text: string): string | undefined => Option.getOrUndefined(Reference.toUrl(parse(text)))

const uuid = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"
const sha256 = `sha256:${"0123456789abcdef".repeat(4)}`

describe("Reference.parse", () => {
  it.each([
    uuid,
    uuid.toUpperCase(),
    uuid.replaceAll("-", ""),
    `{${uuid}}`,
    `{${uuid.replaceAll("-", "")}}`,
    `urn:uuid:${uuid}`,
    `URN:UUID:{${uuid.toUpperCase()}}`
  ])("%s is the id of an image, in its one spelling", (text) => {
    expect(parse(text)).toEqual({ _tag: "Id", id: uuid })
  })

  it("takes anything after tag: that the service takes", () => {
    expect(parse("tag:Nightly/2026-11-23:x_y.z")).toEqual({ _tag: "Tag", tag: "Nightly/2026-11-23:x_y.z" })
    expect(parse(`tag:${"a".repeat(256)}`)._tag).toBe("Tag")
  })

  it.each<[string, Reference.Reference]>([
    ["busybox", oci("docker.io", "library/busybox")],
    ["busybox:latest", oci("docker.io", "library/busybox", "latest")],
    ["docker.io/busybox", oci("docker.io", "library/busybox")],
    ["index.docker.io/busybox", oci("docker.io", "library/busybox")],
    ["docker://docker.io/library/debian:12", oci("docker.io", "library/debian", "12")],
    ["docker://python", oci("docker.io", "library/python")],
    ["docker:///python", oci("docker.io", "library/python")],
    ["user/app:1", oci("docker.io", "user/app", "1")],
    ["localhost/app", oci("localhost", "app")],
    ["localhost:5000/team/app:1", oci("localhost:5000", "team/app", "1")],
    ["localhost:5000", oci("docker.io", "library/localhost", "5000")],
    ["host:5000/app", oci("host:5000", "app")],
    ["ghcr.io/a/b/c", oci("ghcr.io", "a/b/c")],
    ["[::1]:5000/app", oci("[::1]:5000", "app")],
    [`alpine@${sha256}`, oci("docker.io", "library/alpine", undefined, sha256)],
    [`quay.io/x/y:1.2@${sha256}`, oci("quay.io", "x/y", "1.2", sha256)],
    ["x/a__b--c.d/e_f", oci("docker.io", "x/a__b--c.d/e_f")]
  ])("%s", (text, expected) => {
    expect(parse(text)).toEqual(expected)
  })

  it.each([
    ["", /empty/],
    [":", /before the colon/],
    [":tag", /before the colon/],
    ["docker://", /made of/],
    ["nodocker://url", /nodocker:\/\//],
    ["https://docker.io/library/x", /https:\/\//],
    ["tag:", /1 to 256/],
    ["tag:a b", /1 to 256/],
    [`tag:${"a".repeat(257)}`, /1 to 256/],
    ["MyImage", /lower case.*tag:NAME/],
    ["user/App", /lower case/],
    ["a b", /made of/],
    [" a", /made of/],
    ["a\n", /made of/],
    ["a/", /made of/],
    ["/a", /made of/],
    ["a//b", /made of/],
    ["../etc", /registry|made of/],
    ["a/../b", /made of/],
    ["a..b", /made of/],
    ["a___b", /made of/],
    ["-a", /made of/],
    ["a%2fb", /made of/],
    ["a:", /tag after the colon/],
    ["a:-b", /tag after the colon/],
    [`a:${"b".repeat(129)}`, /tag after the colon/],
    ["a:b:c", /tag after the colon/],
    ["a@", /digest/],
    ["a@sha256:abc", /digest/],
    [`a@${sha256.toUpperCase()}`, /digest/],
    [`a@${sha256}@${sha256}`, /digest/],
    ["-.io/a", /no host/],
    ["host:port/a", /no host/],
    ["ö.io/a", /no host/],
    ["é", /made of/],
    [`{${uuid}`, /made of|registry/],
    ["f".repeat(64), /64 hexadecimal/],
    [`a/${"b".repeat(254)}`, /longer/]
  ])("refuses %j and says why", (text, why) => {
    const refused = Option.getOrThrow(Either.getLeft(Reference.parse(text)))
    expect(refused._tag).toBe("InvalidReferenceError")
    expect(refused.reference).toBe(text)
    expect(refused.message).toMatch(why)
  })

  it.each(["docker://me:hunter2@registry.test/app", "https://me:hunter2@registry.test:5000/a/b:1", "docker://t@r/x"])(
    "repeats no credentials of %j",
    (text) => {
      const refused = Option.getOrThrow(Either.getLeft(Reference.parse(text)))
      expect(refused.reference).toMatch(/^\w+:\/\/<redacted>@r/)
      expect(refused.message).toMatch(/username and password/)
      expect(JSON.stringify(refused)).not.toContain("hunter2")
    }
  )

  it("never throws and takes no quadratic time, whatever it is given", () => {
    const piece = FastCheck.constantFrom(
      ..."docker://|tag:|localhost|a|B|0|-|_|__|.|:|/|@|sha256:|{|}|urn:uuid:|é|\n| |[|]|%|..".split("|"),
      sha256,
      uuid
    )
    FastCheck.assert(
      FastCheck.property(
        FastCheck.oneof(
          anyText,
          FastCheck.array(piece, { maxLength: 12 }).map((all) => all.join(""))
        ),
        (text) => {
          const parsed = Reference.parse(text)
          if (Either.isRight(parsed)) {
            expect(Reference.parse(Reference.format(parsed.right))).toEqual(parsed)
            // whatever came in, nothing that climbs or escapes comes out
            // (a tag may have such a part: it is data of a query or a body, never of a path)
            if (parsed.right._tag !== "Tag") {
              expect(Reference.format(parsed.right)).not.toMatch(/[%\s]|(^|\/)\.\.?(\/|$)/)
            }
          }
        }
      ),
      { numRuns: 1000 }
    )
    // Quadratic time would be hours at this length, over any time limit of a test, so no clock is needed.
    for (const junk of ["a-", "a.", "a", "-", "[", ":"]) {
      expect(Either.isLeft(Reference.parse(`${junk.repeat(1_000_000)}!`))).toBe(true)
    }
  })
})

const charsIn = (chars: string, minLength: number, maxLength: number): FastCheck.Arbitrary<string> =>
  FastCheck.string({ unit: FastCheck.constantFrom(...chars), minLength, maxLength })
const lower = "abcdefghijklmnopqrstuvwxyz0123456789"
const component = FastCheck.tuple(
  charsIn(lower, 1, 8),
  FastCheck.array(FastCheck.tuple(FastCheck.constantFrom(".", "_", "__", "-", "---"), charsIn(lower, 1, 5)), {
    maxLength: 2
  })
).map(([first, rest]) => first + rest.flat().join(""))
const registry = FastCheck.tuple(
  FastCheck.constantFrom("quay.io", "localhost", "registry.example.com", "10.0.0.1", "[fe80::1]", "Example"),
  FastCheck.option(FastCheck.integer({ min: 1, max: 65535 }))
).map(([host, port]) => port === null ? host : `${host}:${port}`)
const anyOci = FastCheck.tuple(
  FastCheck.oneof(
    FastCheck.tuple(registry, FastCheck.array(component, { minLength: 1, maxLength: 3 })),
    FastCheck.tuple(FastCheck.constant("docker.io"), FastCheck.array(component, { minLength: 2, maxLength: 3 }))
  ),
  FastCheck.option(charsIn(`${lower}ABCXYZ_`, 1, 128)),
  FastCheck.option(FastCheck.constantFrom(sha256, `sha512:${"ab".repeat(64)}`))
).map(([[host, parts], tag, digest]) => oci(host, parts.join("/"), tag ?? undefined, digest ?? undefined))
const anyReference: FastCheck.Arbitrary<Reference.Reference> = FastCheck.oneof(
  FastCheck.uuid().map((id) => ({ _tag: "Id" as const, id: Ids.ImageId.make(id) })),
  charsIn(`${lower}ABC_./:-`, 1, 256).map((tag) => ({ _tag: "Tag" as const, tag: Ids.Tag.make(tag) })),
  anyOci
)

describe("Reference.format", () => {
  it("is read back as the same reference", () => {
    FastCheck.assert(
      FastCheck.property(anyReference, (reference) => {
        expect(parse(Reference.format(reference))).toEqual(reference)
      }),
      { numRuns: 1000 }
    )
  })

  it("is the encoding of the codec, which refuses what parse refuses", () => {
    FastCheck.assert(FastCheck.property(anyReference, (reference) => {
      const text = Schema.encodeSync(Reference.fromSelf)(reference)
      expect(text).toBe(Reference.format(reference))
      expect(Schema.decodeSync(Reference.fromSelf)(text)).toEqual(reference)
    }))
    expect(() => Schema.decodeSync(Reference.fromSelf)("MyImage")).toThrow(/lower case/)
  })

  it("is what a string given to a method is read as", () => {
    expect(Reference.fromInput("busybox")).toEqual(Reference.parse("busybox"))
    expect(Reference.fromInput(parse("busybox"))).toEqual(Reference.parse("busybox"))
    expect(Either.isLeft(Reference.fromInput(""))).toBe(true)
  })
})

describe("Reference.toTag and toUrl", () => {
  it.each([
    ["python", "python", "docker://docker.io/library/python"],
    ["docker.io/python:3.12", "python:3.12", "docker://docker.io/library/python:3.12"],
    ["docker.io/library/python:3.12", "python:3.12", "docker://docker.io/library/python:3.12"],
    ["vpupkin/myimage:v1.0", "vpupkin/myimage:v1.0", "docker://docker.io/vpupkin/myimage:v1.0"],
    ["quay.io/python:3.12", "quay.io/python:3.12", "docker://quay.io/python:3.12"],
    [
      "registry.example.com:5000/team/myapp:v1.2.3",
      "registry.example.com:5000/team/myapp:v1.2.3",
      "docker://registry.example.com:5000/team/myapp:v1.2.3"
    ],
    [
      "some.io/library/python:3.12-slim",
      "some.io/library/python:3.12-slim",
      "docker://some.io/library/python:3.12-slim"
    ],
    ["docker:///x", "x", "docker://docker.io/library/x"]
  ])("%s is found where the Python SDK put it", (text, tag, url) => {
    expect(tagOf(text)).toBe(tag)
    expect(urlOf(text)).toBe(url)
  })

  it("names a digest by letters that a tag may have, and asks the registry for the digest alone", () => {
    expect(tagOf(`python:3.12@${sha256}`)).toBe(`python:${sha256.replace(":", "-")}`)
    expect(urlOf(`python:3.12@${sha256}`)).toBe(`docker://docker.io/library/python@${sha256}`)
  })

  it("has none for what the service has already, or cannot call so", () => {
    expect(tagOf(uuid)).toBeUndefined()
    expect(urlOf(uuid)).toBeUndefined()
    expect(tagOf("tag:library/x")).toBe("library/x")
    expect(urlOf("tag:library/x")).toBeUndefined()
    expect(tagOf("[::1]/a")).toBeUndefined()
    expect(tagOf(`quay.io/${"a".repeat(249)}`)).toBeUndefined()
  })

  it("a tag, where there is one, is one the service takes", () => {
    FastCheck.assert(FastCheck.property(anyReference, (reference) => {
      const tag = Reference.toTag(reference)
      if (Option.isSome(tag)) expect(Schema.is(Ids.Tag)(tag.value)).toBe(true)
    }))
  })
})
