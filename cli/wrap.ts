// Text broken into lines at spaces.

/** Lines of at most `width` columns, where no word is longer: the first begins with `first`, the others with `indent`. Pure. */
export function wrapped(
  text: string,
  { width, first, indent }: { width: number; first: string; indent: string },
): string[] {
  const lines: string[] = [];
  let line = first;
  let isEmpty = true;
  for (const word of text.split(' ')) {
    if (!isEmpty && line.length + 1 + word.length > width) {
      lines.push(line.trimEnd());
      [line, isEmpty] = [indent, true];
    }
    line += isEmpty ? word : ` ${word}`;
    isEmpty = false;
  }
  return [...lines, line.trimEnd()];
}
