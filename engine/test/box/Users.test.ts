import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as Fs from "node:fs"
import * as BoxFixture from "./BoxFixture.js"

const { isRoot, text } = BoxFixture

layer(BoxFixture.layer, { timeout: "5 minutes" })(
  `users in a box, ${isRoot ? "as root" : "as an ordinary user"}`,
  (it) => {
    it.effect("the mode follows the user of the engine", () =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.Fixture
        expect(box.launcher.mode).toBe(isRoot ? "root" : "user")
        expect(text((yield* box.run({ command: "id", args: ["-u"] })).stdout)).toBe("0\n")
      }))

    if (isRoot) {
      it.effect("a command runs as its uid and gid, with no other group and no capability", () =>
        Effect.gen(function*() {
          const box = yield* BoxFixture.Fixture
          const { report, spec, stdout } = yield* box.sh(
            "id; echo x > /tmp/mine; stat -c '%u %g' /tmp/mine; touch /root-only 2>/dev/null || echo denied; " +
              "grep -E 'CapEff|CapPrm|CapAmb|Groups' /proc/self/status; echo hi > /dev/stdout; exit 5",
            { uid: 1000, gid: 1001, env: { PATH: "/bin", LD_PRELOAD: "/nope.so", LD_LIBRARY_PATH: "/tmp" } }
          )
          expect(text(stdout).replace(/\t/g, " ").trim().split("\n").map((line) => line.trim())).toEqual([
            "uid=1000 gid=1001",
            "1000 1001",
            "denied",
            "Groups:",
            "CapPrm: 0000000000000000",
            "CapEff: 0000000000000000",
            "CapAmb: 0000000000000000",
            "hi"
          ])
          expect(report.code).toBe(5)
          const { gid, uid } = Fs.statSync(`${box.store}/${spec.upper}/tmp/mine`)
          expect([uid, gid]).toEqual([1000, 1001])
        }))

      it.effect("a group alone, and the largest id there is", () =>
        Effect.gen(function*() {
          const box = yield* BoxFixture.Fixture
          expect(text((yield* box.run({ command: "id", gid: 7 })).stdout)).toBe("uid=0 gid=7\n")
          const largest = 4_294_967_294
          expect(text((yield* box.run({ command: "id", uid: largest, gid: largest })).stdout)).toBe(
            `uid=${largest} gid=${largest}\n`
          )
        }))

      it.effect("another user's missing command is 127 too, and a signal is a signal", () =>
        Effect.gen(function*() {
          const box = yield* BoxFixture.Fixture
          expect((yield* box.run({ command: "nosuch", uid: 1000 })).report.code).toBe(127)
          expect((yield* box.sh("kill -11 $$", { uid: 1000 })).report.signal).toBe(11)
          expect((yield* box.sh("sleep 1000", { uid: 1000, timeoutSeconds: 0.2 })).report).toMatchObject({
            signal: 9,
            timedOut: true
          })
        }))

      it.effect("root may become somebody else and give files away", () =>
        Effect.gen(function*() {
          const box = yield* BoxFixture.Fixture
          const { stdout } = yield* box.sh(
            "touch /f && chown 12:34 /f && stat -c '%u %g' /f && chmod 0 /f && cat /f && echo read"
          )
          expect(text(stdout)).toBe("12 34\nread\n")
        }))
    } else {
      it.effect("another uid or gid is a stated refusal, before anything is done", () =>
        Effect.gen(function*() {
          const box = yield* BoxFixture.Fixture
          const entry = { source: "/etc/hostname", destination: "/f", uid: 0, gid: 9, mode: 0o644 }
          for (const overrides of [{ uid: 1 }, { gid: 1 }, { files: [entry] }]) {
            const spec = box.spec(overrides)
            expect((yield* Effect.flip(box.launcher.validate(spec))).reason).toBe("UnsupportedUser")
            const error = yield* Effect.flip(box.run(overrides))
            expect(error.reason).toBe("UnsupportedUser")
            expect(error.description).toContain("start the engine as root")
          }
        }))

      it.effect("what it writes belongs to the user outside, and removing and making a folder again works", () =>
        Effect.gen(function*() {
          const box = yield* BoxFixture.Fixture
          const { report, spec, stdout } = yield* box.sh("rm -rf /home && mkdir /home && ls -A /home | wc -l; touch /f")
          expect([report.code, text(stdout)]).toEqual([0, "0\n"])
          expect(Fs.statSync(`${box.store}/${spec.upper}/f`).uid).toBe(process.getuid?.())
          expect(box.launcher.xattrPrefix).toBe("user.overlay.")
        }))
    }
  }
)
