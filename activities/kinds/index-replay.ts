// index.replay: every refresh policy at every budget along one recorded trajectory, each against the same full re-encodes. Each run is a
// part of the step: interrupted, it goes on with the next one.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { correctors } from '../../retrieval/refresh/fit-map.js';
import { refreshPolicies, type RefreshPolicyName } from '../../retrieval/refresh/policies.js';
import type { RefreshOptions } from '../../retrieval/refresh/policy.js';
import { threadSearch } from '../../retrieval/refresh/thread-search.js';
import { replay, type ReplayLine } from '../../retrieval/replay.js';
import {
  replayPlot,
  replayTable,
  secondsOf,
  summarise,
  type ReplayedRuns,
  type ReplayRow,
} from '../../retrieval/replay-report.js';
import { retrievalThreads } from '../../retrieval/thread-pool.js';
import { openTrajectory, type OpenTrajectory } from '../../retrieval/trajectory.js';
import { canonicalJson } from '../../schemas/canonical-json.js';
import type { KindContext, KindInput } from '../kind.js';
import { StepFailure } from '../kind.js';
import { artifactInput, integerInput, numberInput, stringListInput } from './inputs.js';
import { openParts, type Parts } from './parts.js';
import { policyOptions } from './refresh-inputs.js';

/** A policy at a budget with a corrector, and which draw of its chance. */
interface Asked {
  policy: RefreshPolicyName;
  corrector: RefreshOptions['correct'];
  budget: number;
  draw: number;
}

export async function run(context: KindContext): Promise<Record<string, number | null>> {
  const trajectory = await openTrajectory(artifactInput(context.inputs, 'trajectory').path);
  const { iterations, rows } = trajectory.manifest;
  if (iterations.length < 2) {
    throw new StepFailure(
      'data',
      `The trajectory has ${iterations.length} iteration; a policy has something to follow from the second on. Record more of the loop.`,
    );
  }
  const asked = runsOf(context.inputs);
  const parts = await openParts(context);
  const found: ReplayedRuns[] = [];
  for (const [i, one] of asked.entries()) {
    const { draw: number, ...same } = one;
    context.progress(i, asked.length, `${one.policy} at ${one.budget}, draw ${number + 1}`);
    const draw = await replayed(context, parts, trajectory, one);
    const known = found.find((runs) => isSame(runs, one));
    if (known === undefined) found.push({ ...same, draws: [draw] });
    else found[found.indexOf(known)] = { ...known, draws: [...known.draws, draw] };
  }
  await writeReport(context, found, rows);
  return { runs: asked.length, iterations: iterations.length - 1, documents: rows };
}

/** All runs, the one without any refresh first: the others are compared with it. */
function runsOf(inputs: Record<string, KindInput>): Asked[] {
  const draws = integerInput(inputs, 'draws');
  const chosen = [...new Set(stringListInput(inputs, 'policies'))].filter((policy) => policy !== 'none');
  const unknown = chosen.find((policy) => !(policy in refreshPolicies) || policy === 'frozen');
  if (unknown !== undefined) {
    const known = Object.keys(refreshPolicies).filter((policy) => policy !== 'frozen');
    throw new StepFailure('config', `\`policies\` names ${unknown}; there are ${known.join(', ')}.`, {
      input: 'policies',
    });
  }
  return [
    { policy: 'none', corrector: 'none', budget: 0, draw: 0 },
    ...chosen.flatMap((policy): Asked[] =>
      policy === 'full'
        ? [{ policy, corrector: 'none', budget: 1, draw: 0 }]
        : correctorsInput(inputs).flatMap((corrector) =>
            budgetsInput(inputs).flatMap((budget) =>
              Array.from({ length: draws }, (_, draw) => ({
                ...{ policy: policy as RefreshPolicyName, corrector, budget, draw },
              })),
            ),
          ),
    ),
  ];
}

