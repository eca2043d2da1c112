import { TsbuildError } from "../../base/errors.js";

/**
 * The fields of a flag like `type=oci,"dest=a,b"`: split at commas, a field in double quotes may hold commas and
 * doubled quotes (RFC 4180).
 * @throws {TsbuildError} USAGE when a quote isn't closed or stands inside a field
 */
export function csvFields(flag: string, text: string): readonly string[] {
  const fields: string[] = [];
  for (let at = 0; at <= text.length;) {
    const { field, end } = text[at] === '"' ? quotedField(flag, text, at) : plainField(flag, text, at);
    fields.push(field);
    at = end + 1;
  }
  return fields;
}

/**
 * `a=1,b=2` as a map, keys in lower case.
 * @throws {TsbuildError} USAGE for a field without `=` and for a key given twice
 */
export function csvAttributes(flag: string, text: string): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>();
  for (const field of csvFields(flag, text)) {
    const equals = field.indexOf("=");
    if (equals <= 0) throw new TsbuildError("USAGE", `${flag} "${text}": "${field}" is not of the form key=value`);
    const key = field.slice(0, equals).trim().toLowerCase();
    if (attributes.has(key)) throw new TsbuildError("USAGE", `${flag} "${text}": ${key} is given twice`);
    attributes.set(key, field.slice(equals + 1));
  }
  return attributes;
}

interface Field {
  readonly field: string;
  /** Where the comma behind it is, or the end of the text. */
  readonly end: number;
}

function plainField(flag: string, text: string, start: number): Field {
  const comma = text.indexOf(",", start);
  const end = comma === -1 ? text.length : comma;
  const field = text.slice(start, end);
  if (field.includes('"'))
    throw new TsbuildError("USAGE", `${flag} "${text}": a quote stands inside a field`, { hint: 'quote the whole field: "key=value"' });
  return { field, end };
}

function quotedField(flag: string, text: string, start: number): Field {
  let field = "";
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] !== '"') field += text[at];
    else if (text[at + 1] === '"') field += text[++at];
    else if (at + 1 === text.length || text[at + 1] === ",") return { field, end: at + 1 };
    else break;
  }
  throw new TsbuildError("USAGE", `${flag} "${text}": a quote is not closed`);
}
