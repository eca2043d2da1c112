import { EmbeddedActionsParser } from "chevrotain";
import type { IToken, ParserMethod } from "chevrotain";
import {
  ArrayClose,
  ArrayOpen,
  CheckType,
  Comma,
  CommandKeyword,
  createTokens,
  Flag,
  FlagsEnd,
  HealthcheckKeyword,
  ListKeyword,
  NotAString,
  OnbuildKeyword,
  PairsKeyword,
  RefusedTrigger,
  StringLiteral,
  Text,
  TextKeyword,
  UnknownKeyword,
  Word,
  WordsKeyword,
} from "./tokens.js";
import type { Tokens } from "./tokens.js";

/** A part of a logical line. */
export type Token = Pick<IToken, "image" | "startOffset">;

/** A JSON array; `notAString` is the first element that is no string. */
export interface RawArray {
  readonly open: Token;
  readonly strings: readonly Token[];
  readonly notAString: Token | undefined;
}

/** What stands behind the flags. */
export type RawBody =
  | { readonly type: "array"; readonly array: RawArray }
  | { readonly type: "text"; readonly text: Token | undefined }
  | { readonly type: "words"; readonly words: readonly Token[] };

/** A logical line's shape; meaning and source positions come later. */
export type RawInstruction = { readonly keyword: Token; readonly flags: readonly Token[] } & (
  | { readonly type: "command" | "list" | "words" | "text" | "pairs"; readonly body: RawBody }
  | { readonly type: "healthcheck"; readonly check: Token | undefined; readonly body: RawBody }
  | { readonly type: "onbuild"; readonly trigger: RawInstruction | undefined }
  | { readonly type: "unknown" | "refused" }
);

/** Reads one logical line. */
export interface Grammar {
  readonly parseLine: (line: string) => RawInstruction;
}

const grammars = new Map<string, Grammar>();

/** The grammar for this escape character. Building one takes a few milliseconds, so it is kept. */
export function grammarFor(escape: string): Grammar {
  let grammar = grammars.get(escape);
  if (grammar === undefined) {
    grammar = createGrammar(escape, { validate: false });
    grammars.set(escape, grammar);
  }
  return grammar;
}

/** `validate` makes Chevrotain check tokens and rules for ambiguities: slow, for tests. */
export function createGrammar(escape: string, options: { readonly validate: boolean }): Grammar {
  const tokens = createTokens(escape, options);
  const parser = new LineParser(tokens, options);
  return { parseLine: (line) => parseLine(parser, tokens, line) };
}

function parseLine(parser: LineParser, tokens: Tokens, line: string): RawInstruction {
  parser.input = tokens.tokenize(line);
  const raw = parser.instruction();
  const [error] = parser.errors;
  if (error !== undefined)
    throw new Error(`Internal error: the line ${JSON.stringify(line.slice(0, 200))} does not parse: ${error.message}`);
  return raw;
}

class LineParser extends EmbeddedActionsParser {
  readonly instruction: ParserMethod<[], RawInstruction>;

