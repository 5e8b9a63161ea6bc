/** The version in the user agent; a test holds it equal to package.json, which this room cannot read. */
export const version = "0.1.0"