const isSame = (a: Omit<ReplayedRuns, 'draws'>, b: Asked): boolean =>
  a.policy === b.policy && a.corrector === b.corrector && a.budget === b.budget;

function correctorsInput(inputs: Record<string, KindInput>): RefreshOptions['correct'][] {
  const chosen = [...new Set(stringListInput(inputs, 'correct'))];
  const unknown = chosen.find((name) => name !== 'none' && !(name in correctors));
  if (unknown !== undefined) {
    const known = Object.keys(correctors).join(', ');
    throw new StepFailure('config', `\`correct\` names ${unknown}; there are none, ${known}.`, { input: 'correct' });
  }
  return chosen as RefreshOptions['correct'][];
}

function budgetsInput(inputs: Record<string, KindInput>): number[] {
  return [...new Set(inputs['budgets'] as number[])].toSorted((a, b) => a - b);
}

/** One run, as a part of the step. */
async function replayed(
  context: KindContext,
  parts: Parts,
  trajectory: OpenTrajectory,
  { policy, corrector, budget, draw }: Asked,
): Promise<{ lines: ReplayLine[]; seconds: number[] }> {
  const dir = await parts.part(`${policy}-${corrector}-${budget}-${draw}`, null, async (part) => {
    const options = { ...policyOptions(context.inputs), correct: corrector };
    const seed = (context.seed ?? 0) + draw * 1_000_003;
    const limit = budget <= 1 ? { fraction: budget } : { docs: budget };
    const result = await replay(trajectory, { policy, budget: limit, options, seed }, search);
    await writeFile(join(part.dir, 'run.json'), JSON.stringify(result));
    return trajectory.manifest.iterations.length - 1;
  });
  return JSON.parse(await readFile(join(dir, 'run.json'), 'utf8')) as { lines: ReplayLine[]; seconds: number[] };
}

const search = threadSearch(retrievalThreads());

/** replay.json and lines.jsonl hold what follows from the inputs; seconds.json what was timed; report.md and the plots are for people. */
async function writeReport(context: KindContext, found: readonly ReplayedRuns[], rows: number): Promise<void> {
  const dir = await context.outputDir('report');
  const rate = numberInput(context.inputs, 'encode_rate');
  const none = found[0]?.draws[0]?.lines ?? [];
  const table: ReplayRow[] = found.map((runs) => {
    const summary = summarise(runs, none, rows);
    return { summary, ...secondsOf(runs, summary.encoded, rate === 0 ? null : rate) };
  });
  const summaries = table.map(({ summary }) => summary);
  const lines = found.flatMap(({ policy, corrector, budget, draws }) =>
    draws.flatMap((draw, i) => draw.lines.map((line) => ({ policy, corrector, budget, draw: i, ...line }))),
  );
  const seconds = table.map(({ summary: { policy, corrector, budget }, choosing, encoding }) => ({
    policy,
    corrector,
    budget,
    choosing,
    encoding,
  }));
  await writeFile(join(dir, 'replay.json'), `${canonicalJson({ schema: 1, rows, policies: summaries })}\n`);
  await writeFile(join(dir, 'lines.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  await writeFile(join(dir, 'seconds.json'), `${canonicalJson(seconds)}\n`);
  const plots = [
    { file: 'agreement.svg', figure: 'pairAgreement', label: 'pairs in the order of a full re-encode' },
    { file: 'advantages.svg', figure: 'advantageCosine', label: 'cosine of the advantages' },
    { file: 'gap.svg', figure: 'rewardGap', label: 'reward served minus full' },
  ] as const;
  for (const plot of plots) await writeFile(join(dir, plot.file), replayPlot(summaries, plot));
  const images = plots.map(({ file, label }) => `![${label}](${file})`);
  await writeFile(
    join(dir, 'report.md'),
    `# Refresh policies, replayed\n\n${replayTable(table)}\n\n${images.join('\n')}\n`,
  );
}
