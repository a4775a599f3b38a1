// Test results in the XML that CI systems read.
import type { CaseResult } from '../testing/run-tests.js';

export interface TestedFile {
  file: string;
  cases: { result: CaseResult; wallMs: number }[];
  /** The diagnostics of a file that could not be tested, as text; null when it could. */
  broken: string | null;
}

/** The results as JUnit XML. Times are of the machine; the virtual time is a property. Pure. */
export function junitOf(files: readonly TestedFile[]): string {
  const suites = files.map(suite);
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="pawl test">\n${suites.join('')}</testsuites>\n`;
}

function suite({ file, cases, broken }: TestedFile): string {
  const failed = cases.filter(({ result }) => result.failures.length > 0).length;
  const seconds = cases.reduce((sum, { wallMs }) => sum + wallMs, 0) / 1000;
  const counts = `tests="${cases.length}" failures="${failed}" errors="${broken === null ? 0 : 1}"`;
  const body =
    broken === null
      ? cases.map((one) => testCase(file, one)).join('')
      : `    <testcase name="${attribute(file)}" classname="${attribute(file)}"><error message="it cannot be tested">${content(broken)}</error></testcase>\n`;
  return `  <testsuite name="${attribute(file)}" ${counts} time="${seconds.toFixed(3)}">\n${body}  </testsuite>\n`;
}

function testCase(file: string, { result, wallMs }: TestedFile['cases'][number]): string {
  const { name, at, tookMs, failures } = result;
  const head = `    <testcase name="${attribute(name)}" classname="${attribute(file)}" file="${attribute(file)}" line="${at.line}" time="${(wallMs / 1000).toFixed(3)}">`;
  const properties = `<properties><property name="virtual-seconds" value="${tookMs / 1000}"/></properties>`;
  const [first] = failures;
  if (first === undefined) return `${head}${properties}</testcase>\n`;
  // One element for all: readers of the format show the first only.
  const more = failures.length === 1 ? '' : ` (and ${failures.length - 1} more)`;
  const texts = failures.map((failure) => {
    const hint = failure.hint === null ? '' : `\n  ${failure.hint}`;
    return `${failure.at.file}:${failure.at.line}:${failure.at.column}: ${failure.message}${hint}`;
  });
  const failed = `<failure message="${attribute(`${first.message}${more}`)}">${content(texts.join('\n'))}</failure>`;
  return `${head}${properties}${failed}</testcase>\n`;
}

/** Characters that XML 1.0 cannot hold are shown by their code. */
const printable = (text: string): string =>
  text.replace(
    /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udfff](?![\udc00-\udfff])/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

const content = (text: string): string =>
  printable(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const attribute = (text: string): string =>
  content(text).replaceAll('"', '&quot;').replaceAll('\n', '&#10;').replaceAll('\t', '&#9;').replaceAll('\r', '&#13;');
