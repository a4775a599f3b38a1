// Patterns of string params: regular expressions that match in time proportional to the text. Literals, `.`, classes,
// \d \w \s, groups, `|`, `*`, `+`, `?`, `{n,m}`. Nothing that needs backtracking: no look-around, no back-references.
// The whole text must match.

export interface Pattern {
  matches: (text: string) => boolean;
}

/** A state of the automaton: reads a letter, goes on without one, or accepts. */
type State = { reads: (letter: string) => boolean; next: number } | { jumps: number[] } | 'accept';

type Node =
  | { is: 'letter'; reads: (letter: string) => boolean }
  | { is: 'sequence' | 'choice'; nodes: Node[] }
  | { is: 'repeat'; node: Node; min: number; max: number };

const maxLength = 200;
const maxStates = 2_000;
const maxRepeats = 200;

/** The pattern, or what is wrong with it in words. Pure. */
export function compilePattern(source: string): Pattern | string {
  if (source.length > maxLength) return `it is longer than ${maxLength} characters`;
  const reader = new Reader(source);
  try {
    const node = reader.choice();
    if (!reader.isAtEnd()) return 'a `)` has no `(`';
    const states: State[] = ['accept'];
    const start = build(node, 0, states);
    return { matches: (text) => run(states, start, text) };
  } catch (error) {
    if (error instanceof PatternError) return error.message;
    throw error;
  }
}

class PatternError extends Error {}

/** Reads the syntax; one method a level of it. */
class Reader {
  private readonly letters: string[];
  private at = 0;
  constructor(source: string) {
    this.letters = Array.from(source);
  }

  isAtEnd(): boolean {
    return this.at >= this.letters.length;
  }

  choice(): Node {
    const nodes = [this.sequence()];
    while (this.takes('|')) nodes.push(this.sequence());
    return { is: 'choice', nodes };
  }

  private sequence(): Node {
    const nodes: Node[] = [];
    while (!this.isAtEnd() && this.peek() !== '|' && this.peek() !== ')') {
      // The whole text must match anyway.
      const isAnchor = (this.at === 0 && this.takes('^')) || (this.at === this.letters.length - 1 && this.takes('$'));
      if (!isAnchor) nodes.push(this.repeated(this.atom()));
    }
    return { is: 'sequence', nodes };
  }

  private repeated(node: Node): Node {
    if (this.takes('*')) return { is: 'repeat', node, min: 0, max: Infinity };
    if (this.takes('+')) return { is: 'repeat', node, min: 1, max: Infinity };
    if (this.takes('?')) return { is: 'repeat', node, min: 0, max: 1 };
    if (this.peek() !== '{') return node;
    const counts = /^\{(\d+)(,(\d*))?\}/.exec(this.letters.slice(this.at).join(''));
    if (counts === null) throw new PatternError('a `{` is not followed by counts such as {2,5}');
    this.at += counts[0].length;
    const min = Number(counts[1]);
    const max = counts[2] === undefined ? min : counts[3] === '' ? Infinity : Number(counts[3]);
    if (max < min || min > maxRepeats || (max !== Infinity && max > maxRepeats))
      throw new PatternError(`\`${counts[0]}\` must count from a smaller to a larger number, at most ${maxRepeats}`);
    return { is: 'repeat', node, min, max };
  }

  private atom(): Node {
    const letter = this.take();
    if (letter === '(') return this.group();
    if (letter === '[') return { is: 'letter', reads: this.letterClass() };
    if (letter === '.') return { is: 'letter', reads: (read) => read !== '\n' };
    if (letter === '\\') return { is: 'letter', reads: this.escaped() };
    if ('*+?{'.includes(letter)) throw new PatternError(`\`${letter}\` has nothing before it to repeat`);
    if (letter === '^' || letter === '$') throw new PatternError(`\`${letter}\` can stand at the ends only`);
    return { is: 'letter', reads: (read) => read === letter };
  }

