// JSON as Python reads and writes it: whole numbers and floats stay apart, keys keep their order.

/** A number whose spelling matters: a whole one, or one that Python would write otherwise. */
class Raw {
  constructor(source) { this.source = source; }
  valueOf() { return Number(this.source); }
}

const integer = (value) => new Raw(String(value));

/** Return a float as Python's repr does. */
function pythonFloat(value) {
  if (Object.is(value, -0)) return "-0.0";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    const [digits, exponent] = value.toExponential().split("e");
    const power = exponent.slice(1).padStart(2, "0");
    return `${digits}e${exponent[0]}${power}`;
  }
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

// Keys that objects would put first, or not hold at all, are kept with a mark before them.
const MARK = "\u0000";
const asKey = (key) => (/^(?:\d|__proto__$|\u0000)/.test(key) ? MARK + key : key);
const fromKey = (key) => (key.startsWith(MARK) ? key.slice(1) : key);

/** Read a JSON text that Python wrote. */
function parseExactly(text) {
  const blank = /[ \t\r\n]*/y, string = /"(?:[^"\\]|\\.)*"/y, number = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
  let at = 0;
  const take = (pattern) => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (!found) throw new SyntaxError(`no JSON at ${at}`);
    at = pattern.lastIndex;
    return found[0];
  };
  const skip = () => {
    if (text.charCodeAt(at) > 32) return;
    blank.lastIndex = at;
    blank.exec(text);
    at = blank.lastIndex;
  };
  const readString = () => {
    const token = take(string);
    return token.includes("\\") ? JSON.parse(token) : token.slice(1, -1);
  };
  const readItems = (close, one) => {
    at += 1;
    for (skip(); text[at] !== close; skip()) {
      one();
      skip();
      if (text[at] === ",") at += 1;
      skip();
    }
    at += 1;
  };
  const value = () => {
    const first = text[at];
    if (first === "{") {
      const found = {};
      readItems("}", () => {
        const key = readString();
        skip();
        at += 1;
        skip();
        found[asKey(key)] = value();
      });
      return found;
    }
    if (first === "[") {
      const found = [];
      readItems("]", () => found.push(value()));
      return found;
    }
    if (first === '"') return readString();
    if (first === "t") { at += 4; return true; }
    if (first === "f") { at += 5; return false; }
    if (first === "n") { at += 4; return null; }
    const token = take(number);
    return /[.eE]/.test(token) && pythonFloat(Number(token)) === token ? Number(token) : new Raw(token);
  };
  skip();
  return value();
}

/** Return a value as `json.dumps(…, ensure_ascii=False, indent=2)` writes it. */
function writeExactly(value, indent = "") {
  if (value instanceof Raw) return value.source;
  if (typeof value === "number") return Number.isFinite(value) ? pythonFloat(value) : "null";
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const inner = indent + "  ";
  const parts = Array.isArray(value)
    ? value.map((item) => inner + writeExactly(item, inner))
    : Object.entries(value).map(([key, item]) =>
        `${inner}${JSON.stringify(fromKey(key))}: ${writeExactly(item, inner)}`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  return parts.length ? `${open}\n${parts.join(",\n")}\n${indent}${close}` : open + close;
}
