// The program's version, without reading a file at run time; a test compares it with package.json.
export const VERSION = "0.1.0";