  constructor(tokens: Tokens, options: { readonly validate: boolean }) {
    super([...tokens.all], { skipValidations: !options.validate, recoveryEnabled: false, maxLookahead: 1 });
    const rule = <T>(name: string, body: () => T): ParserMethod<[], T> => this.RULE(name, body);

    const flags = rule("flags", () => {
      const found: Token[] = [];
      this.MANY(() => found.push(this.CONSUME(Flag)));
      this.OPTION(() => this.CONSUME(FlagsEnd));
      return found;
    });

    const array = rule("array", (): RawBody => {
      const open = this.CONSUME(ArrayOpen);
      const strings: Token[] = [];
      let notAString: Token | undefined;
      this.MANY_SEP({
        SEP: Comma,
        DEF: () => {
          this.OR([{ ALT: () => strings.push(this.CONSUME(StringLiteral)) }, { ALT: () => (notAString = this.CONSUME(NotAString)) }]);
        },
      });
      this.OPTION(() => this.CONSUME(ArrayClose));
      return { type: "array", array: { open, strings, notAString } };
    });

    const text = rule("text", (): RawBody => ({ type: "text", text: this.OPTION(() => this.CONSUME(Text)) }));

    const words = rule("words", (): RawBody => {
      const found: Token[] = [];
      this.MANY(() => found.push(this.CONSUME(Word)));
      return { type: "words", words: found };
    });

    const quotedWords = rule("quotedWords", (): RawBody => {
      const found: Token[] = [];
      this.MANY(() => found.push(this.CONSUME(tokens.QuotedWord)));
      return { type: "words", words: found };
    });

    const arrayOrText = rule("arrayOrText", (): RawBody =>
      this.OR([{ ALT: () => this.SUBRULE(array) }, { ALT: () => this.SUBRULE(text) }]),
    );
    const arrayOrWords = rule("arrayOrWords", (): RawBody =>
      this.OR([{ ALT: () => this.SUBRULE(array) }, { ALT: () => this.SUBRULE(words) }]),
    );

    const command = rule("command", (): RawInstruction => {
      const keyword = this.CONSUME(CommandKeyword);
      return { type: "command", keyword, flags: this.SUBRULE(flags), body: this.SUBRULE(arrayOrText) };
    });

    const list = rule("list", (): RawInstruction => {
      const keyword = this.CONSUME(ListKeyword);
      return { type: "list", keyword, flags: this.SUBRULE(flags), body: this.SUBRULE(arrayOrWords) };
    });

    const wordList = rule("wordList", (): RawInstruction => {
      const keyword = this.CONSUME(WordsKeyword);
      return { type: "words", keyword, flags: this.SUBRULE(flags), body: this.SUBRULE(words) };
    });

    const wholeText = rule("wholeText", (): RawInstruction => {
      const keyword = this.CONSUME(TextKeyword);
      return { type: "text", keyword, flags: this.SUBRULE(flags), body: this.SUBRULE(text) };
    });

    const pairs = rule("pairs", (): RawInstruction => {
      const keyword = this.CONSUME(PairsKeyword);
      return { type: "pairs", keyword, flags: this.SUBRULE(flags), body: this.SUBRULE(quotedWords) };
    });

    const healthcheck = rule("healthcheck", (): RawInstruction => {
      const keyword = this.CONSUME(HealthcheckKeyword);
      const found = this.SUBRULE(flags);
      const check = this.OPTION(() => this.CONSUME(CheckType));
      return { type: "healthcheck", keyword, flags: found, check, body: this.SUBRULE(arrayOrText) };
    });

    const unknown = rule("unknown", (): RawInstruction => {
      const keyword = this.CONSUME(UnknownKeyword);
      this.OPTION(() => this.CONSUME(Text));
      return { type: "unknown", keyword, flags: [] };
    });

    const refused = rule("refused", (): RawInstruction => {
      const keyword = this.CONSUME(RefusedTrigger);
      this.OPTION(() => this.CONSUME(Text));
      return { type: "refused", keyword, flags: [] };
    });

    const plain = rule("plain", (): RawInstruction =>
      this.OR([
        { ALT: () => this.SUBRULE(command) },
        { ALT: () => this.SUBRULE(list) },
        { ALT: () => this.SUBRULE(wordList) },
        { ALT: () => this.SUBRULE(wholeText) },
        { ALT: () => this.SUBRULE(pairs) },
        { ALT: () => this.SUBRULE(healthcheck) },
        { ALT: () => this.SUBRULE(unknown) },
      ]),
    );

    const trigger = rule("trigger", (): RawInstruction =>
      this.OR([{ ALT: () => this.SUBRULE(refused) }, { ALT: () => this.SUBRULE(plain) }]),
    );

    const onbuild = rule("onbuild", (): RawInstruction => {
      const keyword = this.CONSUME(OnbuildKeyword);
      const found = this.SUBRULE(flags);
      return { type: "onbuild", keyword, flags: found, trigger: this.OPTION(() => this.SUBRULE(trigger)) };
    });

    this.instruction = rule("instruction", (): RawInstruction =>
      this.OR([{ ALT: () => this.SUBRULE(onbuild) }, { ALT: () => this.SUBRULE(plain) }]),
    );
    this.performSelfAnalysis();
  }
}
