import { describe, it } from "@effect/vitest"
import { RuleTester } from "eslint"
import tseslint from "typescript-eslint"
import { noShellInterpolation } from "../../scripts/eslint/noShellInterpolation.js"

RuleTester.describe = describe
RuleTester.it = it
RuleTester.itOnly = it.only

const tester = new RuleTester({ languageOptions: { parser: tseslint.parser, sourceType: "module" } })
const errors = [{ messageId: "injection" }]

tester.run("no-shell-interpolation", noShellInterpolation, {
  valid: [
    "Command.shell`rm ${file}`",
    "Command.shell(\"echo $HOME\")",
    "Command.shell(`echo a\necho b`)",
    "Command.shell(script)",
    "Command.shell(\"a\" + b)",
    "Command.exec(`/bin/${name}`)",
    "Command.exec(\"sh\", [\"-c\", `echo ${x}`])",
    "Bash.shell(`echo ${x}`)",
    "Command[shell](`echo ${x}`)",
    "shell(`echo ${x}`)",
    "import { shell } from \"./terminal.js\"; shell(`echo ${x}`)",
    "import { exec as shell } from \"effect-contree/Command\"; shell(`echo ${x}`)"
  ],
  invalid: [
    { code: "Command.shell(`rm ${file}`)", errors },
    { code: "image.run(Command.shell(`rm ${file}`), { disposable: false })", errors },
    { code: "Contree.Command.shell(`rm ${file}`)", errors },
    { code: "ContreeCommand.shell(`rm ${file}`)", errors },
    { code: "Command.shell(\"rm \" + `${file}`)", errors },
    { code: "Command.shell(force ? `rm -f ${file}` : \"true\")", errors },
    { code: "Command.shell(`rm ${file}` as string)", errors },
    { code: "Command.shell((`rm ${file}`)!)", errors },
    { code: "import { shell } from \"effect-contree/Command\"; shell(`rm ${file}`)", errors },
    { code: "import { shell as sh } from \"../schemas/Command.js\"; sh(`rm ${file}`)", errors }
  ]
})
