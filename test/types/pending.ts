/**
 * What the programs need that is not there yet, in the compiler's own words (each cut at 100 characters). `negative`
 * compiles, but where a method is missing it does so for that reason alone: `download`, `docker`.
 */
export const pending: Readonly<Record<string, ReadonlyArray<string>>> = {
  // imports of images
  "p01-recover": [
    "8: Property 'importFrom' does not exist on type 'Service'.",
    "9: 'base' is of type 'unknown'.",
    "11: 'e' is of type 'unknown'.",
    "13: Parameter 'e' implicitly has an 'any' type.",
    "14: Parameter 'e' implicitly has an 'any' type.",
    "19: Type 'Effect<any, unknown, unknown>' is not assignable to type 'Effect<unknown, string | BadRequ"
  ],
  // imports of images
  "p02-mock": [
    "19: Object literal may only specify known properties, and 'importFrom' does not exist in type 'Servi",
    "19: Parameter 'ref' implicitly has an 'any' type.",
    "19: Parameter 'options' implicitly has an 'any' type.",
    "19: Property 'importFrom' does not exist on type 'Service'."
  ],
  // imports of images
  "p03-service": [
    "12: Property 'oci' does not exist on type 'Service'.",
    "23: Property 'oci' does not exist on type 'Service'."
  ],
  // writing to a process that runs
  "p06-process": [
    "8: Property 'stdin' does not exist on type 'Process<KeptImage>'.",
    "20: Property 'write' does not exist on type 'Process<DisposedImage>'.",
    "22: Property 'end' does not exist on type 'Process<DisposedImage>'."
  ],
  // imports of images
  "p08-fanout": [
    "6: Property 'docker' does not exist on type 'Service'.",
    "9: 'r' is of type 'unknown'.",
    "9: 'r' is of type 'unknown'."
  ],
  // downloads to files
  "p10-wiring": [
    "11: Property 'download' does not exist on type 'Image'.",
    "18: No overload matches this call.   Overload 1 of 2, '(options?: { readonly disableErrorReporting?:",
    "21: Type 'Effect<number | undefined, unknown, unknown>' is not assignable to type 'Effect<number | u",
    "33: Argument of type 'Effect<number | undefined, unknown, unknown>' is not assignable to parameter o"
  ]
}
