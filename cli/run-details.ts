// What the Temporal UI shows of a run from its start: a line for lists, Markdown for its page. Pure.
import type { Plan } from '../schemas/generated/plan.js';

/** The server takes 400 bytes; lists show less. */
const longestSummary = 200;
/** The server takes 20 kB. */
const longestDetails = 16_000;

/** `quickstart.yaml: corpus, base, sft, …`. */
export function runSummary({ plan, file }: { plan: Plan; file: string }): string {
  const text = `${file.split('/').at(-1) ?? file}: ${stepNames(plan).join(', ')}`;
  return cut(text, longestSummary);
}

/** Of a fanned-out step the name alone. */
function stepNames({ steps }: Plan): string[] {
  const cells = new Set(
    Object.values(steps).flatMap((node) => (node.node === 'matrix' ? node.cells.map(({ name }) => name) : [])),
  );
  return Object.keys(steps).filter((name) => !cells.has(name));
}

/** The params, what made the run, how to come back to it, and its file. */
export function runDetails(run: {
  plan: Plan;
  file: string;
  text: string;
  workflowId: string;
  planHash: string;
  gitCommit: string | null;
}): string {
  const params = Object.entries(run.plan.params).map(([name, value]) => `| ${name} | \`${JSON.stringify(value)}\` |`);
  const head = [
    `Pipeline **${run.plan.name}**, seed ${run.plan.seed}, plan \`${run.planHash.slice(0, 23)}\`${run.gitCommit === null ? '' : `, commit \`${run.gitCommit.slice(0, 12)}\``}`,
    '',
    `\`pawl status ${run.workflowId}\` · \`pawl cancel ${run.workflowId}\``,
    ...(params.length === 0 ? [] : ['', '| param | value |', '|---|---|', ...params]),
  ].join('\n');
  return cut(`${head}\n\n\`\`\`yaml\n${run.text.trimEnd()}\n\`\`\``, longestDetails);
}

/** At most so many bytes of UTF-8, whole characters. */
function cut(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  return `${Buffer.from(text)
    .subarray(0, bytes - 3)
    .toString('utf8')
    .replace(/�+$/, '')}…`;
}