  private group(): Node {
    if (this.takes('?') && !this.takes(':'))
      throw new PatternError('`(?` begins a look-around or a named group, and only plain groups are known');
    const node = this.choice();
    if (!this.takes(')')) throw new PatternError('a `(` is not closed');
    return node;
  }

  private escaped(): (letter: string) => boolean {
    if (this.isAtEnd()) throw new PatternError('it ends in a `\\`');
    const letter = this.take();
    const known = classes[letter];
    if (known !== undefined) return known;
    if (/[a-zA-Z0-9]/.test(letter)) throw new PatternError(`\`\\${letter}\` is not known; there are \\d, \\w and \\s`);
    return (read) => read === letter;
  }

  private letterClass(): (letter: string) => boolean {
    const isNegated = this.takes('^');
    const parts: ((letter: string) => boolean)[] = [];
    while (!this.takes(']')) {
      if (this.isAtEnd()) throw new PatternError('a `[` is not closed');
      const from = this.take();
      if (from === '\\') parts.push(this.escaped());
      else if (this.peek() === '-' && this.letters[this.at + 1] !== ']' && this.at + 1 < this.letters.length) {
        this.at += 1;
        const to = this.take();
        if (to < from) throw new PatternError(`the range \`${from}-${to}\` goes backwards`);
        parts.push((letter) => letter >= from && letter <= to);
      } else parts.push((letter) => letter === from);
    }
    return (letter) => parts.some((part) => part(letter)) !== isNegated;
  }

  private peek = (): string | undefined => this.letters[this.at];
  private take = (): string => this.letters[this.at++] ?? '';
  private takes(letter: string): boolean {
    if (this.peek() !== letter) return false;
    this.at += 1;
    return true;
  }
}

const classes: Record<string, (letter: string) => boolean> = {
  d: (letter) => /^\d$/.test(letter),
  D: (letter) => !/^\d$/.test(letter),
  w: (letter) => /^\w$/.test(letter),
  W: (letter) => !/^\w$/.test(letter),
  s: (letter) => /^\s$/.test(letter),
  S: (letter) => !/^\s$/.test(letter),
};

/** Adds the states of a node that goes on to `next`; the first of them. */
function build(node: Node, next: number, states: State[]): number {
  if (states.length > maxStates) throw new PatternError('it repeats too much');
  switch (node.is) {
    case 'letter':
      return states.push({ reads: node.reads, next }) - 1;
    case 'sequence':
      return node.nodes.reduceRight((after, part) => build(part, after, states), next);
    case 'choice':
      return states.push({ jumps: node.nodes.map((part) => build(part, next, states)) }) - 1;
    case 'repeat':
      return buildRepeat(node, next, states);
  }
}

function buildRepeat({ node, min, max }: Extract<Node, { is: 'repeat' }>, next: number, states: State[]): number {
  let start = next;
  if (max === Infinity) {
    const jumps = [next];
    start = states.push({ jumps }) - 1;
    jumps.push(build(node, start, states));
  } else {
    for (let count = min; count < max; count++) start = states.push({ jumps: [next, build(node, start, states)] }) - 1;
  }
  for (let count = 0; count < min; count++) start = build(node, start, states);
  return start;
}

/** All states at once, letter by letter. */
function run(states: State[], start: number, text: string): boolean {
  let current = reach(states, [start]);
  for (const letter of text) {
    const read = [...current].flatMap((index) => {
      const state = states[index];
      return typeof state === 'object' && 'reads' in state && state.reads(letter) ? [state.next] : [];
    });
    current = reach(states, read);
  }
  return current.has(0);
}

function reach(states: State[], from: number[]): Set<number> {
  const reached = new Set<number>();
  const open = [...from];
  for (let index = open.pop(); index !== undefined; index = open.pop()) {
    if (reached.has(index)) continue;
    reached.add(index);
    const state = states[index];
    if (typeof state === 'object' && 'jumps' in state) open.push(...state.jumps);
  }
  return reached;
}
