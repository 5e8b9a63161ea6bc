import { describe, expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as Fs from "node:fs"
import { createServer, type Server } from "node:net"
import { hostname } from "node:os"
import * as BoxFixture from "./BoxFixture.js"

const { text } = BoxFixture

// CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SYS_CHROOT SETFCAP, by their numbers
const allowed = [0, 1, 3, 4, 5, 6, 7, 18, 31].reduce((mask, bit) => mask | (1n << BigInt(bit)), 0n)

const listen = Effect.acquireRelease(
  Effect.async<Server>((resume) => {
    const server = createServer((socket) => socket.end("host\n"))
    server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
  }),
  (server) => Effect.sync(() => void server.close())
)

layer(BoxFixture.layer, { timeout: "5 minutes" })("what a box can see", (it) => {
  it.effect("of the engine's environment: nothing", () =>
    Effect.gen(function*() {
      const box = yield* BoxFixture.Fixture
      process.env["CONTREE_TEST_SECRET"] = "hunter2"
      const { stdout } = yield* box.sh("for p in /proc/[0-9]*; do cat $p/environ $p/cmdline; done | tr '\\0' '\\n'", {
        env: { PATH: "/bin", SECRET_OF_MINE: "mine" }
      })
      delete process.env["CONTREE_TEST_SECRET"]
      expect(text(stdout)).not.toContain("hunter2")
      const init = yield* box.sh("tr '\\0' '\\n' < /proc/1/environ", { env: { PATH: "/bin", SECRET_OF_MINE: "mine" } })
      expect(text(init.stdout).trim().split("\n").map((line) => line.split("=")[0])).toEqual(["PATH"])
    }))

  it.effect("of the host's paths: nothing", () =>
    Effect.gen(function*() {
      const box = yield* BoxFixture.Fixture
      const source = `${box.store}/content`
      Fs.writeFileSync(source, "x")
      const { spec, stdout } = yield* box.sh(
        "cat /proc/1/cmdline /proc/2/cmdline /proc/self/mountinfo /proc/self/mounts /proc/self/cgroup; " +
          "for p in /proc/[0-9]*; do ls -l $p/fd $p/cwd $p/root $p/exe; done; ls -la / /dev /dev/.contree",
        {
          stdin: new TextEncoder().encode("spooled"),
          files: [{ source, destination: "/placed", uid: 0, gid: 0, mode: 0o644 }]
        }
      )
      // the operation is there to be seen, and in these tests it is named after the store
      const seen = text(stdout).replaceAll(spec.operationId, "")
      expect(seen).toContain("overlay")
      expect(seen).not.toContain(box.store)
      expect(seen).not.toContain(box.store.slice(box.store.lastIndexOf("/") + 1))
      expect(seen).not.toContain(process.cwd())
      expect(text((yield* box.sh("ls /")).stdout)).not.toContain("oldroot")
    }))

  it.effect("of the host's descriptors: its own three", () =>
    Effect.gen(function*() {
      const box = yield* BoxFixture.Fixture
      // `echo` is a builtin and the glob opens one of its own, which is closed when it is printed
      const { stdout } = yield* box.sh("for f in /proc/self/fd/*; do [ -e $f ] && echo ${f##*/}; done", {
        stdin: "open"
      })
      expect(text(stdout)).toBe("0\n1\n2\n")
      const other = yield* box.sh("for f in /proc/2/fd/*; do readlink $f; done; kill -0 1 && echo alive")
      expect(text(other.stdout)).not.toContain("socket:")
      expect(text(other.stdout)).toContain("alive")
    }))

  it.effect("signals are as a program expects them", () =>
    Effect.gen(function*() {
      const box = yield* BoxFixture.Fixture
      const { stdout } = yield* box.run({ command: "grep", args: ["-E", "^Sig(Ign|Blk)", "/proc/self/status"] })
      expect(text(stdout)).toBe("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n")
      expect(text((yield* box.sh("umask; ulimit -c")).stdout)).toBe("0022\n0\n")
    }))

  it.effect("capabilities: what packages need, nothing else", () =>
    Effect.gen(function*() {
      const box = yield* BoxFixture.Fixture
      const { stdout } = yield* box.run({ command: "cat", args: ["/proc/self/status"] })
      const mask = (name: string): bigint =>
        BigInt(`0x${new RegExp(`${name}:\\s+(\\S+)`).exec(text(stdout))?.[1] ?? "0"}`)
      for (const name of ["CapPrm", "CapEff", "CapInh", "CapAmb"]) {
        expect([name, mask(name) & ~allowed]).toEqual([name, 0n])
      }
      expect(mask("CapEff")).toBe(allowed)
      expect(text(stdout)).toMatch(/NoNewPrivs:\s+1/)
    }))

  it.effect("nothing of the host can be changed through /proc and /sys, or mounted, or made", () =>
    Effect.gen(function*() {
      const box = yield* BoxFixture.Fixture
      const tried = [
        "echo 1 > /proc/sys/vm/drop_caches",
        "echo x > /proc/sys/kernel/hostname",
        "echo h > /proc/sysrq-trigger && [ -s /proc/sysrq-trigger ]",
        "[ -n \"$(head -c 1 /proc/kcore)\" ]",
        "[ -n \"$(ls -A /sys)\" ]",
        "touch /sys/x",
        "touch /dev/x",
        "touch /dev/.contree/busybox",
        "mount -t tmpfs none /tmp",
        "umount /proc",
        "mknod /tmp/disk b 254 0",
        "hostname other",
        "chroot /proc/1/root /bin/busybox ls /proc/1/root/var/tmp"
      ]
      const codes = yield* Effect.forEach(
        tried,
        (script) => Effect.map(box.sh(script), ({ report }) => [script, report.code !== 0]),
        {
          concurrency: 4
        }
      )
      expect(codes).toEqual(tried.map((script) => [script, true]))
      expect(hostname()).not.toBe("other")
    }))

  it.effect("of other processes: its own", () =>
    Effect.gen(function*() {
      const box = yield* BoxFixture.Fixture
      const { stdout } = yield* box.sh("for p in /proc/[0-9]*; do echo ${p##*/}; done")
      expect(text(stdout).trim().split("\n").length).toBeLessThan(6)
    }))

  it.effect("/dev is a usual one", () =>
    Effect.gen(function*() {
      const box = yield* BoxFixture.Fixture
      const { stdout } = yield* box.sh(
        "head -c 4 /dev/urandom | wc -c; echo x > /dev/null; echo y > /dev/shm/y && cat /dev/shm/y; stat -c %a /dev/shm"
      )
      expect(text(stdout)).toBe("4\ny\n1777\n")
      const full = yield* box.run({ command: "dd", args: ["if=/dev/zero", "of=/dev/shm/big", "bs=1M", "count=100"] })
      expect(text(full.stderr)).toContain("No space left")
    }))

  describe("of the network", () => {
    it.scoped("with none: a loopback of its own", () =>
      Effect.gen(function*() {
        const box = yield* BoxFixture.Fixture
        const server = yield* listen
        const address = server.address()
        const port = address !== null && typeof address === "object" ? address.port : 0
        const script =
          `ls /proc/sys/net/ipv4/conf | grep -v -E '^(all|default)$'; tail -n +3 /proc/net/dev | cut -d: -f1; nc -w 2 127.0.0.1 ${port} </dev/null; echo $?`
        const none = yield* box.sh(script)
        expect(text(none.stdout).split("\n").map((line) => line.trim()).filter((line) => line === "lo").length)
          .toBeGreaterThan(0)
        expect(text(none.stdout)).not.toContain("host")
        expect(text(none.stdout)).not.toMatch(/eth|ens|enp/)
        const host = yield* box.sh(`nc -w 5 127.0.0.1 ${port} </dev/null; cat /etc/resolv.conf`, { network: "host" })
        expect(text(host.stdout)).toBe(`host\n${Fs.readFileSync("/etc/resolv.conf", "utf8")}`)
        expect(
          text(
            (yield* box.sh(
              // nc may hang up before the other side has written: both go on until it came through
              "(while :; do echo hi | nc -l -p 8080; done &); while [ -z \"$r\" ]; do r=$(nc -w 2 127.0.0.1 8080 </dev/null 2>/dev/null); done; echo $r"
            )).stdout
          )
        ).toBe("hi\n")
      }))
  })
})
