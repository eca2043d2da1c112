import assert from "node:assert/strict";
import { test } from "node:test";
import { goJson, goText, NIL_LIST, NIL_MAP } from "./go-values.js";
import { compileTemplate } from "./template.js";

const IMAGE = {
  Id: "sha256:abcdef",
  Tags: ["a:1", "b:2"],
  Size: 1500,
  Config: {
    User: "",
    Cmd: ["sh", "-c"],
    Entrypoint: NIL_LIST,
    Labels: new Map([
      ["z", "26"],
      ["a", "1 <&>"],
    ]),
    Volumes: NIL_MAP,
    Healthcheck: undefined,
  },
  Ok: true,
};

function rendered(template: string): string {
  return compileTemplate(template)(IMAGE);
}

for (const [template, expected] of [
  ["plain", "plain"],
  ["{{.Id}} {{.Config.User}}|{{ .Size }}", "sha256:abcdef |1500"],
  ["{{.Tags}} {{.Config.Labels}} {{.Config.Entrypoint}} {{.Config.Volumes}} {{.Ok}}", "[a:1 b:2] map[a:1 <&> z:26] [] map[] true"],
  ["{{json .Config.Cmd}} {{json .Config.Entrypoint}} {{json .Config.Volumes}}", '["sh","-c"] null null'],
  ["{{json .Config.Labels}}", '{"a":"1 \\u003c\\u0026\\u003e","z":"26"}'],
  ['{{index .Config.Labels "z"}}/{{index .Config.Labels "none"}}/{{index .Tags 1}}', "26//b:2"],
  ["{{.Config.Labels.z}} {{.Config.Labels.none}}", "26 <no value>"],
  ["{{range .Tags}}<{{.}}>{{end}}", "<a:1><b:2>"],
  ["{{range $i, $t := .Tags}}{{if $i}}, {{end}}{{$i}}={{$t}}{{end}}", "0=a:1, 1=b:2"],
  ["{{range $k, $v := .Config.Labels}}{{$k}}={{$v}};{{end}}", "a=1 <&>;z=26;"],
  ["{{range .Config.Entrypoint}}x{{else}}none{{end}}", "none"],
  ["{{if .Config.User}}user{{else if .Ok}}ok{{else}}no{{end}}", "ok"],
  ["{{with .Config}}{{.Cmd}}{{$.Id}}{{end}}", "[sh -c]sha256:abcdef"],
  ["{{with .Config.Healthcheck}}has{{else}}has none{{end}}", "has none"],
  ['{{join .Tags ", " | upper}} {{lower "ABC"}} {{title "two words"}}', "A:1, B:2 abc Two Words"],
  ['{{(index .Tags 0)}} {{index (split .Id ":") 1}} {{truncate .Id 6}} {{slice .Id 0 3}}', "a:1 abcdef sha256 sha"],
  [
    '{{len .Tags}} {{eq .Size 1500}} {{ne .Id "x"}} {{gt .Size 1}} {{and .Ok .Config.User}}{{or .Config.User "nobody"}} {{not .Ok}}',
    "2 true true true nobody false",
  ],
  ['{{printf "%-5s|%5d|%05d|%q|%v|%%" "ab" 7 42 "x" .Tags}}', 'ab   |    7|00042|"x"|[a:1 b:2]|%'],
  ["{{$x := .Id}}{{$x}} {{println 1}}", "sha256:abcdef 1\n"],
  ["a {{- .Size -}} b{{/* nothing */}}", "a1500b"],
  ['{{"quoted \\"text\\"\\t"}}{{`raw`}}', 'quoted "text"\traw'],
  ["{{pad .Id 1 2}}|", " sha256:abcdef  |"],
] as const) {
  test(`template ${template}`, () => assert.equal(rendered(template), expected));
}

for (const [template, problem] of [
  ["{{.Nothing}}", /can't evaluate field Nothing/],
  ["{{.Config.Nothing.More}}", /field Nothing/],
  ["{{.Config.Healthcheck.Test}}", /nil pointer/],
  ["{{", /unclosed action/],
  ["{{nonsense .}}", /function "nonsense" not defined/],
  ["{{if .Ok}}x", /no \{\{end\}\}/],
  ["{{end}}", /unexpected \{\{end\}\}/],
  ["{{$y}}", /undefined variable "\$y"/],
  ["{{.Id .Size}}", /can't give argument/],
  ["{{index .Tags 7}}", /out of range/],
  ["{{}}", /missing value/],
  ["{{.__proto__}}{{.constructor}}", /can't evaluate field/],
] as const) {
  test(`template ${template} is refused`, () => assert.throws(() => rendered(template), { code: "TEMPLATE_INVALID", message: problem }));
}

test("JSON and text keep keys that mean something to JavaScript", () => {
  const labels = new Map([
    ["__proto__", "x"],
    ["constructor", "y"],
  ]);
  assert.equal(goJson(labels), '{"__proto__":"x","constructor":"y"}');
  assert.equal(goText(labels), "map[__proto__:x constructor:y]");
});
