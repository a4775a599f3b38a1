// Diagnostics as a log in SARIF 2.1.0, which code scanning services read.
import { isAbsolute, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Diagnostic, Place } from '../compiler/diagnostics.js';
import { codeTexts } from '../schemas/generated/codes.js';
import type { CheckedFile } from './commands/validate.js';

type Json = Record<string, unknown>;

/** The log of one run over the files. @param version of Pawl */
export function sarifLog(files: readonly CheckedFile[], version: string): Json {
  const driver = { name: 'pawl', semanticVersion: version, rules: codeTexts.map(ruleOf) };
  return {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver },
        invocations: [{ executionSuccessful: true }],
        artifacts: [...new Set(files.map(({ file }) => file))].map((file) => ({ location: { uri: uriOf(file) } })),
        columnKind: 'utf16CodeUnits',
        results: files.flatMap(({ diagnostics }) => diagnostics.map(resultOf)),
      },
    ],
  };
}

function ruleOf({ code, title, severity, meaning, remedy, wrong, right }: (typeof codeTexts)[number]): Json {
  const block = (text: string): string => `\`\`\`yaml\n${text.trimEnd()}\n\`\`\``;
  return {
    id: code,
    shortDescription: { text: `${title}.` },
    fullDescription: { text: meaning },
    help: {
      text: remedy,
      markdown: `${meaning} ${remedy}\n\nWrong:\n\n${block(wrong)}\n\nRight:\n\n${block(right)}`,
    },
    defaultConfiguration: { level: severity === 'warning' ? 'warning' : 'error' },
  };
}

function resultOf({ code, severity, message, hint, at, related }: Diagnostic): Json {
  return {
    ruleId: code,
    ruleIndex: codeTexts.findIndex((item) => item.code === code),
    level: severity,
    message: { text: hint === null ? message : `${message}\n${hint}` },
    locations: [locationOf(at)],
    relatedLocations: related.map((item, id) => ({ id, ...locationOf(item.at), message: { text: item.message } })),
  };
}

function locationOf({ file, line, column, endLine, endColumn }: Place): Json {
  const region = line === 0 ? {} : { region: { startLine: line, startColumn: column, endLine, endColumn } };
  return { physicalLocation: { artifactLocation: { uri: uriOf(file) }, ...region } };
}

/** Relative paths stay relative, with slashes; each part is encoded. */
const uriOf = (path: string): string =>
  isAbsolute(path) ? pathToFileURL(path).href : path.split(sep).map(encodeURIComponent).join('/');
